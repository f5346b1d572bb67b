"""``RUNS/.aside/<kind>/<folder>-<n>``: what was in a runs folder and did not fit, kept for its owner to look at."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from robench.paths import (
    atomic_write_bytes,
    read_regular,
    restore_folder,
    translate_os_errors,
    translate_read_errors,
)
from robench.results import records
from robench.results.integrity import RECORDS_FILE
from robench.results.redo import REDO
from robench.syncing import make_folder, sync, sync_tree

ASIDE = ".aside"


def set_aside(folder: Path) -> Path:
    """Move the folder of a stage out of the way, and return its new place.

    Raises:
        RobenchError: it cannot be moved.
    """
    return _move(folder, _find_place(folder))


def set_file_aside(path: Path) -> Path:
    """Move a file of a stage out of the way, and return its new place.

    Raises:
        RobenchError: it cannot be moved.
    """
    return _move(path, _find_place(path.parent) / path.name)


def _move(path: Path, place: Path) -> Path:
    with translate_os_errors(place):
        make_folder(place.parent)
        path.rename(place)
        sync(place.parent)
    return place


def set_aside_but_records(folder: Path, heir: Path) -> tuple[Path, bool]:
    """Move the folder of a stage, whose lock is held, out of the way; a run judges each record and keeps the good.

    How it works: a copy of the records waits in a hidden folder, from which whoever holds the lock next puts it in its
    place if this process is killed after the move, see :func:`robench.paths.restore_folder`.

    Args:
        folder: the folder.
        heir: the folder in which a run will look for records: the same, or one of another name for the same stage.

    Returns:
        The new place of the folder, and whether there are records.

    Raises:
        RobenchError: it cannot be moved, or its records cannot be copied.
    """
    path = folder / RECORDS_FILE
    if not path.is_file():
        return set_aside(folder), False
    with translate_read_errors(path):
        lines = read_regular(path)
    if heir != folder and heir.exists():
        records.add_lines(heir / RECORDS_FILE, lines)
        return set_aside(folder), True
    with translate_os_errors(heir):
        hidden = Path(tempfile.mkdtemp(dir=heir.parent, prefix=f".{heir.name}."))
        try:
            records.add_lines(hidden / heir.name / RECORDS_FILE, lines)
            sync_tree(hidden)
            place = set_aside(folder)
            restore_folder(hidden)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    return place, True


def set_lines_aside(path: Path, lines: Iterable[bytes]) -> Path:
    """Write lines that came out of a stage's file to a file of the same name, and return its place.

    Raises:
        RobenchError: it cannot be written.
    """
    place = _find_place(path.parent) / path.name
    atomic_write_bytes(place, b"".join(line + b"\n" for line in lines))
    return place


def _find_place(folder: Path) -> Path:
    """Return the first free place for something of a stage.

    Its folder is ``RUNS/<kind>/<folder>``, or ``RUNS/.redo/<parents>/<kind>/<folder>`` while it is made again.
    """
    root = folder.parent.parent
    root = root.parent.parent if root.parent.name == REDO else root
    parent, number = root / ASIDE / folder.parent.name, 1
    while (place := parent / f"{folder.name}-{number}").exists():
        number += 1
    return place
