"""The private folders of a node of a cluster, which shares no disk with the process that runs robench.

::

    ROBENCH_CACHE/nodes/<run>/worker-<n>/   the runs folder of a worker: copies of the stages that its last jobs needed
    ROBENCH_CACHE/nodes/<run>/making/       stages that are being made here, such as a training with its checkpoints
    ROBENCH_CACHE/nodes/<run>/models/       copies of the folders of encoders and of users' models
    ROBENCH_CACHE/nodes/<run>/plugins/      copies of plug-in files

How it works: ``<run>`` stands for a runs folder, so that its next run finds the checkpoints again. Each worker holds
the lock of one ``worker-<n>``, so no other one reads or deletes what is in it. All of it may be deleted between two
runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from filelock import FileLock

from robench.paths import atomic_write_bytes, atomic_write_folder, cache_dir, read_regular
from robench.results.integrity import CHECKPOINT_FILE, STAGE_FILE
from robench.results.locks import try_lock, unlock
from robench.syncing import make_folder

KEPT_STAGES = 4
"""Number of stages that a worker keeps copies of, besides those that its job needs: their weights may be large."""

Contents = dict[str, bytes]
"""The files of a folder, by name."""


def read_folder(folder: Path) -> Contents:
    """Read the files of a folder, without hidden ones; none if it does not exist.

    Raises:
        OSError: one cannot be read.
    """
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: read_regular(path) for path in files if path.is_file() and not path.name.startswith(".")}


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files to a folder, which takes the place of an older one as a whole.

    Raises:
        RobenchError: it cannot be written.
    """
    with atomic_write_folder(folder) as draft:
        for name, content in contents.items():
            (draft / name).write_bytes(content)


def identify_stage(folder: Path) -> str:
    """Return a digest of a finished stage: of its ``stage.json``, which has those of its files, and of their sizes."""
    sizes = sorted(f"{path.name} {path.stat().st_size}" for path in folder.iterdir() if not path.name.startswith("."))
    return hashlib.sha256(read_regular(folder / STAGE_FILE) + "\n".join(sizes).encode()).hexdigest()


class NodeFolders:
    """The folders of a worker on its node.

    Args:
        run: stands for a runs folder.

    Attributes:
        store: the worker's runs folder.

    Raises:
        OSError: they cannot be made.
    """

    def __init__(self, run: str) -> None:
        self._root = cache_dir() / "nodes" / run
        make_folder(self._root.parent)
        with self._lock_all():
            make_folder(self._root)
            self.store, self._lock = self._claim()
            make_folder(self.store)

    def _claim(self) -> tuple[Path, FileLock]:
        """Lock the first of the workers' folders that no living worker has."""
        for number in itertools.count():
            store = self._root / f"worker-{number}"
            if lock := try_lock(store.with_suffix(".lock")):
                return store, lock
        raise AssertionError("there are endless numbers")

    def _lock_all(self) -> FileLock:
        """Return the lock of what the workers of a node share."""
        return FileLock(f"{self._root}.lock")

    def place(self, name: PurePosixPath) -> Path:
        """Return the folder in which a stage is made.

        Args:
            name: its path in the runs folder.
        """
        return self._root / "making" / name

    def prepare_place(self, name: PurePosixPath, contents: Mapping[str, bytes]) -> Path:
        """Return the folder in which a stage is made, with the files that it begins with.

        Args:
            name: its path in the runs folder.
            contents: files of the stage that were there before; those of an earlier try on this node stay, too.

        Raises:
            RobenchError: it cannot be written.
        """
        place = self.place(name)
        make_folder(place.parent)
        if (place / STAGE_FILE).exists():  # it was finished here, and is to be made again
            shutil.rmtree(place)
        for file, content in contents.items():
            if file != CHECKPOINT_FILE or not (place / file).exists():
                atomic_write_bytes(place / file, content)
        return place

    def keep_stage(self, name: PurePosixPath, digest: str, fetch: Callable[[], Contents]) -> None:
        """Have a copy of a finished stage in the worker's runs folder.

        Args:
            name: its path in the runs folder.
            digest: its :func:`identify_stage`.
            fetch: returns its files, if they are not here.

        Raises:
            RobenchError: it cannot be written.
        """
        folder = self.store / name
        if not (folder / STAGE_FILE).exists() or identify_stage(folder) != digest:
            write_folder(folder, fetch())
        os.utime(folder)

    def adopt_stage(self, name: PurePosixPath) -> None:
        """Keep a stage that was made here, for jobs that need it."""
        folder = self.store / name.parent.name / name.name  # it may have been made in the place of an older one
        make_folder(folder.parent)
        if folder.exists():
            shutil.rmtree(folder)
        self.place(name).replace(folder)

    def drop_stages(self, needed: set[PurePosixPath]) -> None:
        """Delete the copies of stages that were not used for longest, but for those that the next job needs."""
        others = [
            path for path in self.store.glob("*/[!.]*") if PurePosixPath(path.relative_to(self.store)) not in needed
        ]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT_STAGES]:
            shutil.rmtree(path)

    def keep_model(self, digest: str, fetch: Callable[[], Contents]) -> Path:
        """Return the folder of a copy of a model's folder.

        Args:
            digest: identifies the model.
            fetch: returns its files, if they are not here.

        Raises:
            RobenchError: it cannot be written.
        """
        folder = self._root / "models" / hashlib.sha256(digest.encode()).hexdigest()[:16]
        with self._lock_all():
            if not folder.is_dir():
                write_folder(folder, fetch())
        return folder

    def keep_plugin(self, path: str, content: bytes) -> Path:
        """Return the copy of a plug-in file, which has its name.

        Raises:
            RobenchError: it cannot be written.
        """
        digest = hashlib.sha256(path.encode() + content).hexdigest()[:16]
        copy = self._root / "plugins" / digest / PurePosixPath(path).name
        if not copy.exists():
            atomic_write_bytes(copy, content)
        return copy

    def _delete_unused(self, store: Path) -> bool:
        """Delete a worker's runs folder, whose lock the system releases if the worker dies; return whether it could."""
        lock = try_lock(store.with_suffix(".lock"))
        if lock is None:
            return False
        shutil.rmtree(store, ignore_errors=True)
        unlock(lock)
        return True

    def leave(self) -> None:
        """Delete the runs folders of this worker and of dead ones; the last one deletes all but what is unfinished."""
        with self._lock_all():
            shutil.rmtree(self.store, ignore_errors=True)
            unlock(self._lock)
            if not all([self._delete_unused(path) for path in self._root.glob("worker-*/")]):
                return
            is_unfinished = any(path.is_file() for path in self._root.glob("making/**/*"))
            for path in self._root.iterdir():
                if path.is_dir() and not (is_unfinished and path.name == "making"):
                    shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._root.rmdir()
