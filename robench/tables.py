"""The paper's tables as data: which rows and columns, and the numbers in them, from stored cells.

Numbers stay exact fractions, so that ties are ties; :mod:`robench.rendering` only formats. Nothing here imports more
than the standard library: a table of a thousand cells is there in a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from robench.captions import headings, notes_of, setting_of
from robench.missing import Gap, commands
from robench.results import Label, Result, column_labels, grouped, read_results, row_labels, select
from robench.spec import PAPER_ATTACKS
from robench.store import StoredStage

COMPARED = "taichi"
"""Name of the defense that is compared with the best of the others."""

PAPER_TASKS = ("sst2", "trec", "ag")
"""Tasks in the paper's order; others follow by name."""

OTHERS = "*"
DEFENSE_ORDER = (
    *("base", "base-adv", "base-adv-soft", "pgd", "fgsm", "freelb", "smart", "ada", "clean", "adversarial"),
    OTHERS,
    *("taichi-no-ctr", "taichi-no-adv", "taichi"),
)
"""Rows in the paper's order; a defense that is not named here stands at ``*``, by name."""

CLEAN = "clean%"


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        value: accuracy, 0 to 1, the mean over seeds; None where there is no result.
        sd: sample standard deviation (n - 1) over seeds; None with fewer than two.
        seeds: whose results are in it.
        best: whether others are there and none of its column and block is higher.
        difference: to the best other defense of the block, for the defense that is compared.
        n: samples of each seed.
    """

    value: Fraction | None = None
    sd: float | None = None
    seeds: tuple[int, ...] = ()
    best: bool = False
    difference: Fraction | None = None
    n: int = 0


@dataclass(frozen=True)
class Row:
    """A defense; ``cells`` has one for each column of the table.

    Attributes:
        label: name, with the hyper-parameters that were changed and, where that is ambiguous, the start of the key of
            one of its models.
        name: registered name.
        per_attack: whether a model is trained for each attack.
        clean_n: samples of the clean accuracy.
        attacked_n: samples of each attack.
        seeds: of all cells.
    """

    label: str
    name: str
    per_attack: bool
    clean_n: int
    attacked_n: int
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """Rows that can be compared: everything but defense, attack and seed is the same.

    Attributes:
        heading: the task, and what sets the block apart from others.
        setting: what its rows share, by name.
    """

    task: str
    heading: str
    setting: Mapping[str, Any]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table, ready to be formatted.

    Attributes:
        caption: what all blocks share.
        legend: how to read it.
        notes: what has to be known of the data.
        commands: what to run to fill the dashes.
    """

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def table5(
    cells: Sequence[StoredStage],
    *,
    tasks: Sequence[str] | None = None,
    defenses: Sequence[str] | None = None,
    attacks: Sequence[str] | None = None,
    encoders: Sequence[str] | None = None,
    presets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    runs: str = "the runs folder",
    options: Sequence[str] = (),
) -> Table:
    """Clean accuracy and accuracy under each attack, by task and defense (Table 5 of the TaiChi paper).

    Accuracy under attack is failed / n: what the model had wrong before the attack counts as wrong. A defense that is
    trained once per attack has several models; its clean accuracy with one seed is the mean over them. Mean and
    standard deviation over seeds are taken of these means.

    Args:
        cells: finished cells.
        tasks: names to show; none shows all.
        defenses: likewise.
        attacks: likewise.
        encoders: likewise.
        presets: likewise.
        seeds: likewise.
        runs: name of the runs folder, for errors.
        options: what to add to the commands that fill gaps, such as ``["--runs", "elsewhere"]``.

    Raises:
        RobenchError: nothing is left to show, or a cell's files are missing or broken.
    """
    chosen = select(
        cells, runs, task=tasks, defense=defenses, attack=attacks, encoder=encoders, preset=presets, seed=seeds
    )
    layout = _Layout.of(read_results(chosen))
    heads, caption = headings([members[0] for members in layout.blocks.values()])
    blocks = tuple(
        Block(members[0].info["task"], heading, setting_of(members[0]), _judged(layout.rows_of(members)))
        for heading, members in zip(heads, layout.blocks.values(), strict=True)
    )
    fill, hopeless = commands(layout.gaps(), options)
    return Table(
        name="5",
        title="Table 5: accuracy on clean samples and under attack, in %",
        caption=caption,
        columns=(CLEAN, *(label.text for label in layout.columns.values())),
        blocks=blocks,
        legend=_legend(blocks, hopeless),
        notes=notes_of(layout.results),
        commands=fill,
    )


TABLES: dict[str, Callable[..., Table]] = {"5": table5}
"""Tables by their number in the paper."""


