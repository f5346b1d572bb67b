"""The validation of entry files: form, size, contradictions, the name of the file, and rows if data are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.results.entries import convert
from robench.results.entry_checks import find_faults
from robench.results.entry_form import Entry
from robench.results.entry_rows import RowSource, check_task, compare_rows
from robench.results.entry_sets import find_conflicts, find_copied_seeds
from robench.results.strict_json import read_json

Fault = str
Note = str
PluginCheck = Callable[[Entry], tuple[Sequence[Fault], Sequence[Note]]]
"""What is wrong with the defenses and attacks of an entry, and what of them cannot be checked."""


@dataclass(frozen=True)
class FileVerdict:
    """What was found about one file.

    Attributes:
        path: the file.
        faults: what is wrong, as sentences.
        notes: what could not be checked, or is ignored, as sentences.
        entry: the entry; None if the file is none.
    """

    path: Path
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()
    entry: Entry | None = None


def validate_files(
    paths: Iterable[Path], rows: RowSource, check_plugins: PluginCheck | None = None
) -> list[FileVerdict]:
    """Check files one by one, and whether they contradict each other.

    Args:
        paths: the files.
        rows: where the data of tasks are read from.
        check_plugins: checks defenses and attacks.
    """
    verdicts = [validate(path, rows, check_plugins) for path in paths]
    entries = [(verdict.path, verdict.entry) for verdict in verdicts if verdict.entry is not None]
    faults: dict[Path, list[str]] = {}
    for first, second in find_conflicts(entries):
        faults.setdefault(second, []).append(f"is about the same model as {first}, by the same author, and differs")
    for first, second in find_copied_seeds(entries):
        fault = f"has another seed than {first}, and the same predictions to the last bit"
        faults.setdefault(second, []).append(fault)
    return [
        replace(verdict, faults=(*verdict.faults, *(f"{verdict.path}: {f}." for f in faults.get(verdict.path, ()))))
        for verdict in verdicts
    ]


def validate(path: Path, rows: RowSource, check_plugins: PluginCheck | None = None) -> FileVerdict:
    """Check a file; nothing in it is run or looked up on the network, and only ``check_plugins`` imports anything.

    Args:
        path: the file.
        rows: where the data of tasks are read from.
        check_plugins: checks defenses and attacks.
    """
    try:
        values = read_json(path)
        entry = convert(values, path)
    except RobenchError as error:
        return FileVerdict(path, (str(error),))
    faults: list[Fault] = [*find_faults(entry), *check_task(entry)]
    notes: list[Note] = []
    if check_plugins is not None and not faults:
        more, unchecked = check_plugins(entry)
        faults += more
        notes += unchecked
    if not faults and path.name != entry.file_name:
        faults.append(f"the file of this entry should be named {entry.file_name}")
    if unknown := list(find_unknown_keys(values)):
        notes.append(f"keys that this robench does not know are ignored: {list_values(unknown)}")
    if entry.counts_only:
        notes.append("it has counts only, which follow from nothing else in it")
    elif not faults:
        data = rows.find(entry.task, entry.data.digest)
        faults += compare_rows(entry, data) if data else []
        notes += [] if data else [f"its rows are not compared with the task's: {rows.explain(entry.task)}"]
    return FileVerdict(path, tuple(f"{path}: {f}." for f in faults), tuple(f"{path}: {n}." for n in notes), entry)


def find_unknown_keys(values: Any) -> Iterator[str]:
    """Yield the places of keys that the form does not have: of a later version, or with something to hide."""
    yield from _find_unknown(values, _form(), "")


@cache
def _form() -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(Entry)


def _find_unknown(values: Any, form: msgspec.inspect.Type, place: str) -> Iterator[str]:
    if isinstance(form, msgspec.inspect.UnionType):
        parts = [part for part in form.types if not isinstance(part, msgspec.inspect.NoneType)]
        if len(parts) == 1 and values is not None:
            yield from _find_unknown(values, parts[0], place)
    elif isinstance(form, msgspec.inspect.VarTupleType):
        if isinstance(form.item_type, msgspec.inspect.StructType):
            for index, value in enumerate(values):
                yield from _find_unknown(value, form.item_type, f"{place}{index}.")
    elif isinstance(form, msgspec.inspect.StructType):
        known = {field.encode_name: field.type for field in form.fields}
        for name, value in values.items():
            if name in known:
                yield from _find_unknown(value, known[name], f"{place}{name}.")
            else:
                yield f"{place}{name}"
