"""The runs folder: results, each found again by a key of exactly what determines it.

::

    RUNS/models/<label>-<key>/       stage.json  model.safetensors  config and tokenizer  clean.jsonl  training.jsonl
    RUNS/models/<label>-<key>/       stage.json  clean.jsonl       a user's model, whose weights are not copied
    RUNS/adversarial/<label>-<key>/  stage.json  records.jsonl     the adversarial training set, made against Base
    RUNS/cells/<label>-<key>/        stage.json  records.jsonl     one attack on one trained defense
    RUNS/statistics/<label>-<key>/   stage.json                    the high-order statistics of one model

How it works: a stage describes itself by an identity, a dictionary of everything that determines its result, and its
key is a hash of that (:func:`make_key`). The key alone decides whether a result exists; the label only makes the
folder's name readable. ``stage.json`` is written last, so a folder without it is unfinished. A file lock beside the
folder keeps two processes from making the same stage.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from filelock import FileLock, Timeout

from robench.errors import RobenchError
from robench.paths import absolute_path, atomic_write_text, translate_os_errors
from robench.results.info import AdversarialInfo, CellInfo, Info, ModelInfo, StageKind, decode, encode, kind_of

STAGE_FILE = "stage.json"
RECORDS_FILE = "records.jsonl"

_STAGE_NAME = re.compile(r"[^.].*-[0-9a-f]{16}")


def make_key(identity: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits of the sha256 of an identity; the order of its keys does not matter.

    Raises:
        RobenchError: a value in it is no plain JSON value, which only a field of a plug-in can be.
    """
    try:
        text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise RobenchError(
            f"a result needs a key, and a field of a plug-in has no place in it: {error}. Such fields are texts,"
            " numbers, true, false, none, or lists of these."
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class StoredStage(Generic[Info]):
    """A finished stage: its folder and the content of its ``stage.json``."""

    folder: Path
    info: Info

    @property
    def key(self) -> str:
        """Return the key that its folder's name ends with."""
        return self.folder.name.rpartition("-")[2]


class Store:
    """A runs folder.

    Args:
        root: the folder; it is created when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = absolute_path(root)

    def check_writable(self) -> None:
        """Check that results can be stored, so that a run does not fail at its end; leave nothing behind.

        Raises:
            RobenchError: the folder cannot be created or written to.
        """
        with translate_os_errors(self.root):
            nearest = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
            with tempfile.TemporaryFile(dir=nearest) as probe:
                probe.write(b"robench")

    def folder(self, kind: StageKind, label: str, key: str) -> Path:
        """Return the folder of a stage, which need not exist; an existing one may have another label, but this key."""
        parent = self.root / kind
        named = parent / f"{label}-{key}"
        if not named.exists():
            return next(iter(parent.glob(f"[!.]*-{key}")), named)
        return named

    def read(self, folder: Path) -> StoredStage[Any] | None:
        """Read a finished stage; None if there is none.

        Raises:
            RobenchError: its ``stage.json`` cannot be read, or belongs to another folder.
        """
        path = folder / STAGE_FILE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RobenchError(f"{path} cannot be read ({error}); delete its folder and run again.") from error
        info = decode(content, path)
        stage = StoredStage(folder, info)
        if info.key != stage.key:
            raise RobenchError(f"{path} has the key {info.key}, its folder another: give the folder its name back.")
        if info.kind != folder.parent.name:
            raise RobenchError(
                f"{path} describes one of the {info.kind}, but its folder is among the {folder.parent.name}:"
                " move it back."
            )
        return stage

    def stages(self, info: type[Info]) -> list[StoredStage[Info]]:
        """Read all finished stages of a kind, by folder name; other folders and files are ignored.

        Args:
            info: the structure that describes them, such as :class:`~robench.results.info.CellInfo`.
        """
        parent = self.root / kind_of(info)
        if not parent.is_dir():
            return []
        named = (path for path in sorted(parent.iterdir()) if _STAGE_NAME.fullmatch(path.name) and path.is_dir())
        return [stage for folder in named if (stage := self.read(folder)) is not None]

    def find(self, name: str) -> StoredStage[Any]:
        """Find the cell, or else the model or adversarial training set, whose folder name or key begins with ``name``.

        Raises:
            RobenchError: there is none, or there are several.
        """
        for kind in (CellInfo, ModelInfo, AdversarialInfo):
            stages: list[StoredStage[Any]] = [*self.stages(kind)]
            hits = [s for s in stages if s.folder.name == name or s.key == name]
            hits = hits or [s for s in stages if s.folder.name.startswith(name) or s.key.startswith(name)]
            if len(hits) == 1:
                return hits[0]
            if hits:
                shown = ", ".join(stage.folder.name for stage in hits[:6])
                raise RobenchError(
                    f"{name!r} fits {len(hits)} {kind_of(kind)}: {shown}. Give more of the name, or the key."
                )
        known = [stage.folder.name for stage in self.stages(CellInfo)]
        some = f"it has {', '.join(known[:6])}" if known else "it is empty; `robench run` fills it"
        raise RobenchError(f"no cell {name!r} in {self.root}: {some}.")

    def finish(self, folder: Path, info: Info) -> StoredStage[Info]:
        """Write ``stage.json``, after which the stage counts as finished."""
        atomic_write_text(folder / STAGE_FILE, encode(info))
        return StoredStage(folder, info)

    def remove(self, folder: Path) -> None:
        """Delete the folder of a stage, finished or not."""
        if folder.exists():
            with translate_os_errors(folder):
                shutil.rmtree(folder)

    @contextlib.contextmanager
    def lock(self, folder: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep other processes from making the same stage, and delete the drafts of a process that was killed.

        The key alone decides what is locked: another process may make the same stage under another label.

        Args:
            folder: the folder of the stage.
            on_wait: called if another process holds the lock.
        """
        key = folder.name.rpartition("-")[2]
        with translate_os_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder.parent / f".{key}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                on_wait()
                lock.acquire()
        try:
            for draft in folder.parent.glob(f".*-{key}.*"):
                if draft.is_dir():
                    shutil.rmtree(draft, ignore_errors=True)
            yield
        finally:
            lock.release()
