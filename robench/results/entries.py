"""Entries: results of one trained model in one JSON file without texts, to keep, to publish, and to make tables from.

The form is in :mod:`robench.results.entry_form`. :func:`list_cells` and :func:`list_statistics` give back what a runs
folder holds of the same model, so everything that makes tables of stored cells makes the same tables of entries.
:mod:`robench.results.entry_checks` tells whether an entry contradicts itself; reading one does not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.results.entry_form import FORM, AttackMet, Entry, HighOrder
from robench.results.entry_parts import Records
from robench.results.entry_sets import find_conflicts
from robench.results.entry_shape import find_shape_fault
from robench.results.info import BEFORE, AdversarialInfo, CellInfo, ModelInfo, StatisticsInfo
from robench.results.info_parts import PluginInfo
from robench.results.records import Record
from robench.results.salvage import TOLERANCE
from robench.results.stage_file import describe_fault
from robench.results.store import StoredStage
from robench.results.strict_json import read_json

SUFFIX = ".json"


def read_entry(path: Path) -> Entry:
    """Read the file of an entry; its numbers are not checked against each other.

    A process reads a file once, until it changes: a page that compares many defenses asks for all entries each time.

    Raises:
        RobenchError: it cannot be read, is no entry, has another form than this version reads, or no table can be made
            of it.
    """
    state = None
    with contextlib.suppress(OSError):
        status = path.stat()
        state = status.st_ino, status.st_size, status.st_mtime_ns
    return _read_once(path, state)


@lru_cache(maxsize=1024)
def _read_once(path: Path, state: tuple[int, ...] | None) -> Entry:
    entry = convert(read_json(path), path)
    if fault := find_shape_fault(entry):
        raise RobenchError(f"{path}: {fault}; `robench validate {path}` lists all that does not fit.")
    return entry


def convert(values: Any, path: Path) -> Entry:
    """Return the entry that the values of a file stand for.

    Args:
        values: the values, see :func:`~robench.results.strict_json.read_json`.
        path: the file, for errors.

    Raises:
        RobenchError: it is no entry, or has another form than this version reads.
    """
    form = values.get("form") if isinstance(values, dict) else None
    if form is None:
        raise RobenchError(f"{path} is no entry: it has no key form. `robench submit` writes entries.")
    if form != FORM or type(form) is not int:
        raise RobenchError(f"{path} has the form {show_value(form)}; this robench reads form {FORM}.")
    try:
        return msgspec.convert(values, Entry)
    except msgspec.ValidationError as error:
        raise RobenchError(f"{path} {describe_fault(str(error))}.") from error
    except (ValueError, OverflowError) as error:
        raise RobenchError(f"{path} is no entry: {error}.") from error


def load_entries(folder: Path) -> list[Entry]:
    """Read all entries of a folder and of the folders in it, in the order of their paths.

    Raises:
        RobenchError: as :func:`read_folder`.
    """
    return list(read_folder(folder).values())


def read_folder(folder: Path) -> dict[Path, Entry]:
    """Read all entries of a folder and of the folders in it by their paths, in their order; of a file, that one.

    Raises:
        RobenchError: there is no such folder, a file in it is no entry, or two are about one model and differ.
    """
    entries = {path: read_entry(path) for path in find_files([folder])}
    for first, second in find_conflicts(entries.items()):
        raise RobenchError(
            f"{first} and {second} are about the same model and by the same author, and differ: keep one of them."
        )
    return entries


def choose_primary(entries: Sequence[Entry]) -> list[Entry]:
    """Return one entry of each model, the one that its author reported if it is there; reruns confirm it.

    Args:
        entries: in the order of their files.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        there = found.get(entry.key)
        if there is None or (there.rerun_by and not entry.rerun_by):
            found[entry.key] = entry
    return list(found.values())


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return files as they are, and of folders all JSON files in them at any depth; hidden ones are left out.

    Raises:
        RobenchError: a path does not exist, or a folder holds no JSON file.
    """
    return list(dict.fromkeys(file for path in paths for file in _find_files(path)))


def _find_files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if not path.exists() and not path.is_symlink():
            raise RobenchError(f"{path} does not exist; name the file of an entry, or a folder of them.")
        yield path
        return
    files = sorted(file for file in path.rglob(f"*{SUFFIX}") if not _is_hidden(file.relative_to(path)))
    if not files:
        raise RobenchError(f"{path} holds no entries (*{SUFFIX}); `robench submit CELL --out {path}` writes some.")
    yield from files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def encode(entry: Entry) -> bytes:
    """Return the content of an entry's file: compact JSON, the same bytes for the same content.

    Raises:
        RobenchError: it holds a number that is not finite, or half a character, which JSON cannot hold.
    """
    values = msgspec.to_builtins(entry)
    try:
        return (json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n").encode()
    except ValueError as error:  # a UnicodeEncodeError is one
        raise RobenchError(f"the entry {entry.label} cannot be written as JSON: {error}.") from error


def digest_text(text: str) -> str:
    """Return the sha256 of a text in UTF-8.

    It has no salt: the texts are public, or changes of public ones, so there is nothing to hide. Without it everybody
    can look up whether a row is one of the task's, and the same text has the same digest in all entries.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def reduce_records(records: Sequence[Record]) -> Records:
    """Reduce records to what an entry holds of them: digests in place of texts, and no reasons, which quote texts."""
    rows = sorted(records, key=lambda record: record.id)
    return Records(
        id=tuple(row.id for row in rows),
        label=tuple(row.label for row in rows),
        status=tuple(row.status for row in rows),
        before=tuple(round_probabilities(row.probabilities_before) for row in rows),
        after=tuple(round_probabilities(row.probabilities_after) for row in rows),
        queries=tuple(row.queries for row in rows),
        words_changed=tuple(row.words_changed for row in rows),
        words=tuple(row.words for row in rows),
        original=tuple(digest_text(row.original) for row in rows),
        final=tuple(digest_text(row.final) for row in rows),
    )