@dataclass(frozen=True)
class _Layout:
    """Results in the order in which they are shown, and the names of rows and columns by identity."""

    results: Sequence[Result]
    rows: Mapping[str, Label]
    columns: Mapping[str, Label]
    blocks: Mapping[str, list[Result]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Sequence[Result]) -> _Layout:
        rows, columns = row_labels(results), column_labels(results)
        results = sorted(
            results,
            key=lambda r: (_block_order(r), _defense_order(r.info["defense"]["name"]), rows[r.row].text, r.row, r.seed),
        )
        by_column = sorted(results, key=lambda r: _column_order(r, columns[r.column].text))
        ordered = {r.column: columns[r.column] for r in by_column}
        return cls(results, rows, ordered, grouped(results, lambda r: r.block))

    def rows_of(self, members: Sequence[Result]) -> list[Row]:
        """The rows of a block."""
        return [self._row(found) for found in grouped(members, lambda r: r.row).values()]

    def gaps(self) -> list[Gap]:
        """Cells that the seeds of their row have elsewhere in the row."""
        example = {r.column: r for r in self.results}
        return [
            Gap(row[0], example[column], seed, not (label.ambiguous or self.rows[row[0].row].ambiguous))
            for members in self.blocks.values()
            for row in grouped(members, lambda r: r.row).values()
            for column, label in self.columns.items()
            for seed in sorted({r.seed for r in row} - {r.seed for r in row if r.column == column})
        ]

    def _row(self, found: Sequence[Result]) -> Row:
        first = found[0]
        models = {r.info["model"]: r for r in found}.values()
        clean_n = first.info["clean"]["n"]
        cells = [_cell([(r.seed, r.clean) for r in models], clean_n)]
        for column in self.columns:
            cells.append(_cell([(r.seed, r.attacked) for r in found if r.column == column], first.attacked_n))
        return Row(
            label=self.rows[first.row].text,
            name=first.info["defense"]["name"],
            per_attack=first.info["adversarial"] is not None,
            clean_n=clean_n,
            attacked_n=first.attacked_n,
            seeds=tuple(sorted({r.seed for r in found})),
            cells=tuple(cells),
        )


def _cell(values: Sequence[tuple[int, Fraction]], n: int) -> Cell:
    """Mean and standard deviation over seeds; several values of one seed are averaged first."""
    seeds = tuple(sorted({seed for seed, _ in values}))
    if not seeds:
        return Cell()
    means = [_mean([value for of, value in values if of == seed]) for seed in seeds]
    mean = _mean(means)
    squares = sum((value - mean) ** 2 for value in means)
    return Cell(mean, math.sqrt(squares / (len(means) - 1)) if len(means) > 1 else None, seeds, n=n)


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _judged(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows with the best of each column marked, and what is compared compared."""
    columns = [
        _judged_column([row.name for row in rows], cells) for cells in zip(*(r.cells for r in rows), strict=True)
    ]
    return tuple(replace(row, cells=cells) for row, cells in zip(rows, zip(*columns, strict=True), strict=True))


def _judged_column(names: Sequence[str], cells: Sequence[Cell]) -> list[Cell]:
    there = [cell.value for cell in cells if cell.value is not None]
    others = [c.value for name, c in zip(names, cells, strict=True) if name != COMPARED and c.value is not None]
    judged = []
    for name, cell in zip(names, cells, strict=True):
        if cell.value is not None:
            difference = cell.value - max(others) if name == COMPARED and others else None
            cell = replace(cell, best=len(there) > 1 and cell.value == max(there), difference=difference)
        judged.append(cell)
    return judged


def _legend(blocks: Iterable[Block], hopeless: int) -> tuple[str, ...]:
    rows = [row for block in blocks for row in block.rows]
    cells = [cell for row in rows for cell in row.cells]
    averaged = sorted({row.name for row in rows if row.per_attack}, key=_defense_order)
    lines = [
        (
            "clean%: correct / all test samples. Attacks: failed / attacked samples; wrong before counts as wrong.",
            True,
        ),
        (f"clean% of {', '.join(averaged)}: mean over their models, one per attack.", averaged),
        ("±: sample standard deviation over seeds.", any(cell.sd is not None for cell in cells)),
        (
            f"In brackets: {COMPARED} less the best other defense of its block.",
            any(c.difference is not None for c in cells),
        ),
        ("Bold: the best of the column in its block.", any(cell.best for cell in cells)),
        (f"{hopeless} of the missing cells can be made by no command: their rows are of other versions.", hopeless),
    ]
    return tuple(text for text, applies in lines if applies)


def _defense_order(name: str) -> tuple[int, str]:
    return DEFENSE_ORDER.index(name if name in DEFENSE_ORDER else OTHERS), name


def _column_order(result: Result, title: str) -> tuple[Any, ...]:
    return *_paper_order(result.info["attack"]["name"], PAPER_ATTACKS), title, result.column


def _block_order(result: Result) -> tuple[Any, ...]:
    info = result.info
    setting = info["encoder"]["name"], info["train_rows"], result.attacked_n, result.block
    return *_paper_order(info["task"], PAPER_TASKS), *setting


def _paper_order(name: str, paper: Sequence[str]) -> tuple[int, str]:
    return paper.index(name) if name in paper else len(paper), name
