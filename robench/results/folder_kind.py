"""Whether a folder holds runs or entries."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from robench.results.info import StageKind

_BEGINNING = b'{"form":'
"""How the file of an entry begins."""


def holds_entries(folder: Path, *, is_checked: bool = False) -> bool:
    """Return whether a folder has JSON files, as a folder of entries, but none of the folders of a runs folder.

    Args:
        folder: the folder, which need not exist.
        is_checked: whether one of the files has to begin as an entry does.
    """
    try:
        if not folder.is_dir() or any((folder / kind).is_dir() for kind in get_args(StageKind)):
            return False
        return any(not is_checked or _begins_as_entry(file) for file in folder.glob("[!.]*.json"))
    except OSError:  # whoever reads or writes there says what is wrong with it
        return False


def _begins_as_entry(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False