def round_probabilities(values: Sequence[float]) -> tuple[float, ...]:
    """Round to nine digits, which tell any two numbers of 32 bits apart; put back what is just out of 0 to 1."""
    return tuple(_round_probability(value) for value in values)


def _round_probability(value: float) -> float:
    rounded = float(f"{value:.9g}")
    nearest = min(max(rounded, 0.0), 1.0)
    return nearest if abs(rounded - nearest) <= TOLERANCE else rounded


def list_cells(entry: Entry) -> list[StoredStage[CellInfo]]:
    """Return the cells of an entry as a store gives them, with the name of a folder that does not exist."""
    return [_stored(_cell(entry, attack), entry) for attack in entry.attacks]


def list_statistics(entry: Entry) -> list[StoredStage[StatisticsInfo]]:
    """Return the high-order statistics of an entry as a store gives them, likewise."""
    return [_stored(_statistics(entry, measured), entry) for measured in entry.statistics]


def list_models(entry: Entry) -> list[StoredStage[ModelInfo]]:
    """Return the model of an entry as a store gives it, likewise."""
    own = ("key", "label", "defense", "identity", "victim", "rows", "dev", "clean", "parameters", "warnings")
    values = {name: getattr(entry, name) for name in (*own, "timing", "environment", "foreign_code")}
    trained_on = entry.trained_against.key if entry.trained_against else None
    return [_stored(ModelInfo(**_shared(entry) | values, adversarial=trained_on), entry)]


def list_training_sets(entry: Entry) -> list[StoredStage[AdversarialInfo]]:
    """Return the adversarial training set that the model of an entry was trained on, if there is one, likewise."""
    made = entry.trained_against
    if made is None:
        return []
    names = ("key", "model", "attack", "identity", "attacked", "timing", "environment")
    values = {name: getattr(made, name) for name in names}
    return [_stored(AdversarialInfo(**_shared(entry) | values, label=f"{entry.task}-{made.attack.name}"), entry)]


def _stored(info: Any, entry: Entry) -> StoredStage[Any]:
    return StoredStage(Path(f"{info.label}-{info.key}"), info, entry)


def _shared(entry: Entry) -> dict[str, Any]:
    """Return the fields that all stages of the model share."""
    return {name: getattr(entry, name) for name in _SHARED}


_SHARED = ("robench", "task", "labels", "data", "encoder", "preset", "precision", "training", "train_rows", "seed")


def _cell(entry: Entry, attack: AttackMet) -> CellInfo:
    own = {name: getattr(attack, name) for name in AttackMet.__struct_fields__ if name not in ("records", "notes")}
    data = msgspec.structs.replace(entry.data, notes=attack.notes)
    return CellInfo(
        **_shared(entry) | own | {"data": data, "model": entry.key, "model_environment": entry.environment},
        defense=entry.defense,
        adversarial=entry.trained_against.key if entry.trained_against else None,
        trained_against=_find_other_attack(entry, attack),
        clean=entry.clean,
        dev=entry.dev,
        rows=entry.rows,
        victim=entry.victim,
        warnings=entry.warnings,
    )


def _find_other_attack(entry: Entry, attack: AttackMet) -> PluginInfo | None:
    """Return the attack whose texts the model was trained on, if that is another one than the one that it met."""
    against = entry.trained_against
    is_other = against is not None and against.identity.get("attack") != attack.identity.get("attack")
    return against.attack if against and is_other else None


def _statistics(entry: Entry, measured: HighOrder) -> StatisticsInfo:
    names = ("key", "label", "preset", "model", "pairs", "attack", "identity", "statistics", "clean", "attacked")
    return StatisticsInfo(
        **_shared(entry) | {name: getattr(measured, name) for name in names},
        defense=PluginInfo(name=BEFORE) if measured.before else entry.defense,
        adversarial=entry.trained_against.key if entry.trained_against and not measured.before else None,
    )
