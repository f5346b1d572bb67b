"""Folders of the cache: named after what determines them, and made by one process while others wait."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from robench.paths import atomic_write_folder, cache_dir, translate_os_errors


def locate_folder(name: str, identity: str) -> Path:
    """Return the folder of the cache for something of a name that a text identifies."""
    return cache_dir() / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


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
