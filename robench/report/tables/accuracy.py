"""Accuracy on clean samples and under attack, from stored cells: the label conflict, all attacks, all encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from robench.escaping import list_values
from robench.report.tables.adaptive import ADAPTIVE, AdaptiveColumn
from robench.report.tables.cells import attacked_cell, clean_cell
from robench.report.tables.layout import Layout
from robench.report.tables.legend import HOW_ATTACKED, describe_clean
from robench.report.tables.masking import MaskReader, describe_masked
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.report.tables.worst import HOW_WORST, worst_cell
from robench.results.cells import Result, group, read_results, separate
from robench.results.info import CellInfo, TransferInfo
from robench.results.paper_contents import rank
from robench.results.sample_reader import SampleReader
from robench.results.selection import NoResultsError
from robench.results.store import StoredStage
from robench.results.worst import WorstReader
from robench.study.commands import make_commands, make_table_command

NOT_ATTACKS = (CLEAN, ADAPTIVE, WORST)
"""Columns that are no attack's."""


def label_conflict_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of clean accuracies of models trained on clean or adversarial texts (table 4 of the TaiChi paper).

    A column is an attack whose texts the models were trained on: by default the paper's, on the paper's task. A model
    that was trained on clean texts alone stands in every column.
    """
    spec, paper = request.table, request.paper
    kept = request.select(cells, selection=replace(request.selection, attacks=()), hint=request.hint)
    kept = request.restrict(kept, "task", spec.tasks)
    kept = request.restrict(kept, "defense", spec.defenses)
    results = _by_training_texts(kept, request)
    layout = Layout.of(paper, results, expected=request.selection.defenses or spec.defenses)
    labels = layout.columns.values()
    columns = [Column(f"{CLEAN} ({label.text})", key=label.text, attack=label.plain) for label in labels]
    reader = SampleReader.of(results, request.reader)

    def cells_of(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
        return tuple(clean_cell(reader, [r for r in found if r.column == column]) for column in columns)

    arranged, caption = layout.arrange(cells_of, attacks=False)
    clean = describe_clean(r.info for r in layout.results)
    return request.finish(
        arranged,
        columns,
        caption=caption,
        legend=[f"{clean}, of models trained on the texts of the attack in brackets."],
        infos=(r.info for r in layout.results),
        commands=make_commands(layout.gaps(), request.command_options),
    )


def accuracy_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of clean accuracy and accuracy under each attack, by task and defense (table 5 of the TaiChi paper).

    Accuracy under attack is failed / (n - errors): what the model had wrong before the attack counts as wrong. A
    defense that is trained once per attack has several models; its clean accuracy with one seed is the mean over those
    that all seeds have.
    Mean and standard deviation over seeds are taken of these means.
    """
    return _under_attack(Layout.of(request.paper, read_results(request.select(cells))), request, cells)


