"""The results of two defenses that can be compared: of one task, one setting, and one version of each defense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.report.tables.captions import headings, setting_of
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, group, read_model_results, read_results
from robench.results.info import CellInfo
from robench.results.labels import column_labels, model_labels, plain_attack, row_labels
from robench.results.papers import find_paper
from robench.results.sample_reader import SampleReader, Samples
from robench.results.selection import Selection, leave_out_crossed, prefer_unchanged
from robench.results.store import Store, StoredStage
from robench.results.worst import WorstReader

WORST_CASE = "worst"
"""The name that stands for the worst of all attacks in place of an attack's own."""


def find_rows(
    store: Store, names: Sequence[str], selection: Selection, *, attack: str, split: str
) -> list[list[Result]]:
    """Return the results of each defense or model, of one setting.

    Args:
        store: the runs folder.
        names: of defenses, as registered or as tables label them; of a defense that is trained once for each attack,
            that is each model under its own attack. ``ada on pwws`` is one of these models, under every attack.
        selection: one task, and what else results are chosen by.
        attack: name or title of the attack, with its changed fields as tables have them if there are several, or
            :data:`WORST_CASE`; empty for clean texts.
        split: the split whose rows were attacked.

    Raises:
        RobenchError: there are none, or they are of several settings.
    """
    (task,) = selection.tasks
    hint = _describe_command(names, task)
    selected = selection.select(store.stages(CellInfo), str(store.root), hint=hint)
    cells = _on_split(selected, split, store.root)
    if attack == WORST_CASE:
        cells = leave_out_adaptive(cells, cells)
    # A model under another attack than that which it was trained against is no other version of its defense.
    results, models = read_results(leave_out_crossed(cells)), read_model_results(cells)
    labels = {row: label.text for found in (row_labels(results), model_labels(models)) for row, label in found.items()}
    attacks = {column: label.text for column, label in column_labels(models).items()}
    # The worst case is that of one model under several attacks, everything else that of a defense if it has a row.
    first = models if attack == WORST_CASE else results
    rows = [
        [r for r in first if name in (r.defense.name, labels[r.row])] or [r for r in models if _is(name, r, labels)]
        for name in names
    ]
    for name, row in zip(names, rows, strict=True):
        if not row:
            there = list_values(sorted({*labels.values()}))
            raise RobenchError(f"no results in {store.root} of {name} on {task}; there are results of {there}.")
    if attack and attack != WORST_CASE:
        pairs = zip(rows, names, strict=True)
        rows = [_under_attack(row, name, attack, models, labels, attacks) for row, name in pairs]
    places = [group(row, lambda r: _place(r, attack)) for row in rows]
    shared = [place for place in places[0] if place in places[1]]
    if not shared:
        if any(r.info.victim for row in rows for r in row):
            hint = "`robench attack` makes results of a model of yours."
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


def _on_split(cells: Sequence[StoredStage[CellInfo]], split: str, root: Path) -> list[StoredStage[CellInfo]]:
    """Return the cells whose attacked rows are of a split.

    Raises:
        RobenchError: there are none.
    """
    found = [cell for cell in cells if cell.info.split == split]
    if not found:
        there = list_values(sorted({cell.info.split for cell in cells}))
        raise RobenchError(f"no results in {root} on {split} rows; there are results on {there} rows (--split).")
    return found


def _is(name: str, result: Result, labels: Mapping[str, str]) -> bool:
    """Return whether a name is that of the model of a result: its label, or the attack in it without its resources."""
    attack = result.info.training_attack
    return name == labels[result.row] or (attack is not None and name == f"{result.defense.name} on {attack.name}")


def _describe_command(names: Sequence[str], task: str) -> str:
    """Return a sentence with the command that makes results of some defenses."""
    parts = [name.partition(" on ") for name in names]
    defenses = ",".join(dict.fromkeys(defense.partition(" (")[0] for defense, _, _ in parts))
    attacks = ",".join(dict.fromkeys(attack.partition(" (")[0] for _, _, attack in parts if attack))
    against = f" --against {attacks}" if attacks else ""
    return f"`robench run --defense {defenses} --task {task}{against}` makes some."


def _under_attack(
    row: Sequence[Result],
    name: str,
    attack: str,
    models: Sequence[Result],
    labels: Mapping[str, str],
    attacks: Mapping[str, str],
) -> list[Result]:
    """Return the results under all attacks of a name or title, or under the one that is labelled so.

    Raises:
        RobenchError: there are none.
    """

    def select(results: Sequence[Result]) -> list[Result]:
        found = [r for r in results if attack in (r.attack.name, r.attack.title)]
        return found or [r for r in results if attack == attacks[r.column]]

    found = select(row)
    if not found:
        titles = list_values(sorted({attacks[r.column] for r in row}))
        crossed = select([r for r in models if r.defense.name == name])
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
    reader: SampleReader, rows: Sequence[Sequence[Result]], names: Sequence[str], attack: str
) -> list[Mapping[int, Samples]]:
    """Return the outcomes of rows by seed, under an attack, under the worst of all, or on clean texts.

    Args:
        reader: of their runs folder.
        rows: as :func:`find_rows` returns them.
        names: of their defenses.
        attack: as in :func:`find_rows`.

    Raises:
        RobenchError: clean predictions are not stored, or the rows have not met the same attacks.
    """
    if attack == WORST_CASE:
        return _read_worst(reader, rows, names)
    if attack:
        return [reader.attacked((r.seed, r.folder) for r in row) for row in rows]
    return [_read_clean(reader, row) for row in rows]


def _read_worst(
    reader: SampleReader, rows: Sequence[Sequence[Result]], names: Sequence[str]
) -> list[Mapping[int, Samples]]:
    known = [[r for r in row if reader.columns(r.folder).id] for row in rows]
    for name, row in zip(names, known, strict=True):
        if not row:
            raise RobenchError(
                f"the worst case of {name} is not known: its entries have counts alone, no single samples."
            )
    worst = WorstReader(reader, [r for row in known for r in row])
    found: list[Mapping[int, Samples]] = [{one.seed: one.samples for one in worst.read(row)} for row in known]
    if not all(found):
        met = "; ".join(
            f"{name} met {list_values(dict.fromkeys(r.attack.title for r in row))}"
            for name, row in zip(names, known, strict=True)
        )
        raise RobenchError(
            f"the worst cases of {names[0]} and {names[1]} cannot be compared: both have to meet the same attacks on"
            f" the same samples; {met}."
        )
    return found


def _read_clean(reader: SampleReader, row: Sequence[Result]) -> Mapping[int, Samples]:
    found = reader.clean(row)
    if found is None and (split := row[0].info.split) != "test":
        raise RobenchError(
            f"what {row[0].defense.name} predicts for clean {split} rows is known where an attack met all of them:"
            f" `robench run` with --split {split} --attack-limit {row[0].info.clean.n} attacks so many."
        )
    if found is None:
        raise RobenchError(
            f"the predictions of {row[0].defense.name} on clean texts are not stored: the folder of its model is gone;"
            " `robench run` makes it again."
        )
    return found
