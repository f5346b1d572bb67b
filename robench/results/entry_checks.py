"""Whether an entry contradicts itself: its keys, marks, probabilities and counts.

An entry is a claim by a stranger. What follows from something else in it is computed again: keys from identities,
outcomes from probabilities, counts and means from rows. No plug-in is imported, and no name is looked up.
:mod:`robench.results.entry_rows` compares the rows with the data of the task.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from robench.escaping import show_value
from robench.results.entry_agreement import check_agreement
from robench.results.entry_form import AttackMet, Entry, HighOrder
from robench.results.entry_identities import (
    check_attack,
    check_attack_parts,
    check_identities,
    check_key,
    check_plugin,
    list_attack_parts,
)
from robench.results.entry_parts import RecordRow
from robench.results.entry_row_checks import find_column_fault, find_result_fault, find_row_fault, show_first
from robench.results.info_parts import Clean, Outcome, RowCounts
from robench.results.outcome import summarise
from robench.results.salvage import can_be_right, can_be_wrong

PUBLIC = ("hub:", "index:", "public:")
"""How the source of public data begins."""
_LABEL = re.compile(r"[\w+][\w:+.-]{0,199}")
_NAME = re.compile(r"[\w][\w.-]{0,38}")

Fault = str
"""A place in the entry and what is wrong there, as a sentence without an end."""


def find_faults(entry: Entry) -> list[Fault]:
    """Return what does not fit in an entry."""
    faults = [*_check_marks(entry), *check_identities(entry), *_check_training(entry)]
    faults += _check_predictions(entry)
    for i, attack in enumerate(entry.attacks):
        faults += [f"attacks.{i} ({attack.label}): {fault}" for fault in _check_attack(entry, attack)]
    faults += check_agreement(entry)
    for i, measured in enumerate(entry.statistics):
        faults += [f"statistics.{i} ({measured.label}): {fault}" for fault in _check_statistics(entry, measured)]
    return faults


def is_own_data(source: str) -> bool:
    """Return whether data are the user's own: neither public, nor of the Hub or the package index."""
    return not source.startswith(PUBLIC)


def is_name(text: str) -> bool:
    """Return whether a text can be the name of someone who ran an entry again, which is part of the file's name."""
    return _NAME.fullmatch(text) is not None


def _check_marks(entry: Entry) -> Iterator[Fault]:
    """Check who made the entry, what was left out, and the names that become file names."""
    if (entry.mark == "rerun") != bool(entry.rerun_by):
        yield "mark is rerun if and only if rerun_by says by whom"
    if entry.rerun_by and not is_name(entry.rerun_by):
        yield f"rerun_by {show_value(entry.rerun_by)} is no name of up to 39 letters, digits and - _ ."
    if not _LABEL.fullmatch(entry.label):
        yield f"label {show_value(entry.label)} cannot be the name of a file"
    required = {"task": entry.task, "preset": entry.preset, "encoder.name": entry.encoder.name}
    yield from (f"{name} is empty" for name, value in required.items() if not value)
    if len(set(entry.labels)) < len(entry.labels):
        yield "labels has a name twice"
    if is_own_data(entry.data.source) and not entry.counts_only:
        yield (
            f"data.source is {show_value(entry.data.source)}, which is private data: the digest of a short text can be"
            " guessed, so such an entry has counts only (`robench submit --counts-only`)"
        )
    tables = [entry.predictions, *(attack.records for attack in entry.attacks)]
    if entry.counts_only and any(tables):
        yield "counts_only is true, but there are rows"
    if not entry.counts_only and None in tables:
        yield "counts_only is false, but predictions or records of an attack are missing"


def _check_training(entry: Entry) -> Iterator[Fault]:
    if not entry.encoder.digest:
        yield "encoder.digest is empty"
    plugins = {"defense": entry.defense} | {f"parts.{i}.defense": part.defense for i, part in enumerate(entry.parts)}
    yield from (f"{place} {fault}" for place, info in plugins.items() for fault in check_plugin(info))
    if entry.trained_against:
        yield from (f"trained_against.attack {fault}" for fault in check_attack(entry.trained_against.attack))
    for name, rows in (("rows", entry.rows), *((f"parts.{i}.rows", part.rows) for i, part in enumerate(entry.parts))):
        if rows and rows.unchanged is not None and rows.unchanged > rows.adversarial:
            yield f"{name} counts {rows.unchanged:,} unchanged of {rows.adversarial:,} adversarial texts"
    made = entry.trained_against.attacked if entry.trained_against else None
    if made and (fault := _find_count_fault(made)):
        yield f"trained_against.attacked {fault}"
    if made and entry.rows and entry.rows.adversarial and _statuses(entry.rows) != _statuses(made):
        yield f"rows counts {_statuses(entry.rows)} texts of D_adv, trained_against.attacked {_statuses(made)}"


def _statuses(counts: RowCounts | Outcome) -> str:
    return f"{counts.succeeded} succeeded, {counts.failed} failed, {counts.skipped} skipped, {counts.errors} errors"


def _find_count_fault(outcome: Outcome) -> str:
    total = outcome.failed + outcome.succeeded + outcome.skipped + outcome.errors
    return "" if outcome.n == total else f"has n {outcome.n:,}, but the outcomes sum to {total:,}"


def _find_clean_fault(clean: Clean) -> str:
    largest = max(clean.correct, clean.majority or 0)
    if not clean.n:
        return "counts no texts"
    return "" if largest <= clean.n else f"counts {largest:,} of {clean.n:,} texts"


