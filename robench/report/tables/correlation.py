"""Table ``correlation``: whether a statistic orders models as their accuracy under attack does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean

from robench.errors import RobenchError
from robench.report.tables.captions import headings, notes_of
from robench.report.tables.high_order import LEGEND, MEASURES, MeasuredModel, order_models, read_models, share_setting
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import group, identity_text
from robench.results.correlation import FEWEST, Correlation, correlate
from robench.results.info import BEFORE, CellInfo, StatisticsInfo
from robench.results.intervals import LEVEL, check_level
from robench.results.selection import NoResultsError
from robench.results.significance import holm
from robench.results.store import StoredStage

COLUMNS = (
    Column("rank correlation", "number", 2, None),
    Column("from", "number", 2, None),
    Column("to", "number", 2, None),
    Column("p", "number", 4, None),
    Column("p, adjusted", "number", 4, None),
    Column("models", "count", 0, None),
)
_ACCURACY = "attack%"
_LEGEND = (
    "rank correlation (Spearman's) of a statistic with attack%: -1 if of any two models the one with the higher"
    " statistic has the lower accuracy under this attack. models: a defense each, and the attack that it was trained"
    " against if it needs one; their numbers are means over seeds.",
    "from, to: {level:g} % interval, none of a perfect correlation. p: chance of one as strong between unrelated"
    " orders; adjusted by Holm's method for all tests of the table. Both take the models for a random sample of all"
    " models, which the defenses of a study are not.",
)


@dataclass(frozen=True)
class _Line:
    """The correlation of one statistic with the accuracy of so many models; None if there is none."""

    measure: Column
    found: Correlation | None
    models: int


def correlation_table(
    statistics: Sequence[StoredStage[StatisticsInfo]], cells: Sequence[StoredStage[CellInfo]], request: TableRequest
) -> Table:
    """Make a table of rank correlations, a block for each task and attack.

    Args:
        statistics: finished stages of that kind; those of the encoder before fine-tuning take no part.
        cells: of the same folder; they say which attack a model was trained against.
        request: which table to make.

    Raises:
        NoResultsError: there are too few models.
        RobenchError: there is a defense to compare, or the level is not between 0 and 1.
    """
    if request.options.get("compare"):
        raise RobenchError(f"table {request.table.number} compares no defenses; leave --compare out.")
    level = check_level(request.options.get("level", LEVEL))
    kept = request.select(statistics, crossed=True, hint=f"statistics of models are another stage: {request.hint}")
    models = [m for m in read_models(kept) if m.info.defense.name != BEFORE and _ACCURACY in m.values]
    models.sort(key=lambda m: order_models(m, request.paper))
    opponents = {c.info.model: c.info.training_attack for c in cells}

    def identify(model: MeasuredModel) -> str:
        attack = opponents.get(model.info.model)
        return identity_text([model.row, attack.identify() if attack else None])

    lines = {block: _correlate(found, identify, level) for block, found in group(models, lambda m: m.block).items()}
    members = {block: found for block, found in group(models, lambda m: m.block).items() if _has_number(lines[block])}
    if not members:
        raise NoResultsError(f"{request.runs} has no {FEWEST} models with statistics under one attack: {request.hint}")
    settings = [share_setting(found) for found in members.values()]
    heads, caption = headings(settings, request.paper)
    adjusted = iter(holm([line.found.p for block in members for line in lines[block] if line.found]))
    blocks = [
        Block(setting["task"], head, tuple(_make_row(line, adjusted) for line in lines[block]), setting)
        for head, setting, block in zip(heads, settings, members, strict=True)
    ]
    return request.fill(
        columns=COLUMNS,
        blocks=tuple(blocks),
        caption=caption,
        legend=(*LEGEND, *(text.format(level=100 * level) for text in _LEGEND)),
        notes=notes_of(m.info for found in members.values() for m in found),
        row_kind="statistic",
        is_measured=False,
    )


def _has_number(lines: Sequence[_Line]) -> bool:
    return any(line.found for line in lines)


def _correlate(models: Sequence[MeasuredModel], identify: Callable[[MeasuredModel], str], level: float) -> list[_Line]:
    """Correlate each statistic of a block with its accuracies, both averaged over the seeds of a model."""
    by_model = list(group(models, identify).values())
    accuracies = [fmean(seed.values[_ACCURACY] for seed in seeds) for seeds in by_model]
    lines = []
    for measure in MEASURES:
        numbers = [fmean(float(seed.values[measure.key]) for seed in seeds) for seeds in by_model]
        lines.append(_Line(measure, correlate(numbers, accuracies, level), len(by_model)))
    return lines


def _make_row(line: _Line, adjusted: Iterator[float]) -> Row:
    """Return the row of a statistic; the next adjusted p is its own if it has a correlation."""
    found = line.found
    numbers = (found.value, found.low, found.high, found.p, next(adjusted)) if found else (None,) * 5
    cells = (Cell() if number is None else Cell(Fraction(number)) for number in (*numbers, line.models))
    return Row(line.measure.name, line.measure.key, tuple(cells))
