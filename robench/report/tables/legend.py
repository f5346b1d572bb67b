"""What intervals, bold cells and leads of a table mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from robench.report.tables.comparison import Comparison
from robench.report.tables.model import CLEAN, Block, Cell, Column, Row
from robench.results.flags import FLAGS, UNLEARNED
from robench.results.info import CellInfo
from robench.results.intervals import FEWEST_SEEDS
from robench.study.commands import format_command

HOW_ATTACKED = "failed / attacked samples; wrong before counts as wrong"
"""What accuracy under attack counts, after the names of its columns; without the stop at its end."""
BOLD = "Bold:"
"""How the line on bold cells begins, which makes no sense where nothing is bold."""
OF_TWO_SEEDS = "In parentheses, of two seeds: the values of both, which are too few for an interval."
"""What stands behind a number of two seeds."""
FEW_SEEDS = (
    f"Where two rows or more of a column have {FEWEST_SEEDS} seeds, those with fewer are not compared: they are about"
    " single models and not about defenses"
)
"""What :func:`~robench.report.tables.comparison.with_enough_seeds` does, on all pages; without the stop at its end."""
UNPAIRED = "Percentages that share no sample outcomes with the best, or too few seeds, are not tested."
"""What stands below where cells could not be compared with the best."""


def describe_clean(infos: Iterable[CellInfo]) -> str:
    """Return what clean% counts: samples of the split whose rows were attacked."""
    found = list(infos)
    splits = sorted({info.split for info in found}, reverse=True)
    return describe_counted(splits, is_limited=any(info.clean.n == info.clean_limit for info in found))


def describe_counted(splits: Sequence[str], *, is_limited: bool) -> str:
    """Return what clean% counts.

    Args:
        splits: the splits that it is about.
        is_limited: whether some models were limited to a part of their split, which headings state.
    """
    return f"{CLEAN}: correct / all {' or '.join(splits)} samples{', or as many as stated' if is_limited else ''}"


def has_spread(cell: Cell) -> bool:
    """Return whether a cell shows a standard deviation: it has one, and nothing that says more."""
    return cell.sd is not None and cell.interval is None and not cell.by_seed


def legend_of(
    blocks: Sequence[Block],
    columns: Sequence[Column],
    first: Sequence[str],
    comparison: Comparison,
    hopeless: int = 0,
    options: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return how to read a table, line by line.

    Args:
        blocks: of the table.
        columns: of the table.
        first: lines of the table's own.
        comparison: which defense is compared with the others, and at which level.
        hopeless: cells that no command makes.
        options: what commands need to find the runs folder.
    """
    rows = [row for block in blocks for row in block.rows]
    cells = [cell for row in rows for cell in row.cells]
    aside = list(dict.fromkeys(name for block in blocks for name in block.ablations))
    lines = [
        ("±: sample standard deviation over seeds.", any(has_spread(cell) for cell in cells)),
        *((line, True) for line in describe_comparison(blocks, columns, comparison)),
        (f"Ablations of {comparison.defense}, which are not compared where it is: {', '.join(aside)}.", aside),
        (
            f"†: the model, or one of them, {UNLEARNED}; not compared.",
            any(not cell.learned for cell in cells),
        ),
        (
            "¶: search-masked: more of the samples that the attack fails on are fooled in other ways than is usual, so"
            " the number is too high; see the notes.",
            any(cell.masked and cell.masked.is_flagged for cell in cells),
        ),
        (
            "errors: samples on which the code of the attack or of the model failed, outside the percentage;"
            f" `{format_command('show', 'KEY', *options)}` lists them, --retry-errors tries them again.",
            any(cell.errors for cell in cells),
        ),
        (
            "!: more than 1 % of the samples ended in an error; their number may have changed the percentage.",
            any(cell.has_many_errors for cell in cells),
        ),
        *((line, True) for line in describe_flags(rows)),
        (
            f"No command makes {hopeless} of the missing cells: their rows are of another version of robench, of"
            " settings that no preset has, or of a model that only a program of yours has in memory.",
            hopeless,
        ),
    ]
    return *first, *(text for text, applies in lines if applies)


def describe_comparison(blocks: Sequence[Block], columns: Sequence[Column], comparison: Comparison) -> Iterator[str]:
    """Yield how to read intervals, leads and bold cells, as far as the blocks have them."""
    cells = [cell for block in blocks for row in block.rows for cell in row.cells]
    level = f"{100 * comparison.level:g} %"
    is_tested = any(block.is_tested for block in blocks)
    yield from describe_intervals(cells, level)
    if any(cell.difference is not None for cell in cells):
        yield (
            f"With an arrow: {comparison.defense} minus the best other defense of its block, over the seeds and samples"
            " that both have, if their outcomes are known."
        )
    if any(cell.difference is not None and cell.p is not None for cell in cells):
        yield (
            f"*: a paired test at {level} finds this difference, adjusted by Holm's method for all others of the column"
            " and block."
        )
    if any(cell.best for cell in cells):
        yield _describe_bold(columns, level, is_tested=is_tested)
    if any(block.few_seeds for block in blocks):
        yield f"{FEW_SEEDS}; --seed compares the models of one seed."
    yield from _describe_unmet(blocks, columns, comparison.defense)
    if any(block.unpaired for block in blocks):
        yield UNPAIRED
    if is_tested:
        yield from _describe_tests(
            [len(cell.seeds) for cell in cells if cell.is_compared and cell.outcomes is not None]
        )
        yield from _describe_smallest(blocks, columns)