def _check_predictions(entry: Entry) -> Iterator[Fault]:
    """Check predictions one by one, and the clean accuracy that follows from them."""
    if fault := _find_clean_fault(entry.clean):
        yield f"clean {fault}"
    found = entry.predictions
    if found is None:
        return
    if fault := find_column_fault(found):
        yield f"predictions {fault}"
        return
    pairs, classes = list(zip(found.label, found.probabilities, strict=True)), len(entry.labels)
    if found.id != tuple(range(len(found.id))):
        yield "predictions.id is not 0, 1, 2 and so on, a number for each text of the test split"
    wrong = [
        f"row {i} {fault}" for i, pair in enumerate(pairs) if (fault := find_row_fault(*pair, classes, empty=False))
    ]
    if wrong:
        yield from (f"predictions: {fault}" for fault in show_first(wrong))
        return
    least = sum(not can_be_wrong(probabilities, label) for label, probabilities in pairs)
    most = sum(can_be_right(probabilities, label) for label, probabilities in pairs)
    if len(pairs) != entry.clean.n or not least <= entry.clean.correct <= most:
        count = f"{entry.clean.correct:,} of {entry.clean.n:,} texts right"
        yield f"clean counts {count}, the predictions {most:,} of {len(pairs):,}"
    majority = max(Counter(found.label).values(), default=0)
    if entry.clean.majority not in (None, majority):
        yield f"clean.majority is {entry.clean.majority:,}, but the predictions have {majority:,} texts of one label"


def _check_attack(entry: Entry, attack: AttackMet) -> Iterator[Fault]:
    """Check one attack: its identity, its rows, and the numbers that follow from them."""
    expected: dict[str, Any] = {"stage": "cells", "model": entry.key, "rows": attack.attacked.n, "seed": attack.seed}
    expected |= list_attack_parts(attack.attack, attack.identity)
    yield from check_key(attack.key, attack.identity, expected)
    yield from check_attack_parts(attack.attack, attack.identity)
    yield from (f"attack {fault}" for fault in check_attack(attack.attack))
    if not attack.preset:
        yield "preset is empty"
    if not _LABEL.fullmatch(attack.label):
        yield "label cannot be the name of a folder"
    if attack.similarity and attack.similarity.n != attack.attacked.succeeded:
        yield f"similarity is of {attack.similarity.n:,} pairs, but {attack.attacked.succeeded:,} attacks succeeded"
    if not attack.attacked.n:
        yield "attacked counts no texts"
    if attack.records is None:
        if fault := _find_count_fault(attack.attacked):
            yield f"attacked {fault}"
        return
    if fault := find_column_fault(attack.records):
        yield f"records {fault}"
        return
    rows = attack.records.rows()
    yield from (f"records: {fault}" for fault in show_first(_list_row_faults(entry, rows)))
    yield from _compare_outcomes(attack.attacked, summarise(rows))


def _list_row_faults(entry: Entry, rows: Sequence[RecordRow]) -> list[str]:
    """Return the faults of the rows of an attack, each with its row's id."""
    faults = [f"row {id} stands there twice" for id, count in Counter(row.id for row in rows).items() if count > 1]
    if [row.id for row in rows] != sorted(row.id for row in rows):
        faults.append("rows are not in the order of id")
    labels = entry.predictions.label if entry.predictions else ()
    for row in rows:
        fault = find_result_fault(row, len(entry.labels))
        if not fault and row.id >= entry.clean.n:
            fault = f"is not one of the {entry.clean.n:,} test texts"
        if not fault and row.id < len(labels) and labels[row.id] != row.label:
            fault = f"has the label {row.label}, in predictions {labels[row.id]}"
        faults += [f"row {row.id} {fault}"] if fault else []
    return faults


def _compare_outcomes(said: Outcome, counted: Outcome) -> Iterator[Fault]:
    for name in ("n", "failed", "succeeded", "skipped", "errors", "queries", "words_changed"):
        before, after = getattr(said, name), getattr(counted, name)
        if before != after:
            yield f"attacked.{name} is {show_value(before)}, the records have {show_value(after)}"


def _check_statistics(entry: Entry, measured: HighOrder) -> Iterator[Fault]:
    """Check the statistics of one model, and what they share with the attacks of the entry."""
    expected = {"stage": "statistics", "model": measured.model, "pairs": measured.pairs}
    yield from check_key(measured.key, measured.identity, expected)
    yield from (f"attack {fault}" for fault in check_attack(measured.attack))
    if not _LABEL.fullmatch(measured.label):
        yield "label cannot be the name of a folder"
    cells = {attack.key: attack for attack in entry.attacks}
    if not measured.before and measured.model != entry.key:
        yield f"is of the model {measured.model}, which is not this one"
    if not measured.before and measured.clean not in (None, entry.clean):
        yield "clean is not that of the model"
    if measured.before and measured.pairs not in cells:
        yield f"the pairs are of the cell {measured.pairs}, which is not among the attacks"
    if cell := cells.get(measured.pairs):
        if (cell.attack.title, cell.attacked.n) != (measured.attack.title, measured.n + measured.errors):
            pairs = f"{measured.n:,} pairs and {measured.errors:,} errors of {measured.attack.title}"
            yield f"has {pairs}, but their cell has {cell.attacked.n:,}"
    if measured.n < 2 or (measured.unchanged or 0) > measured.n:
        yield f"counts {measured.n:,} pairs, of which {measured.unchanged or 0:,} are unchanged"
    if measured.clean and (fault := _find_clean_fault(measured.clean)):
        yield f"clean {fault}"
    if measured.attacked and (fault := _find_count_fault(measured.attacked)):
        yield f"attacked {fault}"
