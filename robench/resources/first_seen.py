"""Pins for files whose publishers give none.

The sha256 of each file is written beside the files when they are first seen. From then on, a change is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.paths import atomic_write_text
from robench.resources.file_digests import digest_file

NOTE = "robench.json"


def pin_files(folder: Path, files: Sequence[Path]) -> str:
    """Return one sha256 for ``files`` in ``folder``, as they were when first seen.

    If they were never seen before, they are hashed now, which takes 2 s per gigabyte.

    Raises:
        RobenchError: the note beside the files is damaged.
    """
    digests = _read_note(folder) or _write_note(folder, _hash_files(folder, files))
    return "sha256:" + hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def check_files(folder: Path, files: Sequence[Path]) -> None:
    """Check that ``files`` in ``folder`` are the same as when they were first seen.

    Raises:
        RobenchError: a file has changed, or there are other files; the note beside them is damaged.
    """
    present = _hash_files(folder, files)
    first = _read_note(folder) or _write_note(folder, present)
    changed = sorted(name for name in first.keys() | present.keys() if first.get(name) != present.get(name))
    if changed:
        raise RobenchError(
            f"{folder / changed[0]} has changed since robench first saw it (its sha256 differs from the one in "
            f"{folder / NOTE}): restore the file, or delete {NOTE} to accept the new one as a different resource."
        )


def _hash_files(folder: Path, files: Sequence[Path]) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): digest_file(file) for file in files}


def _read_note(folder: Path) -> dict[str, str] | None:
    try:
        digests = json.loads((folder / NOTE).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(digest) for name, digest in digests.items()}
    except OSError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RobenchError(f"{folder / NOTE} is damaged: delete it to have it written again.") from error


def _write_note(folder: Path, digests: dict[str, str]) -> dict[str, str]:
    # Another user's folder may be read-only. Then no note is kept, and each process hashes the files.
    with contextlib.suppress(RobenchError):
        atomic_write_text(folder / NOTE, json.dumps({"sha256": digests}, indent=1, sort_keys=True) + "\n")
    return digests
