"""The answers of a function or an endpoint, kept on the disk so that no text is paid for twice.

How it works: ``RUNS/answers/<digest>.sqlite`` has the scores of each text, under a hash of the text. The name is the
model's digest, so another source, ``--version`` or prompt is asked anew. A call's answers are one transaction: after a
crash, they are there whole or not at all. Several processes may share the file. Results that are made again
(``--existing always``) are asked for anew, too: the answers go to ``<digest>.again.sqlite``, and take the place of the
old ones when the run comes to its end. If the model changes before that, nothing reads that file any more, and it may
be deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.paths import refuse_link, translate_os_errors
from robench.syncing import make_folder

if TYPE_CHECKING:
    import numpy as np

FOLDER = "answers"
_AGAIN = ".again.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS answers (text BLOB PRIMARY KEY, scores BLOB) WITHOUT ROWID"
_AT_ONCE = 500
"""Texts in one question to the database, which has a limit."""

ScoresByText = dict[str, "np.ndarray[tuple[int], np.dtype[np.float32]]"]
"""Scores (C,) by text."""


class StoredAnswers:
    """The kept answers of one model.

    Args:
        root: the runs folder.
        digest: the model's digest.
        again: whether results are made again, so that the answers of earlier runs do not count.
    """

    def __init__(self, root: Path, digest: str, *, again: bool = False) -> None:
        self.path = root / FOLDER / f"{digest[:32]}{_AGAIN if again else '.sqlite'}"
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def find(self, texts: Sequence[str]) -> ScoresByText:
        """Return the scores of those texts that have an answer.

        Raises:
            RobenchError: the file cannot be read.
        """
        if self._database is None and not self.path.exists():
            return {}
        import numpy as np

        by_key = {_hash(text): text for text in texts}
        keys, found = list(by_key), dict[bytes, bytes]()
        with self._explain():
            database = self._open()
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                found.update(database.execute(f"SELECT text, scores FROM answers WHERE text IN ({marks})", part))
        return {by_key[key]: np.frombuffer(scores, "<f4") for key, scores in found.items()}

    def add(self, rows: ScoresByText) -> None:
        """Keep the scores of texts; those that are there stay as they are.

        Raises:
            RobenchError: the file cannot be written.
        """
        lines = [(_hash(text), row.astype("<f4").tobytes()) for text, row in rows.items()]
        with self._explain():
            database = self._open()
            with database:
                database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", lines)

    def replace_by(self, other: StoredAnswers) -> None:
        """Take over all answers of another file, and forget those that were there.

        A file of SQLite must not be renamed: what a killed process left beside the old one would be read as part of the
        new one. So the answers are copied, in one transaction.

        Raises:
            RobenchError: a file cannot be read or written.
        """
        with other._explain():
            other._open()
        with self._explain():
            database = self._open()
            database.execute("ATTACH ? AS other", (str(other.path),))
            with database:
                database.execute("DELETE FROM answers")
                database.execute("INSERT INTO answers SELECT text, scores FROM other.answers")
            database.execute("DETACH other")

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            with translate_os_errors(self.path):
                make_folder(self.path.parent)
                refuse_link(self.path)
            database = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
            database.execute("PRAGMA journal_mode = WAL")  # a commit then waits for no disk, and outlives a crash
            database.execute("PRAGMA synchronous = NORMAL")
            with database:
                database.execute(_TABLE)
            self._database = database
        return self._database

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RobenchError(
                f"{self.path}, which keeps the model's answers, cannot be used ({error}). Free some space, or delete"
                " the file: its answers are then asked for again."
            ) from error


def replace_answers(root: Path, digests: Collection[str]) -> None:
    """Put the answers of a run that made results again into the place of older ones.

    Args:
        root: the runs folder.
        digests: digests of the models of the run. The new answers of other models belong to runs that have not ended.

    Raises:
        RobenchError: a file cannot be read or written; the old answers are there then.
    """
    for digest in digests:
        new = StoredAnswers(root, digest, again=True)
        if new.path.exists():
            with contextlib.closing(new), contextlib.closing(StoredAnswers(root, digest)) as old:
                old.replace_by(new)
    drop_new_answers(root, digests)


def drop_new_answers(root: Path, digests: Collection[str]) -> None:
    """Delete the answers of a run that made results again: they were taken over, or the model has changed.

    Args:
        root: the runs folder.
        digests: digests of the models of the run.
    """
    for digest in digests:
        name = StoredAnswers(root, digest, again=True).path.name
        for path in (root / FOLDER).glob(f"{name}*"):  # and what SQLite keeps beside it
            with translate_os_errors(path):
                path.unlink(missing_ok=True)


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
