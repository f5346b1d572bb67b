"""Whether a folder holds runs or entries."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from robench.errors import RobenchError
from robench.results.info import StageKind

_BEGINNING = b'{"form":'
"""How the file of an entry begins."""
_NAME_RUNS = "name the runs folder that they were made of (--runs)"


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


def refuse_entries(folder: Path, content: str, advice: str = _NAME_RUNS) -> None:
    """Reject a folder of entries for a command that needs what only the files of a runs folder hold.

    Args:
        folder: the folder.
        content: what those files hold, such as ``texts``.
        advice: what to do instead.

    Raises:
        RobenchError: it holds entries.
    """
    if holds_entries(folder, is_checked=True):
        raise RobenchError(f"{folder} holds entries, which have no {content}: {advice}.")


def _begins_as_entry(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False
