"""The results of two defenses that can be compared: of one task, one setting, and one version of each defense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.plugins import registry
from robench.report.comparison_commands import WORST_CASE, ComparisonRequest
from robench.report.tables.captions import headings, setting_of
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, group, keep_shared_models, read_model_results, read_results
from robench.results.info import CellInfo
from robench.results.labels import column_labels, is_model_name, model_labels, plain_attack, row_labels
from robench.results.papers import find_paper
from robench.results.sample_reader import SampleReader, Samples
from robench.results.selection import leave_out_crossed, prefer_unchanged
from robench.results.store import Store, StoredStage
from robench.results.worst import WorstReader


def find_rows(store: Store, request: ComparisonRequest) -> list[list[Result]]:
    """Return the results of each defense or model, of one setting.

    Args:
        store: the runs folder.
        request: what is compared.

    Raises:
        RobenchError: there are none, or they are of several settings.
    """
    names, attack, task = request.names, request.attack, request.task
    selected = request.selection.select(store.stages(CellInfo), str(store.root), hint=request.hint)
    cells = _on_split(selected, request, store.root)
    if attack == WORST_CASE:
        cells = leave_out_adaptive(cells, cells)
    # A model under another attack than that which it was trained against is no other version of its defense.
    results, models = read_results(leave_out_crossed(cells)), read_model_results(cells)
    labels = {row: label.text for found in (row_labels(results), model_labels(models)) for row, label in found.items()}
    attacks = {column: label.text for column, label in column_labels(models).items()}
    # The worst case is that of one model under several attacks, everything else that of a defense if it has a row.
    first = models if attack == WORST_CASE else results
    rows = [
        [r for r in first if name in (r.defense.name, labels[r.row])]
        or [r for r in models if is_model_name(name, r, labels[r.row])]
        for name in names
    ]
    for name, row, other in zip(names, rows, reversed(rows), strict=True):
        if not row:
            there = list_values(sorted({*labels.values()}))
            met = other if attack in ("", WORST_CASE) else _select_attack(other, attack, attacks)
            known = registry.is_registered("defenses", name) and met and not any(r.info.victim for r in met)
            hint = f" {request.describe_missing(name, met)}" if known else ""
            raise RobenchError(f"no results in {store.root} of {name} on {task}; there are results of {there}.{hint}")
    if attack and attack != WORST_CASE:
        pairs = zip(rows, names, strict=True)
        rows = [_under_attack(row, name, attack, models, labels, attacks) for row, name in pairs]
    places = [group(row, lambda r: _place(r, attack)) for row in rows]
    shared = [place for place in places[0] if place in places[1]]
    if not shared:
        hint = request.describe_missing(names[1], rows[0] if not any(r.info.victim for r in rows[1]) else rows[1])
        raise RobenchError(
            f"{store.root} has no results of {names[0]} and {names[1]} on {task} that can be compared: data, encoder,"
            f" training and samples have to be the same. {hint}"
        )
    # An attack's bare name is that of the unchanged one, if both have met it.
    shared = [place for place in shared if attack and plain_attack(places[0][place][0].attack)] or shared
    if len(shared) > 1:
        firsts = [places[0][place][0] for place in shared]
        settings = [setting_of(r.info, attack=attacks[r.column], attacked_n=r.attacked_n) for r in firsts]
        apart = "; ".join(dict.fromkeys(head or task for head in headings(settings, find_paper())[0]))
        ways = "--encoder or --preset" if attack == WORST_CASE else "--encoder, --preset or the attack's title"
        raise RobenchError(f"results of {list_values(names)} are of several settings: {apart}. Choose with {ways}.")
    return [_one_version(found[shared[0]], labels) for found in places]


def _place(result: Result, attack: str) -> str:
    """Return what two results share if their outcomes can be compared."""
    if attack == WORST_CASE:
        return result.block
    return result.block + result.column if attack else result.model_block


def _on_split(
    cells: Sequence[StoredStage[CellInfo]], request: ComparisonRequest, root: Path
) -> list[StoredStage[CellInfo]]:
    """Return the cells whose attacked rows are of the split.

    Raises:
        RobenchError: there are none.
    """
    split, found = request.split, [cell for cell in cells if cell.info.split == request.split]
    if not found:
        there = list_values(sorted({cell.info.split for cell in cells}))
        hint = f" {request.hint}" if split in ("dev", "test") else ""
        raise RobenchError(f"no results in {root} on {split} rows; there are results on {there} rows (--split).{hint}")
    return found


def _select_attack(results: Sequence[Result], attack: str, attacks: Mapping[str, str]) -> list[Result]:
    """Return the results under all attacks of a name or title, or under the one that is labelled so."""
    found = [r for r in results if attack in (r.attack.name, r.attack.title)]
    return found or [r for r in results if attack == attacks[r.column]]


def _under_attack(
    row: Sequence[Result],
    name: str,
    attack: str,
    models: Sequence[Result],
    labels: Mapping[str, str],
    attacks: Mapping[str, str],
) -> list[Result]:
    """Return what :func:`_select_attack` does.

    Raises:
        RobenchError: there are none.
    """
    found = _select_attack(row, attack, attacks)
    if not found:
        titles = list_values(sorted({attacks[r.column] for r in row}))
        crossed = _select_attack([r for r in models if r.defense.name == name], attack, attacks)
        others = list_values(sorted({labels[r.row] for r in crossed}))
        raise RobenchError(
            f"no results of {name} under {attack}; there are results under {titles}"
            + (f", and {others} met it: that is the name of a model trained against another attack." if others else ".")
        )
    return found


def _one_version(results: Sequence[Result], labels: Mapping[str, str]) -> list[Result]:
    """Return results of one version of a defense, the one without changed fields if there are several.

    Raises:
        RobenchError: there are several all the same.
    """
    kept = prefer_unchanged(results)
    versions = sorted({labels[r.row] for r in kept})
    if len(versions) > 1:
        raise RobenchError(
            f"there are several versions of {kept[0].defense.name}: {list_values(versions)}; name one of them."
        )
    return kept


def read_outcomes(
    reader: SampleReader, rows: Sequence[Sequence[Result]], request: ComparisonRequest
) -> list[Mapping[int, Samples]]:
    """Return the outcomes of rows by seed, under an attack, under the worst of all, or on clean texts.

    Results of entries that have counts alone are left out.

    Args:
        reader: of their runs folder.
        rows: as :func:`find_rows` returns them.
        request: what is compared.

    Raises:
        RobenchError: a row has counts alone, clean predictions are not stored, or the rows have not met the same
            attacks.
    """
    known = [[r for r in row if r.entry is None or reader.columns(r.folder).id] for row in rows]
    for name, row in zip(request.names, known, strict=True):
        if not row:
            what = "its entries have counts alone, no single samples"
            raise RobenchError(f"{_name_outcomes(request.attack)} of {name} are not known: {what}.")
    if request.attack == WORST_CASE:
        return _read_worst(reader, known, request.names)
    if request.attack:
        return [reader.attacked((r.seed, r.folder) for r in row) for row in known]
    return [_read_clean(reader, row, request) for row in known]


def _name_outcomes(attack: str) -> str:
    """Return what a comparison is of, in words."""
    if attack == WORST_CASE:
        return "the worst cases"
    return f"the outcomes under {attack}" if attack else "the predictions on clean texts"


def _read_worst(
    reader: SampleReader, rows: Sequence[Sequence[Result]], names: Sequence[str]
) -> list[Mapping[int, Samples]]:
    worst = WorstReader(reader, [r for row in rows for r in row])
    found: list[Mapping[int, Samples]] = [worst.read(row) for row in rows]
    if not all(found):
        met = "; ".join(
            f"{name} met {list_values(dict.fromkeys(r.attack.title for r in row))}"
            for name, row in zip(names, rows, strict=True)
        )
        raise RobenchError(
            f"the worst cases of {names[0]} and {names[1]} cannot be compared: both have to meet the same attacks on"
            f" the same samples; {met}."
        )
    return found


def _read_clean(reader: SampleReader, row: Sequence[Result], request: ComparisonRequest) -> Mapping[int, Samples]:
    found = reader.clean(keep_shared_models(row))
    if found is None and request.split != "test":
        raise RobenchError(
            f"what {row[0].defense.name} predicts for clean {request.split} rows is known where an attack met all of"
            f" them: {request.describe_clean(row)} attacks so many."
        )
    if found is None:
        raise RobenchError(
            f"the predictions of {row[0].defense.name} on clean texts are not stored: the folder of its model is gone;"
            f" {request.describe_clean(row)} makes it again."
        )
    return found
