"""The rows of an attack, shared by all processes that work on the same stage.

How it works: the rows are divided into shards of 16, in the order of their positions. Whoever takes a shard holds a
lock, which its death releases. The first process that opens a stage appends its records to ``records.jsonl``; any other
has a file of its own in ``.parts``. Each sees the records of the others before it takes a shard, so no row is attacked
twice but those in flight when a process died. Once every row has a record, one process adds all parts to
``records.jsonl`` and deletes ``.parts``; what a dead process left there is added by whoever opens the stage next.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from filelock import FileLock

from robench.data.load import Example
from robench.errors import RobenchError
from robench.paths import (
    open_regular,
    open_unlinked,
    read_regular,
    refuse_link,
    translate_os_errors,
    translate_read_errors,
)
from robench.results import records
from robench.results.locks import try_lock, unlock
from robench.results.records import Record
from robench.results.salvage import AttackedRow, salvage
from robench.results.store import RECORDS_FILE

SHARD_ROWS = 16
"""Rows of a shard: seconds to minutes of work, so that little is lost with a process and few locks are needed."""
PARTS = ".parts"
"""The folder inside a stage's folder that has the locks and the records of further processes."""
_WRITER = "writer"


class SharedRows:
    """The rows of a stage, and which of them have a record.

    Args:
        folder: the folder of the stage.
        key: key of the stage.
        examples: all its rows, with their positions in their split.

    Attributes:
        sample: the rows, by position.
    """

    def __init__(self, folder: Path, key: str, examples: Sequence[tuple[int, Example]]) -> None:
        self._folder, self._key = folder, key
        self.sample = {i: AttackedRow(example.text, example.label) for i, example in examples}
        ids = list(self.sample)
        self._shards = [ids[at : at + SHARD_ROWS] for at in range(0, len(ids), SHARD_ROWS)]
        self._done: set[int] = set()
        self._locks: dict[int, FileLock] = {}
        self._open: dict[int, set[int]] = {}
        self._read_to: dict[Path, tuple[int, int]] = {}  # inode, and position after the last line that is known
        self._own: FileLock | None = None
        self._path = folder / RECORDS_FILE
        self._file: IO[bytes] | None = None
        self._first_open = 0

    @property
    def total(self) -> int:
        """Return the number of all rows."""
        return len(self.sample)

    @property
    def finished(self) -> int:
        """Return the number of rows that are known to have a record."""
        return len(self._done)

    def open(self, keep_good_records: Callable[[Path], Sequence[Record]]) -> None:
        """Begin to work on the stage, whose lock the caller holds.

        Args:
            keep_good_records: reads ``records.jsonl`` and sets aside what is no good record; called if no other
                process appends to the file.

        Raises:
            RobenchError: a file cannot be read or written.
        """
        path, parts = self._folder / RECORDS_FILE, self._folder / PARTS
        with translate_os_errors(self._folder):
            refuse_link(parts)
            parts.mkdir(parents=True, exist_ok=True)
            name = _WRITER
            self._own = try_lock(parts / f"{name}.lock")
            if self._own is None:
                name = secrets.token_hex(4)
                self._own = try_lock(parts / f"{name}.lock")
            else:
                self._adopt_dead_parts(path)
                self._done = {record.id for record in keep_good_records(path)}
            self._path = path if name == _WRITER else parts / f"{name}.jsonl"
            if self._path.exists():
                about = self._path.stat()
                self._read_to[self._path] = about.st_ino, about.st_size
        self._refresh()

    def take(self) -> list[int]:
        """Take the rows of a shard that nobody works on; empty if there is none now."""
        while self._first_open < len(self._shards) and self._done.issuperset(self._shards[self._first_open]):
            self._first_open += 1
        for number, rows in enumerate(self._shards[self._first_open :], start=self._first_open):
            if number in self._locks or self._done.issuperset(rows):
                continue
            with translate_os_errors(self._folder):
                lock = try_lock(self._folder / PARTS / f"shard-{number}.lock")
            if lock is None:
                continue
            self._refresh()
            if left := [row for row in rows if row not in self._done]:
                self._locks[number], self._open[number] = lock, set(left)
                return left
            unlock(lock)
        return []

    def keep(self, record: Record) -> None:
        """Append the record of a row that was taken, and release its shard after the last one."""
        if self._file is None:
            with translate_os_errors(self._path):
                self._file = open_unlinked(self._path, "ab")
        length, end = records.append(self._file, record, self._key), self._file.tell()
        inode = os.fstat(self._file.fileno()).st_ino
        if self._read_to.get(self._path, (inode, 0)) == (inode, end - length):  # else others have added lines, too
            self._read_to[self._path] = inode, end
        self._done.add(record.id)
        for number in [number for number, rows in self._open.items() if record.id in rows]:
            self._open[number].discard(record.id)
            if not self._open[number]:
                self._release(number)

    def give_back(self, rows: Sequence[int]) -> None:
        """Release the shards of rows that were taken and not recorded, so that they can be taken again."""
        for number in [number for number, left in self._open.items() if left.intersection(rows)]:
            self._release(number)

    def is_complete(self) -> bool:
        """Return whether every row has a record, by this process or by another one."""
        if len(self._done) < len(self.sample):
            self._refresh()
        return len(self._done) == len(self.sample)

    def merge(self, keep_good_records: Callable[[Path], object]) -> None:
        """Add the records of all processes to ``records.jsonl``; every row has one, and the caller holds the lock.

        Args:
            keep_good_records: see :meth:`open`; it removes no errors, though.

        Raises:
            RobenchError: a file cannot be read or written.
        """
        self.close()
        path, parts = self._folder / RECORDS_FILE, self._folder / PARTS
        files = sorted(parts.glob("*.jsonl"))
        for part in files:
            records.add_lines(path, _read_whole_lines(part))
        if files:
            keep_good_records(path)
        shutil.rmtree(parts, ignore_errors=True)

    def close(self) -> None:
        """Stop to work on the stage; what was recorded stays, locks of dead processes and an empty folder go."""
        for number in list(self._locks):
            self._release(number)
        if self._file is not None:
            with contextlib.suppress(OSError):  # append() flushes every line, so it has reported any error already
                self._file.close()
            self._file = None
        if self._own is not None:
            unlock(self._own)
            self._own = None
        parts = self._folder / PARTS
        with contextlib.suppress(OSError, RobenchError):
            for file in parts.glob("*.lock"):
                if lock := try_lock(file):
                    unlock(lock)
        for folder in (parts, self._folder):
            with contextlib.suppress(OSError):  # another process works there, or it has records
                folder.rmdir()

    def _release(self, number: int) -> None:
        del self._open[number]
        unlock(self._locks.pop(number))

    def _adopt_dead_parts(self, path: Path) -> None:
        """Add what dead processes left in ``.parts`` to the records file."""
        for part in sorted((self._folder / PARTS).glob("*.jsonl")):
            if lock := try_lock(part.with_suffix(".lock")):
                records.add_lines(path, _read_whole_lines(part))
                with translate_os_errors(part):
                    part.unlink()
                unlock(lock)

    def _refresh(self) -> None:
        """Read which rows other processes have recorded since the last time.

        A part that is gone was merged, so the records file is read after the parts. It may be the file that this
        process appends to; it is read again if it has more than what this process wrote.
        """
        for path in (*(self._folder / PARTS).glob("*.jsonl"), self._folder / RECORDS_FILE):
            with translate_read_errors(path):
                try:
                    self._read(path)
                except (OSError, RobenchError):
                    if path.exists():  # if not, it was merged
                        raise

    def _read(self, path: Path) -> None:
        """Read which rows have a record in the lines that a file has more than the last time.

        A file that was written anew, or that is shorter, is read from its beginning.
        """
        with open_regular(path) as file:
            about = os.fstat(file.fileno())
            inode, start = self._read_to.get(path, (about.st_ino, 0))
            if inode != about.st_ino or about.st_size < start:
                start = 0
            file.seek(start)
            added = file.read(about.st_size - start)
        lines = added[: added.rfind(b"\n") + 1]  # the last one may not be whole yet
        self._read_to[path] = about.st_ino, start + len(lines)
        self._done |= {record.id for record in salvage(lines, self._key, self.sample).records}


def _read_whole_lines(part: Path) -> bytes:
    """Read the lines of a file, but for an incomplete last one, with which its process died.

    Raises:
        RobenchError: it cannot be read.
    """
    with translate_read_errors(part):
        content = read_regular(part)
    return content[: content.rfind(b"\n") + 1]
