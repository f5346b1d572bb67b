"""Pins for files whose publishers give none: their sha256 when they were first seen, noted beside them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.paths import atomic_write_text

NOTE = "robench.json"


def pin_files(folder: Path, files: Sequence[Path]) -> str:
    """One sha256 for ``files`` of ``folder`` as they were when first seen, which may be now (2 s a gigabyte)."""
    noted = _noted(folder) or _note(folder, _digests(folder, files))
    return "sha256:" + hashlib.sha256(json.dumps(noted, sort_keys=True).encode()).hexdigest()


def check_files(folder: Path, files: Sequence[Path]) -> None:
    """Compare ``files`` of ``folder`` with what they were when first seen.

    Raises:
        RobenchError: one has changed, or there are others.
    """
    found = _digests(folder, files)
    noted = _noted(folder) or _note(folder, found)
    changed = sorted(name for name in noted.keys() | found.keys() if noted.get(name) != found.get(name))
    if changed:
        raise RobenchError(
            f"{folder / changed[0]} is not the file that robench found there first (its sha256 differs from the one in "
            f"{folder / NOTE}): bring that file back, or delete {NOTE} to accept the new one, which counts as another."
        )


def _digests(folder: Path, files: Sequence[Path]) -> dict[str, str]:
    found = {}
    for file in files:
        with file.open("rb") as stream:
            found[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _noted(folder: Path) -> dict[str, str] | None:
    try:
        noted = json.loads((folder / NOTE).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(digest) for name, digest in noted.items()}
    except OSError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RobenchError(f"{folder / NOTE} is damaged: delete it to have it written again.") from error


def _note(folder: Path, digests: dict[str, str]) -> dict[str, str]:
    # Another user's folder may be read-only: then the files are hashed whenever they are asked about.
    with contextlib.suppress(RobenchError):
        atomic_write_text(folder / NOTE, json.dumps({"sha256": digests}, indent=1, sort_keys=True) + "\n")
    return digests
