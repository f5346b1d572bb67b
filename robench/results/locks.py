"""Locks of stages, and what killed processes leave in a runs folder: locks that nobody holds, and drafts.

How it works: a lock is a hidden file beside the folder of its stage, and the key alone decides which. Whoever holds a
lock deletes its file before letting go. That is safe: filelock (from 3.21 on) does not take a lock whose file was
deleted between opening and locking it. So of a file that is there and not locked, and of a draft whose key is not
locked, the process is dead. Nobody waits for a lock: who does not get one does other work first.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from robench.errors import RobenchError
from robench.paths import refuse_link, restore_folder

try:
    import fcntl
except ImportError:  # of Windows
    fcntl = None  # type: ignore[assignment]

_LOCK = re.compile(r"\.([0-9a-f]{16})\.lock")
_DRAFT = re.compile(r"\..*-([0-9a-f]{16})\.\w+")
"""The folder of a stage that is being written, see :func:`robench.paths.atomic_write_folder`."""
_FILE_DRAFT = re.compile(r"\.(stage\.json|\w+\.jsonl|checkpoint\.safetensors)\.\w{8}")


@contextlib.contextmanager
def hold_lock(parent: Path, key: str) -> Iterator[bool]:
    """Hold the lock of a key inside the block, and clear up what a killed process left of that key; never wait for it.

    Args:
        parent: the folder of a kind of stage.
        key: of the stage.

    Yields:
        Whether the lock is held; if not, another process holds it.

    Raises:
        RobenchError: the lock's file is a symbolic link.
        OSError: it cannot be made.
    """
    lock = try_lock(parent / f".{key}.lock")
    if lock is None:
        yield False
        return
    try:
        delete_drafts(parent, key)
        yield True
    finally:
        unlock(lock)


def try_lock(file: Path) -> FileLock | None:
    """Lock a file without waiting; None if another process holds it.

    Raises:
        RobenchError: it is a symbolic link.
        OSError: it cannot be made.
    """
    refuse_link(file)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def unlock(lock: FileLock) -> None:
    """Delete the file of a lock that is held, and let go of it."""
    with contextlib.suppress(OSError):  # of a system that deletes no open file
        Path(lock.lock_file).unlink()
    lock.release()


def is_held(file: Path) -> bool:
    """Return whether a process holds a lock; its holder does not notice the question, and the file stays as it is.

    For an instant, a lock that is free is shared with whoever asks, so that a run which takes it just then waits as
    long.

    Args:
        file: the file of the lock, which need not exist.
    """
    if fcntl is None:
        return file.exists()
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # it is held, or its file system has no such locks and the file itself is the lock
        return True
    finally:
        os.close(handle)
    return False


def find_held(parent: Path) -> list[str]:
    """Return the keys whose locks processes hold, sorted.

    Args:
        parent: the folder of a kind of stage.
    """
    found = (_LOCK.fullmatch(name) for name in list_names(parent))
    return sorted(match[1] for match in found if match and is_held(parent / match[0]))


def find_leftovers(parent: Path) -> list[Path]:
    """Return locks that nobody holds, and drafts of killed processes, which the next run deletes; sorted.

    Args:
        parent: the folder of a kind of stage.
    """
    found = (_LOCK.fullmatch(name) or _DRAFT.fullmatch(name) for name in list_names(parent))
    dead = (parent / match[0] for match in found if match and not is_held(parent / f".{match[1]}.lock"))
    return sorted(path for path in dead if os.path.lexists(path))  # a process may have come to its end meanwhile


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder, in any order; none if it cannot be read."""
    try:
        return os.listdir(folder)  # noqa: PTH208  a path for each name would be what takes the time
    except OSError:
        return []


def sweep(parent: Path) -> None:
    """Delete the locks and drafts of all keys that no process holds; what cannot be deleted stays."""
    if not parent.is_dir():
        return
    found = (_LOCK.fullmatch(path.name) or _DRAFT.fullmatch(path.name) for path in parent.iterdir())
    for key in sorted({match[1] for match in found if match}):
        with contextlib.suppress(OSError, RobenchError), hold_lock(parent, key):
            pass


def delete_drafts(parent: Path, key: str) -> None:
    """Delete the drafts of a key, whose lock is held; what cannot be deleted stays.

    A finished stage that was being replaced comes back.
    """
    names = [name for name in list_names(parent) if f"-{key}" in name]
    for draft in (parent / name for name in names if _DRAFT.fullmatch(name)):
        if draft.is_dir() and not draft.is_symlink():
            with contextlib.suppress(OSError):
                restore_folder(draft)
                shutil.rmtree(draft, ignore_errors=True)
    for folder in (parent / name for name in names if name.endswith(f"-{key}")):
        for file in list_names(folder):
            if _FILE_DRAFT.fullmatch(file):
                with contextlib.suppress(OSError):
                    (folder / file).unlink()
