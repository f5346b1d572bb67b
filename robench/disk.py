"""Checks of a disk before work begins: room for what will be written, and a folder that takes files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from robench.errors import RobenchError
from robench.paths import translate_os_errors


def check_free_space(folder: Path, size: int, content: str) -> None:
    """Check that a disk has room for what will be written, before it is computed.

    Args:
        folder: where it will be written; it need not exist yet.
        size: its bytes.
        content: what it is, such as ``the trained model``.

    Raises:
        RobenchError: there is less.
    """
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return
    if free < size:
        raise RobenchError(
            f"{content} takes {_format_size(size)} in {folder}, whose disk has {_format_size(free)} free: free some"
            " space there, or name another folder with --runs."
        )


def _format_size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def check_writable(folder: Path) -> None:
    """Check that files can be written to a folder, so that a run does not fail at its end; leave nothing behind.

    Raises:
        RobenchError: it cannot be created or written to.
    """
    with translate_os_errors(folder):
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"robench")