def encoders_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of the same accuracies by encoder (table 6 of the TaiChi paper).

    It has the task and the defenses of the paper, unless the options name others.
    """
    spec = request.table
    kept = request.select(cells, hint=request.hint)
    kept = request.restrict(kept, "task", spec.tasks)
    kept = request.restrict(kept, "defense", spec.defenses)
    expected = request.selection.defenses or spec.defenses
    layout = Layout.of(request.paper, read_results(kept), lead="encoder", expected=expected)
    return _under_attack(layout, request, cells)


def _under_attack(layout: Layout, request: TableRequest, cells: Sequence[StoredStage[CellInfo]]) -> Table:
    columns = [Column(CLEAN), *layout.list_columns()]
    reader = SampleReader.of(layout.results, request.reader)
    worst = WorstReader(reader, layout.results) if _is_worst_shown(layout) else None
    transfers = request.store.stages(TransferInfo) if request.store else ()
    masks = MaskReader(reader, layout.results, cells, transfers, request.level)
    selected = request.select_adaptive(cells)
    adaptive = AdaptiveColumn(reader, layout, read_results(selected), show_gaps=not request.selection.attacks)
    columns += [Column(ADAPTIVE, better=None)] if adaptive.is_shown else []
    columns += [Column(WORST)] if worst else []
    arranged, caption = layout.arrange(partial(_clean_and_attacked, reader, worst, masks, adaptive))
    clean = describe_clean(r.info for r in layout.results)
    measured = _how_measured(arranged, columns, request, clean)
    measured[1:1] = [adaptive.describe()] if adaptive.is_shown else []
    return request.finish(
        arranged,
        columns,
        caption=caption,
        legend=measured,
        infos=(r.info for r in layout.results),
        notes=describe_masked(arranged, columns),
        commands=make_commands([*layout.gaps(), *adaptive.gaps()], request.command_options),
        usual=True,
    )


def _is_worst_shown(layout: Layout) -> bool:
    """Return whether a block has several attacks and a defense that is one model, so that one of them is the worst."""
    return any(
        len({r.column for r in members}) > 1 and not all(r.info.adversarial for r in members)
        for members in layout.blocks.values()
    )


def attacks_of(columns: Sequence[Column], row: Row) -> tuple[str, ...]:
    """Return the titles of the attacks whose models clean% of a row is a mean over: those that all its seeds have."""
    shown = [(c.name, cell.seeds) for c, cell in zip(columns, row.cells, strict=True) if c.name not in NOT_ATTACKS]
    shared = tuple(name for name, seeds in shown if set(seeds) == set(row.seeds))
    return shared or tuple(name for name, seeds in shown if seeds)


def _how_measured(blocks: Sequence[Block], columns: Sequence[Column], request: TableRequest, clean: str) -> list[str]:
    lines = [f"{clean}. Attacks: {HOW_ATTACKED}."]
    rows = [(block, row) for block in blocks for row in block.rows if row.per_attack]
    rows.sort(key=lambda found: rank(found[1].name, request.paper.defense_order))
    attacks: dict[str, set[tuple[str, ...]]] = {}
    for _, row in rows:
        attacks.setdefault(row.name, set()).add(attacks_of(columns, row))
    averaged: dict[tuple[str, ...], dict[str, None]] = {}
    several = len({block.task for block, _ in rows}) > 1
    for block, row in rows:
        name = row.name if len(attacks[row.name]) == 1 else row.label + (f" on {block.task}" if several else "")
        averaged.setdefault(attacks_of(columns, row), {})[name] = None
    lines += [
        f"clean% of {', '.join(names)}: mean over their models, one per attack ({', '.join(titles)})."
        for titles, names in averaged.items()
    ]
    if columns[-1].name == WORST:
        lines.append(HOW_WORST)
    if columns[-1].name == WORST and rows:
        command = make_table_command("worst", request.selection, request.command_options)
        lines.append(f"n/a: one model per attack; `{command}` has the worst% of each.")
    return lines


def _clean_and_attacked(
    reader: SampleReader,
    worst: WorstReader | None,
    masks: MaskReader,
    adaptive: AdaptiveColumn,
    found: Sequence[Result],
    columns: Sequence[str],
) -> tuple[Cell, ...]:
    by_column = [[r for r in found if r.column == column] for column in columns]
    cells = [clean_cell(reader, found)]
    cells += [replace(attacked_cell(reader, some), masked=masks.find(some)) for some in by_column]
    cells += [adaptive.cell(found)] if adaptive.is_shown else []
    if worst is not None:
        is_one_model = not any(r.info.adversarial for r in found)
        cells.append(worst_cell(worst, found) if is_one_model else Cell(text="n/a"))
    return tuple(cells)


def _by_training_texts(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> list[Result]:
    """Return results in the columns of the attacks whose texts made the models; those of clean texts in all columns."""
    results = [replace(r, block=r.model_block) for r in read_results(cells)]
    attacks = request.selection.attacks or request.table.attacks
    under = group((r for r in results if r.attack.name in attacks), lambda r: r.column)
    trained = [r for members in under.values() for r in members if r.info.adversarial]
    columns = group(trained, lambda r: r.column) or under
    if not columns:
        there = list_values(sorted({str(r.attack.name) for r in results}))
        raise NoResultsError(
            f"no results in {request.runs} for table {request.table.number} with models trained on texts of"
            f" {', '.join(attacks)}; there are results with attack {there}."
        )
    free = {(r.block, r.row, r.seed, r.info.model): r for r in results if not r.info.adversarial}
    spread = [
        replace(r, column=column, attack=like[0].attack) for column, like in columns.items() for r in free.values()
    ]
    return separate([*trained, *spread], by="model")
