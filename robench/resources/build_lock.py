"""Folders of the cache that one process makes while others wait."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from robench.paths import atomic_write_folder, translate_os_errors


@contextlib.contextmanager
def build_once(target: Path) -> Iterator[Path | None]:
    """Lock ``target`` and yield a draft folder to fill, or None if ``target`` exists by the time the lock is held."""
    with translate_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f"{target.name}.lock")
        lock.acquire()
    try:
        if target.is_dir():
            yield None
            return
        # Only the holder of the lock builds, so any draft that exists now was left by a killed process.
        for stale in target.parent.glob(f".{target.name}.*"):
            shutil.rmtree(stale, ignore_errors=True)
        with atomic_write_folder(target) as draft:
            yield draft
    finally:
        lock.release()
