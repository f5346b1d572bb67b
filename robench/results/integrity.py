"""Whether a stored stage is still what robench wrote: the threat is accident (copying, merging, power, disks).

How it works: ``stage.json`` has a checksum of itself, which :func:`robench.results.stage_file.decode` compares, and
sha256, size and number of lines of the files beside it, which :func:`find_faults` compares without reading records as
JSON, so that a table of a thousand cells takes a second. A child stores a digest of what it used of its parents; a
parent that has changed since is no damage of the child (:func:`find_changed_parents`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import msgspec

from robench.errors import RobenchError
from robench.paths import atomic_write_text, open_regular, read_regular, translate_os_errors
from robench.results import records
from robench.results.certificates import CERTIFICATES_FILE
from robench.results.columns import COLUMNS_FILE, RecordColumns, make_columns, read_copy, write_columns
from robench.results.draws import DRAWS_FILE
from robench.results.info import AttackInfo, CellInfo, Info, ModelInfo, StageInfo
from robench.results.info_origin import FileInfo
from robench.results.stage_file import encode, seal
from robench.syncing import make_folder, sync, sync_tree

STAGE_FILE = "stage.json"
RECORDS_FILE = "records.jsonl"
CLEAN_FILE = "clean.jsonl"
TRAINING_FILE = "training.jsonl"
WEIGHTS_FILE = "model.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"
"""The state of an unfinished training."""

TABLE_FILES = (RECORDS_FILE, CLEAN_FILE, DRAWS_FILE, CERTIFICATES_FILE)
"""The files that tables are made from, besides ``stage.json``."""


class _Files(msgspec.Struct):
    """The field of ``stage.json`` that describes the files beside it."""

    files: dict[str, FileInfo] = {}


_LINES = ".jsonl"
_SECONDS = b', "seconds": '


def make_key(identity: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits of the sha256 of an identity; the order of its keys does not matter.

    Raises:
        RobenchError: a value in it is no plain JSON value, which only a field of a plug-in can be.
    """
    try:
        text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise RobenchError(
            f"a result needs a key, and a field of a plug-in has no place in it: {error}. Such fields are texts,"
            " numbers, true, false, none, or lists of these."
        ) from error
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def find_key(name: str) -> str:
    """Return the key at the end of the name of a stage's folder, ``<label>-<key>``."""
    return name.rpartition("-")[2]


def is_key_of_identity(info: StageInfo) -> bool:
    """Return whether the key of a stage belongs to its identity; true if it has no identity."""
    return not info.identity or make_key(info.identity) == info.key


def describe_files(folder: Path) -> dict[str, FileInfo]:
    """Describe the files of a stage, without its ``stage.json``, hidden ones and the copy of its records.

    Raises:
        OSError: one cannot be read.
    """
    return {path.name: describe_file(path) for path in _files(folder) if path.name not in (STAGE_FILE, COLUMNS_FILE)}


