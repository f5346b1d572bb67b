"""``RUNS/.aside/<kind>/<folder>-<n>``: what was in a runs folder and did not fit, kept for its owner to look at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from robench.paths import atomic_write_bytes, read_regular, translate_os_errors
from robench.results import records
from robench.results.integrity import RECORDS_FILE
from robench.results.redo import REDO
from robench.syncing import make_folder, sync

ASIDE = ".aside"


def set_aside(folder: Path) -> Path:
    """Move the folder of a stage out of the way, and return its new place.

    Raises:
        RobenchError: it cannot be moved.
    """
    place = _find_place(folder)
    with translate_os_errors(place):
        make_folder(place.parent)
        folder.rename(place)
        sync(place.parent)
    return place


def set_file_aside(path: Path) -> Path:
    """Move a file of a stage out of the way, and return its new place.

    Raises:
        RobenchError: it cannot be moved.
    """
    place = _find_place(path.parent) / path.name
    with translate_os_errors(place):
        make_folder(place.parent)
        path.rename(place)
        sync(place.parent)
    return place


def bring_records_back(place: Path, folder: Path) -> bool:
    """Copy the records of a stage that was set aside to its folder, where a run judges each line and keeps the good.

    Args:
        place: where the stage is now.
        folder: its folder, which need not exist.

    Returns:
        Whether there are records.

    Raises:
        RobenchError: they cannot be read or written.
    """
    path = place / RECORDS_FILE
    if not path.is_file():
        return False
    with translate_os_errors(path):
        lines = read_regular(path)
    records.add_lines(folder / RECORDS_FILE, lines)
    return True


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
