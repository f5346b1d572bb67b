"""Waiting until files and the names of files are on the disk; no other module does it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_AT_ONCE = 8
"""Files synced at once: the file system then writes its journal once for many of them."""


def make_folder(path: Path) -> None:
    """Make a folder that need not exist, and those above it; they outlive a power cut.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def sync_tree(folder: Path) -> None:
    """Sync a folder and everything in it; see :func:`sync`."""
    from concurrent.futures import ThreadPoolExecutor

    paths = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(sync, paths))


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk and outlive a power cut.

    Raises:
        OSError: the disk is full or fails.
    """
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # Windows opens no folder
        return
    try:
        handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        # Some network file systems cannot sync a folder, and one without the right to list cannot be opened.
        if not is_folder or error.errno not in (errno.EINVAL, errno.EBADF, errno.EACCES):
            raise
