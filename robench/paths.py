"""Paths, and writing that is atomic and lasting.

How it works: a file or folder is written beside its target, synced, and renamed over it; then the folder around it is
synced. Without the first sync, a power cut could leave the new name with an empty file; without the second, it could
take the name back after others were told that it is there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Literal

import platformdirs

from robench.errors import RobenchError
from robench.syncing import make_folder, sync, sync_tree

_LARGEST = 2**40
"""Most bytes of a file that is read."""

_anchor: list[Path] = []
"""The folder from which relative paths are taken, while there is one."""


@contextlib.contextmanager
def anchor_paths() -> Iterator[None]:
    """Take relative paths in the block from the working directory at its start.

    Code of others that runs inside the block may change the working directory; results, data and plug-ins stay where
    the user said. An outer block decides.
    """
    _anchor.append(_anchor[0] if _anchor else _working_directory())
    try:
        yield
    finally:
        _anchor.pop()


def cache_dir() -> Path:
    """Return the folder of downloads: ``ROBENCH_CACHE``, or else the platform's cache folder for robench."""
    return absolute_path(Path(os.environ.get("ROBENCH_CACHE") or platformdirs.user_cache_path("robench")))


def absolute_path(path: Path) -> Path:
    """Return the absolute form of a path that a user wrote; see :func:`anchor_paths`. ``~`` is the home folder.

    Raises:
        RobenchError: the home folder is not known.
    """
    try:
        return (_anchor[0] if _anchor else _working_directory()) / path.expanduser()
    except RuntimeError as error:
        raise RobenchError(f"the home folder in {path} is not known on this machine; write the path out.") from error


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise RobenchError("the working directory was removed; change to a folder that exists.") from error


@contextlib.contextmanager
def translate_os_errors(target: Path) -> Iterator[None]:
    """Translate any OSError in the block, which writes ``target``, into a sentence.

    Raises:
        RobenchError: the folder is read-only, the disk is full, or the path is not usable.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        cure = "Free some space there or name" if error.errno in _NO_SPACE else "Name"
        raise RobenchError(
            f"cannot write {target}: {reason}. {cure} another folder (--runs, --out, ROBENCH_CACHE)."
        ) from error


@contextlib.contextmanager
def translate_read_errors(source: Path) -> Iterator[None]:
    """Translate any OSError in the block, which reads ``source``, into a sentence.

    Raises:
        RobenchError: it is missing, no regular file, or may not be read.
    """
    try:
        yield
    except OSError as error:
        raise RobenchError(f"{source} cannot be read: {(error.strerror or str(error)).lower()}.") from error


_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@cache
def _find_kernel_devices() -> frozenset[int]:
    """Return the devices of the kernel's own file systems, some files of which never end, or wait for an event."""
    return frozenset(Path(place).stat().st_dev for place in ("/proc", "/sys") if os.path.ismount(place))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read it; anything else, such as a pipe or a device, could block or never end.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_dev in _find_kernel_devices():
            raise OSError(errno.EINVAL, "it is a folder, a pipe, a device or a view of the system", str(path))
        if about.st_size > _LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path) -> bytes:
    """Read a regular file, as far as its size said when it was opened; see :func:`open_regular`.

    Raises:
        OSError: it cannot be read, or is larger than the memory.
    """
    with open_regular(path) as file:
        try:
            return file.read(os.fstat(file.fileno()).st_size)
        except MemoryError:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path)) from None


def open_unlinked(path: Path, mode: Literal["ab", "r+b"]) -> IO[bytes]:
    """Open a file to change it, but refuse a symbolic link, which may lead to a file of someone else.

    Raises:
        RobenchError: it is a symbolic link.
        OSError: it cannot be opened.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

    refuse_link(path)
    return open(path, mode, opener=opener)  # Path.open takes no opener


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link in a place that robench writes to.

    Raises:
        RobenchError: it is one.
    """
    if path.is_symlink():
        raise RobenchError(
            f"{path} is a symbolic link, and robench would write to where it leads: replace it by what it leads to, or"
            " remove it. The runs folder and the folders in it (models, cells) may be links."
        )


def refuse_links(folder: Path) -> None:
    """Refuse a folder of a stage that is a symbolic link, or has one in it.

    Raises:
        RobenchError: it is or has one.
        OSError: it cannot be listed.
    """
    for path in (folder, *(folder.iterdir() if folder.is_dir() else ())):
        refuse_link(path)


def atomic_write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, so that a reader sees either the old file or the whole new one.

    Raises:
        RobenchError: the file cannot be written.
    """
    atomic_write_bytes(path, text.encode())


def atomic_write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, so that a reader sees either the old file or the whole new one.

    Raises:
        RobenchError: the file cannot be written.
    """
    with atomic_write_file(path) as draft:
        draft.write_bytes(content)


@contextlib.contextmanager
def atomic_write_file(path: Path) -> Iterator[Path]:
    """Yield an empty file to fill. It becomes ``path`` if the block succeeds, and is deleted if it fails.

    Raises:
        RobenchError: the file cannot be written.
    """
    with translate_os_errors(path):
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        draft = Path(name)
        try:
            yield draft
            draft.chmod(0o644)  # mkstemp makes it 0600, which hides the file from the user's group
            sync(draft)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync(path.parent)


@contextlib.contextmanager
def atomic_write_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill. It becomes ``target`` if the block succeeds, and is deleted if it fails.

    An existing ``target`` is replaced, see :func:`replace_folder`. Only one process may build the same target at a
    time, so hold a lock.

    Raises:
        RobenchError: the folder cannot be written.
    """
    with translate_os_errors(target):
        make_folder(target.parent)
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        draft.chmod(0o755)
        try:
            yield draft
            sync_tree(draft)
            replace_folder(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def replace_folder(draft: Path, target: Path) -> None:
    """Move a whole folder, which is synced, to the place of another one, which need not exist and is deleted last.

    A process that is killed between the two moves leaves the other one for :func:`restore_folder`.

    Raises:
        OSError: it cannot be moved; the other one is still in its place.
    """
    if not target.exists():
        make_folder(target.parent)
        draft.replace(target)
        sync(target.parent)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        target.replace(old / target.name)
        draft.replace(target)
        sync(target.parent)
    finally:
        if not target.exists():  # an interrupt may come between the two moves, too
            (old / target.name).replace(target)
        shutil.rmtree(old, ignore_errors=True)


def restore_folder(old: Path) -> None:
    """Put a folder back that :func:`replace_folder` had moved out of the way when its process was killed.

    Args:
        old: the hidden folder that may hold it, beside its place.

    Raises:
        OSError: it cannot be moved.
    """
    name = old.name.removeprefix(".").rpartition(".")[0]
    target = old.parent / name
    if (old / name).is_dir() and not target.exists():
        (old / name).replace(target)
        sync(old.parent)
