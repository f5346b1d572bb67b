"""Tables 4, 5 and 6: accuracy on clean samples and under attack, from stored cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Unpack

from robench.report.tables.captions import notes_of
from robench.report.tables.cells import mean_cell
from robench.report.tables.layout import Layout, legend_of
from robench.report.tables.model import Block, Cell, Column, Table
from robench.report.tables.options import RUNS, Asked, chosen, of_the_paper
from robench.report.tables.orders import defense_order
from robench.results.cells import Result, group, read_results, separate
from robench.results.info import CellInfo
from robench.results.selection import NoResultsError
from robench.results.store import StoredStage
from robench.study.commands import commands

CLEAN = "clean%"
CONFLICT = ("base", "base-adv", "base-adv-soft")
"""Rows of table 4."""
OTHER_ENCODERS = ("base", "ada", "taichi")
"""Rows of table 6."""


def table4(cells: Sequence[StoredStage[CellInfo]], **asked: Unpack[Asked]) -> Table:
    """Label conflict: clean accuracy of models trained on clean or on adversarial texts (Table 4 of the TaiChi paper).

    A column is an attack whose texts the models were trained on: by default PWWS, on SST-2, as in the paper. A model
    that was trained on clean texts alone stands in every column.

    Args:
        cells: finished cells.
        asked: see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    kept = chosen(cells, asked, but=["attack"], hint="`robench run --table 4` makes them.")
    kept = of_the_paper("4", kept, asked, "task", ["sst2"])
    kept = of_the_paper("4", kept, asked, "defense", CONFLICT)
    results = _by_training_texts(kept, asked)
    layout = Layout.of(results, expected=asked.get("defenses") or CONFLICT)
    columns = [Column(f"clean% ({label.text})", key=label.text) for label in layout.columns.values()]
    blocks, caption = layout.made(columns, _clean_by_attack, attacks=False)
    fill, hopeless = commands(layout.gaps(), asked.get("options", ()))
    own = ("clean%: correct / all test samples, of models trained on the texts of the attack in brackets.",)
    return Table(
        name="4",
        title="Table 4: accuracy on clean samples with gold and with soft labels of adversarial texts, in %",
        caption=caption,
        columns=tuple(columns),
        blocks=blocks,
        legend=legend_of(blocks, own, hopeless),
        notes=notes_of(r.info for r in layout.results),
        commands=fill,
    )


def table5(cells: Sequence[StoredStage[CellInfo]], **asked: Unpack[Asked]) -> Table:
    """Clean accuracy and accuracy under each attack, by task and defense (Table 5 of the TaiChi paper).

    Accuracy under attack is failed / n: what the model had wrong before the attack counts as wrong. A defense that is
    trained once per attack has several models; its clean accuracy with one seed is the mean over them. Mean and
    standard deviation over seeds are taken of these means.

    Args:
        cells: finished cells.
        asked: see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    title = "Table 5: accuracy on clean samples and under attack, in %"
    return _under_attack("5", title, Layout.of(read_results(chosen(cells, asked))), asked)


def table6(cells: Sequence[StoredStage[CellInfo]], **asked: Unpack[Asked]) -> Table:
    """The same by encoder (Table 6 of the TaiChi paper): Base, ADA and TaiChi on SST-2, unless others are asked for.

    Args:
        cells: finished cells.
        asked: see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    kept = chosen(cells, asked, hint="`robench run --table 6` makes them.")
    kept = of_the_paper("6", kept, asked, "task", ["sst2"])
    kept = of_the_paper("6", kept, asked, "defense", OTHER_ENCODERS)
    expected = asked.get("defenses") or OTHER_ENCODERS
    layout = Layout.of(read_results(kept), lead="encoder", expected=expected)
    title = "Table 6: accuracy with different encoders on clean samples and under attack, in %"
    return _under_attack("6", title, layout, asked, lead="encoder")


def _under_attack(name: str, title: str, layout: Layout, asked: Asked, lead: str = "task") -> Table:
    columns = [Column(CLEAN), *(Column(label.text) for label in layout.columns.values())]
    blocks, caption = layout.made(columns, _clean_and_attacked, lead=lead)
    fill, hopeless = commands(layout.gaps(), asked.get("options", ()))
    return Table(
        name=name,
        title=title,
        caption=caption,
        columns=tuple(columns),
        blocks=blocks,
        legend=legend_of(blocks, _how_measured(blocks), hopeless),
        notes=notes_of(r.info for r in layout.results),
        commands=fill,
    )


def _how_measured(blocks: Sequence[Block]) -> list[str]:
    lines = ["clean%: correct / all test samples. Attacks: failed / attacked samples; wrong before counts as wrong."]
    averaged = sorted({row.name for block in blocks for row in block.rows if row.per_attack}, key=defense_order)
    if averaged:
        lines.append(f"clean% of {', '.join(averaged)}: mean over their models, one per attack.")
    return lines


def _clean_and_attacked(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
    models = {r.info.model: r for r in found}.values()
    n = found[0].info.clean.n if found else 0
    cells = [mean_cell([(r.seed, r.clean) for r in models], n, learned=_learned(found))]
    for column in columns:
        under = [r for r in found if r.column == column]
        n = under[0].attacked_n if under else 0
        cells.append(mean_cell([(r.seed, r.attacked) for r in under], n, learned=_learned(under)))
    return tuple(cells)


def _clean_by_attack(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
    cells = []
    for column in columns:
        models = {r.info.model: r for r in found if r.column == column}.values()
        n = found[0].info.clean.n if found else 0
        cells.append(mean_cell([(r.seed, r.clean) for r in models], n, learned=_learned(models)))
    return tuple(cells)


def _learned(results: Iterable[Result]) -> bool:
    return all(result.learned for result in results)


def _by_training_texts(cells: Sequence[StoredStage[CellInfo]], asked: Asked) -> list[Result]:
    """Results in the columns of the attacks whose texts made the models; those of clean texts in all of them."""
    results = [replace(r, block=r.model_block) for r in read_results(cells)]
    attacks = asked.get("attacks") or ["pwws"]
    wanted = group((r for r in results if r.attack.name in attacks), lambda r: r.column)
    trained = [r for members in wanted.values() for r in members if r.info.adversarial]
    columns = group(trained, lambda r: r.column) or wanted
    if not columns:
        there = ", ".join(sorted({str(r.attack.name) for r in results}))
        raise NoResultsError(
            f"no results in {asked.get('runs', RUNS)} for table 4 with models trained on texts of {', '.join(attacks)};"
            f" there are results with attack {there}."
        )
    free = {(r.block, r.row, r.seed, r.info.model): r for r in results if not r.info.adversarial}
    spread = [
        replace(r, column=column, attack=like[0].attack) for column, like in columns.items() for r in free.values()
    ]
    return separate([*trained, *spread], by="model")
