"""Table ``correlation``: whether a statistic orders models as their accuracy under attack does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from statistics import fmean

from robench.errors import RobenchError
from robench.report.tables.captions import headings, notes_of
from robench.report.tables.high_order import LEGEND
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.model_statistics import (
    MEASURES,
    ModelStatistics,
    is_before,
    note_errors,
    order_statistics,
    read_statistics,
    share_setting,
)
from robench.report.tables.options import TableRequest
from robench.results.cells import group, identity_text
from robench.results.correlation import FEWEST, Correlation, correlate
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.intervals import check_level
from robench.results.paper_contents import Paper
from robench.results.selection import NoResultsError
from robench.results.significance import holm
from robench.results.store import StoredStage

COLUMNS = (
    Column("rank correlation", "number", 2, None),
    Column("from", "number", 2, None),
    Column("to", "number", 2, None),
    Column("p", "number", 4, None, is_chance=True),
    Column("p, adjusted", "number", 4, None, is_chance=True),
    Column("models", "count", 0, None),
)
ACCURACY = "attack%"
"""Key of the accuracy under attack among the numbers of a model."""
_LEGEND = (
    "rank correlation (Spearman's) of a statistic with attack%: -1 if of any two models the one with the higher"
    " statistic has the lower accuracy under this attack. models: a defense, or a form of one, each, and the attack"
    " that it was trained against if it needs one; their numbers are means over seeds. Models that learned nothing are"
    " left out.",
    "from, to: {level:g} % interval, none of a perfect correlation. p: chance of one as strong between unrelated"
    " rankings; adjusted by Holm's method for all tests of the table. Both take the models for a random sample of all"
    " models, which the defenses of a study are not.",
)


@dataclass(frozen=True)
class ModelMeans:
    """The numbers of a model over the pairs of one attack, as means over seeds.

    Attributes:
        models: of each seed.
        values: statistics and accuracy under the attack, by key of a column of table 7.
    """

    models: Sequence[ModelStatistics]
    values: Mapping[str, float]


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

    Raises:
        NoResultsError: there are too few models.
        RobenchError: there is a defense to compare, which this table cannot, or the level is not between 0 and 1.
    """
    if request.compare:
        raise RobenchError(f"table {request.table.number} compares no defenses; leave --compare out.")
    level = check_level(request.level)
    kept = request.select(statistics, crossed=True, hint=f"statistics of models are another stage: {request.hint}")
    blocks = [(found, _correlate(found, level)) for found in average_models(kept, cells, request.paper)]
    blocks = [(found, lines) for found, lines in blocks if any(line.found for line in lines)]
    if not blocks:
        raise NoResultsError(
            f"{request.runs} has fewer than {FEWEST} models that differ, of those chosen, with statistics under one"
            f" attack: {request.hint}"
        )
    measured = [[one for means in found for one in means.models] for found, _ in blocks]
    settings = [share_setting(models) for models in measured]
    heads, caption = headings(settings, request.paper)
    adjusted = iter(holm([line.found.p for _, lines in blocks for line in lines if line.found]))
    arranged = [
        Block(setting["task"], head, tuple(_make_row(line, adjusted) for line in lines), setting)
        for head, setting, (_, lines) in zip(heads, settings, blocks, strict=True)
    ]
    return request.fill(
        columns=COLUMNS,
        blocks=tuple(arranged),
        caption=caption,
        legend=(*LEGEND, *(text.format(level=100 * level) for text in _LEGEND)),
        notes=(*notes_of(m.info for models in measured for m in models), *note_errors(chain(*measured))),
        row_kind="statistic",
        is_measured=False,
    )


def average_models(
    statistics: Iterable[StoredStage[StatisticsInfo]], cells: Iterable[StoredStage[CellInfo]], paper: Paper
) -> list[list[ModelMeans]]:
    """Return the models of each block, in the paper's order, with the means of their numbers over seeds.

    Args:
        statistics: those of models that were not attacked or have learned nothing, and of the encoder before
            fine-tuning, are left out.
        cells: of the same folder; they say which attack a model was trained against.
        paper: whose order it is.
    """

    def identify(model: ModelStatistics) -> str:
        attack = model.training_attack
        return identity_text([model.row, attack.identify() if attack else None])

    models = [m for m in read_statistics(statistics, cells) if m.has_learned and not is_before(m)]
    models = [m for m in models if ACCURACY in m.values]
    models.sort(key=lambda m: order_statistics(m, paper))
    return [
        [_average(seeds) for seeds in group(block, identify).values()]
        for block in group(models, lambda m: m.block).values()
    ]


def _average(models: Sequence[ModelStatistics]) -> ModelMeans:
    keys = (*(measure.key for measure in MEASURES), ACCURACY)
    return ModelMeans(models, {key: fmean(float(m.values[key]) for m in models) for key in keys})


def _correlate(models: Sequence[ModelMeans], level: float) -> list[_Line]:
    """Correlate each statistic of a block with its accuracies."""
    accuracies = [m.values[ACCURACY] for m in models]
    return [
        _Line(measure, correlate([m.values[measure.key] for m in models], accuracies, level), len(models))
        for measure in MEASURES
    ]


def _make_row(line: _Line, adjusted: Iterator[float]) -> Row:
    """Return the row of a statistic; the next adjusted p is its own if it has a correlation."""
    found = line.found
    numbers = (found.value, found.low, found.high, found.p, next(adjusted)) if found else (None,) * 5
    cells = (Cell() if number is None else Cell(Fraction(number)) for number in (*numbers, line.models))
    return Row(line.measure.name, line.measure.key, tuple(cells))
