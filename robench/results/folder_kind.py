"""Whether a folder holds runs or entries."""

from __future__ import annotations

from pathlib import Path

_KINDS = ("cells", "models", "adversarial", "statistics", "transfer", "certificates")


def holds_entries(folder: Path) -> bool:
    """Return whether a folder has JSON files, as a folder of entries, but none of the folders of a runs folder."""
    if not folder.is_dir() or any((folder / kind).is_dir() for kind in _KINDS):
        return False
    return any(folder.glob("[!.]*.json"))