def describe_flags(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what the marks behind the names of rows mean."""
    found = {flag for row in rows for flag in row.flags}
    yield from (f"{flag.mark}: {flag.meaning}." for name, flag in FLAGS.items() if flag.mark and name in found)


def explain_few_seeds(rows: Sequence[Row], place: int, defense: str) -> str:
    """Return why a defense that was named for comparison is not compared in a column; empty if it is, or is not there.

    Args:
        rows: of a block.
        place: of the column among the cells.
        defense: registered name of the defense.
    """
    cells = [row.cells[place] for row in rows if row.name == defense]
    known = [cell for cell in cells if cell.value is not None and cell.learned]
    if not known or any(cell.is_compared for cell in known):
        return ""
    few = f"{defense}, which was named for comparison, has fewer than {FEWEST_SEEDS} seeds and was not compared"
    return f"{few}; --seed {min(known[0].seeds)} compares it"


def _describe_unmet(blocks: Sequence[Block], columns: Sequence[Column], defense: str) -> Iterator[str]:
    """Yield for each block why the defense that was named for comparison has no arrow in some columns, or in any."""
    for block in blocks:
        reasons: dict[str, list[str]] = {}
        for place, column in enumerate(columns):
            if column.better:
                reasons.setdefault(explain_few_seeds(block.rows, place, defense), []).append(column.name)
        reasons.pop("", None)
        is_compared = any(cell.is_compared for row in block.rows if row.name == defense for cell in row.cells)
        heading = [block.heading] if len(blocks) > 1 and block.heading else []
        for text, names in reasons.items():
            where = ", ".join([*heading, *(names if is_compared else [])])
            yield f"In {where}: {text}." if where else f"{text}."


def _describe_bold(columns: Sequence[Column], level: str, *, is_tested: bool) -> str:
    if not is_tested:
        return f"{BOLD} the best of the column in its block."
    others = any(column.unit != "percent" and column.better for column in columns)
    return (
        f"{BOLD} what a paired test at {level} cannot tell from the best of the column in its block"
        f"{', and of numbers that are no percentages the best' if others else ''}; unadjusted: a display, not a claim."
    )


def _describe_tests(seeds: Sequence[int]) -> Iterator[str]:
    """Yield what tests are about, if it is not the defenses alone; with the numbers of seeds of the tested cells."""
    if all(count < FEWEST_SEEDS for count in seeds):
        yield f"Tests are about these trained models, not about other seeds; {FEWEST_SEEDS} seeds or more cover both."
    elif any(count < FEWEST_SEEDS for count in seeds):
        yield f"Tests of fewer than {FEWEST_SEEDS} seeds are about these trained models, not about other seeds."


def _describe_smallest(blocks: Sequence[Block], columns: Sequence[Column]) -> Iterator[str]:
    """Yield for each block the smallest differences that are found, which say why many cells are bold."""
    for block in blocks:
        parts = [
            f"{column.name} {100 * size:.1f}" if size <= 1 else f"{column.name} none with so few samples"
            for column, size in zip(columns, block.smallest, strict=True)
            if size is not None
        ]
        if parts:
            where = f" in {block.heading}" if len(blocks) > 1 and block.heading else ""
            found = "that is found with a chance of 80 %, in points"
            yield f"Smallest difference from the best{where} {found}: {', '.join(parts)}."


def describe_intervals(cells: Sequence[Cell], level: str) -> Iterator[str]:
    """Yield what stands in parentheses behind numbers, for each number of seeds that they have."""
    found = [cell.interval for cell in cells if cell.interval is not None]
    of_samples = [one for one in found if not one.covers_seeds]
    if any(one.seeds == 1 for one in of_samples):
        yield f"In parentheses, of one seed: the {level} interval of the samples; seeds not covered."
    if any(cell.by_seed for cell in cells):
        yield OF_TWO_SEEDS
    if any(one.covers_seeds for one in found):
        yield f"In parentheses, of {FEWEST_SEEDS} seeds or more: the {level} interval over seeds and samples."
    if any(one.seeds > 1 for one in of_samples):
        yield f"Where all samples of all seeds are alike: the {level} interval of the samples; seeds not covered."