def describe_file(path: Path) -> FileInfo:
    """Return sha256, size and, for a file of lines, the number of lines of a file.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix == _LINES:
        return _describe_lines(read_regular(path))
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileInfo(sha256=digest, bytes=file.tell())


def write_stage(folder: Path, info: Info) -> Info:
    """Describe the files of a folder and write its ``stage.json``; return what was written.

    Everything that ``stage.json`` marks as finished is on the disk before it, and so is the copy of a cell's records.

    Raises:
        RobenchError: a file cannot be read or written.
    """
    with translate_os_errors(folder):
        make_folder(folder)
        info = seal(msgspec.structs.replace(info, files=describe_files(folder)))
        if isinstance(info, CellInfo) and RECORDS_FILE in info.files:
            write_columns(folder, records.read(folder / RECORDS_FILE), info.files[RECORDS_FILE].sha256)
        sync_tree(folder)
        sync(folder.parent)
    atomic_write_text(folder / STAGE_FILE, encode(info))
    return info


def read_columns(folder: Path) -> RecordColumns:
    """Read the columns of a finished cell's records: from their copy, or from the records if none fits them.

    Args:
        folder: the folder of the cell, whose ``stage.json`` names the sha256 of its records.

    Raises:
        RobenchError: the records are missing or broken.
    """
    try:
        described = msgspec.json.decode(read_regular(folder / STAGE_FILE), type=_Files).files.get(RECORDS_FILE)
    except (OSError, ValueError, RecursionError):
        described = None
    columns = read_copy(folder, described.sha256) if described else None
    return make_columns(records.read(folder / RECORDS_FILE)) if columns is None else columns


def find_faults(folder: Path, info: StageInfo, names: Container[str] | None = TABLE_FILES) -> list[str]:
    """Return what does not fit in the folder of a stage, as sentences without an end.

    Args:
        folder: the folder.
        info: its ``stage.json``, whose own checksum fits.
        names: the files to check, and that no others of these names are there; None checks all files, and that there
            are none that tables are made from, or that a model is read from.
    """
    faults = _find_gaps(info)
    for name, before in sorted(info.files.items()):
        if names is None or name in names:
            faults += _check_file(folder / name, before)
    read = [name for name in TABLE_FILES if (names is None or name in names) and (folder / name).exists()]
    if names is None and isinstance(info, ModelInfo):
        # Transformers reads further files if they are there, such as added_tokens.json.
        read += [path.name for path in _files(folder) if path.suffix == ".json" and path.name != STAGE_FILE]
    return faults + [f"{name} is none of the files that robench wrote" for name in read if name not in info.files]


def digest_content(folder: Path, info: StageInfo) -> str:
    """Return the sha256 of what another stage uses of this one; empty if that is not known.

    It is the same if the stage is made again with the same result: neither times nor training log matter, and nor does
    the order of records.
    """
    path = folder / RECORDS_FILE
    if isinstance(info, AttackInfo) and path.is_file():
        lines = read_regular(path).split(b"\n")
        parts = sorted(line.rpartition(_SECONDS)[0] for line in lines if line)
        return hashlib.sha256(b"\n".join(parts)).hexdigest()
    parts = [f"{name} {file.sha256}".encode() for name, file in sorted(info.files.items()) if name != TRAINING_FILE]
    return hashlib.sha256(b"\n".join(parts)).hexdigest() if parts else ""


def find_changed_parents(info: StageInfo, digest: Callable[[str], str]) -> list[str]:
    """Return the keys of the parents that have changed since a stage was made from them.

    Args:
        info: the stage.
        digest: returns the :func:`digest_content` of a stage by key; empty if it is absent, which is normal, or if it
            is not known.
    """
    return [key for key, before in info.parents.items() if before and (now := digest(key)) and now != before]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _find_gaps(info: StageInfo) -> list[str]:
    """Name what ``stage.json`` has to have, though a field has a default: records, and what a table of cells needs."""
    if isinstance(info, AttackInfo) and RECORDS_FILE not in info.files:
        return [f"{STAGE_FILE} describes no {RECORDS_FILE}"]
    if not isinstance(info, CellInfo):
        return []
    values = {"defense.class": info.defense.class_, "model": info.model, "preset": info.preset}
    gaps = [f"{STAGE_FILE} has no {name}" for name, value in values.items() if not value]
    return gaps if info.clean.n else [*gaps, f"{STAGE_FILE} counts no clean samples"]


def _check_file(path: Path, before: FileInfo) -> list[str]:
    try:
        data = read_regular(path) if path.suffix == _LINES else None
        if data is not None and before.sha256 == hashlib.sha256(data).hexdigest():
            return []  # the same content has the same lines, which take as long to count
        now = describe_file(path) if data is None else _describe_lines(data)
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except OSError as error:
        return [f"{path.name} cannot be read ({(error.strerror or str(error)).lower()})"]
    fault = _compare(before, now)
    return [f"{path.name} {fault}"] if fault else []


def _compare(before: FileInfo, now: FileInfo) -> str:
    """Return how a file differs from what was stored, as the end of a sentence; empty if it does not."""
    if before == now:
        return ""
    if before.lines is not None and now.lines is not None and before.lines != now.lines:
        return f"has {now.lines:,} lines in place of {before.lines:,}"
    if before.bytes != now.bytes:
        return f"has {now.bytes:,} bytes in place of {before.bytes:,}"
    return "has another content than when it was stored"


def _describe_lines(data: bytes) -> FileInfo:
    return FileInfo(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), lines=data.count(b"\n"))
