"""Where files go, and how they get there whole: written beside the target, then renamed over it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from robench.errors import RobenchError


def cache_dir() -> Path:
    """Folder of unpacked downloads: ``ROBENCH_CACHE``, or the platform's cache folder for robench."""
    return Path(os.environ.get("ROBENCH_CACHE") or platformdirs.user_cache_path("robench"))


def expand_user(path: Path) -> Path:
    """The path with ``~`` and ``~user`` replaced.

    Raises:
        RobenchError: there is no such user.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise RobenchError(f"the home folder in {path} is not known on this machine; write the path out.") from error


@contextlib.contextmanager
def translate_os_errors(target: Path) -> Iterator[None]:
    """Turn the operating system's refusals while writing ``target`` into a sentence.

    Raises:
        RobenchError: the folder is read-only, the disk is full, or the path is not usable.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RobenchError(
            f"cannot write {target}: {reason}. Free some space there or name another folder (--runs, ROBENCH_CACHE)."
        ) from error


def atomic_write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never a part.

    Raises:
        RobenchError: the file cannot be written.
    """
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # mkstemp's 0600 would hide the file from the user's group
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def atomic_write_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill; it becomes ``target`` when the block ends well and vanishes when it does not.

    An existing ``target`` is replaced. Only one process may build the same target at a time: hold a lock.

    Raises:
        RobenchError: the folder cannot be written.
    """
    with translate_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        draft.chmod(0o755)
        try:
            yield draft
            if target.exists():
                shutil.rmtree(target)
            draft.replace(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
