"""Table ``differences``: each model less one of them, on clean texts, under each attack and under the worst of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TypeAlias

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.tables.captions import headings, result_notes, setting_of
from robench.report.tables.cells import make_row
from robench.report.tables.layout import Layout
from robench.report.tables.legend import BOLD
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, group, read_model_results
from robench.results.flags import FLAGS, UNLEARNED
from robench.results.info import CellInfo
from robench.results.intervals import FEWEST_SEEDS, check_level
from robench.results.labels import MODEL_LEGEND, is_model_name, model_labels
from robench.results.sample_reader import SampleReader, Samples
from robench.results.samples import align
from robench.results.selection import NoResultsError, prefer_unchanged
from robench.results.significance import Difference, compare_outcomes, holm
from robench.results.store import StoredStage
from robench.results.worst import WorstReader

COLUMNS = (
    *(Column(name, better=None, signed=True) for name in ("difference", "from", "to")),
    *(Column(name, "number", 4, None) for name in ("p", "p, adjusted")),
    *(Column(name, "count", 0, None) for name in ("samples", "seeds")),
)
_LEGEND = (
    "difference: accuracy of a model minus that of {reference}, in points, sample by sample over the seeds that both"
    " have; samples without an outcome of both are left out.",
    "from, to: {level:g} % interval: over seeds and samples with {fewest} seeds or more, over samples alone with one.",
    "p: chance of a difference as large between two equal models; adjusted by Holm's method for all tests of the table."
    " With one seed it is about two trained models, which are left out where others have {fewest} seeds; --seed N"
    " compares those of one.",
    "worst case: a sample counts only if the model survives every attack of its block on it.",
    f"{BOLD} differences that the adjusted test finds.",
)

_Row: TypeAlias = Sequence[Result]
_Outcomes: TypeAlias = Callable[[_Row], Mapping[int, Samples]]


@dataclass(frozen=True)
class _Condition:
    """What the models of a setting are compared under.

    Attributes:
        attack: ``clean``, the title of an attack, or ``worst``.
        heading: the same in words.
        reference: the results of the model that is subtracted.
        pairs: the results of each model that can be compared, and its difference from the reference.
    """

    attack: str
    heading: str
    reference: _Row
    pairs: Sequence[tuple[_Row, Difference]]

    @property
    def infos(self) -> list[CellInfo]:
        """Return what is stored of all results."""
        return [r.info for row in (self.reference, *(row for row, _ in self.pairs)) for r in row]


def differences_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of what each model has more or less than one of them, a block for each attack.

    The undefended model is subtracted unless the request names another to compare.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: several models have the name to compare, the level is not between 0 and 1, or a cell's files are
            missing or broken.
    """
    level, name = check_level(request.level), request.compare or registry.reference()
    selected = read_model_results(request.select(cells, crossed=True))
    results = [r for r in selected if r.has_learned]
    layout = Layout.of(request.paper, results, label=model_labels)
    ways = _list_ways(layout, SampleReader.of(results, request.reader))
    settings, found = [], []
    for members in layout.blocks.values():
        if conditions := _prefer_seeds(list(_compare(members, name, layout, ways, level))):
            settings.append(setting_of(members[0].info, attacked_n=members[0].attacked_n))
            found.append(conditions)
    if not found:
        raise NoResultsError(_explain_none(name, layout, request))
    heads, caption = headings(settings, request.paper)
    adjusted = _adjust(found)
    blocks = [
        Block(
            setting["task"],
            f"{head}, {one.heading}",
            tuple(_make_row(row, difference, layout, adjusted) for row, difference in one.pairs),
            {**setting, "attack": one.attack},
        )
        for setting, head, conditions in zip(settings, heads, found, strict=True)
        for one in conditions
    ]
    return request.fill(
        columns=COLUMNS,
        blocks=tuple(blocks),
        caption=f"Each model minus {name}. {caption}".strip(),
        legend=tuple(_explain(name, level, blocks, selected)),
        notes=result_notes(info for conditions in found for one in conditions for info in one.infos),
        row_kind="model",
        is_measured=False,
        intervals=False,
    )


def _list_ways(layout: Layout, reader: SampleReader) -> list[tuple[str, str, _Outcomes]]:
    """Return what models are compared under: a short name, one in words, and what reads a row's outcomes by seed."""
    worst = WorstReader(reader, layout.results)

    def read_clean(row: _Row) -> Mapping[int, Samples]:
        return reader.clean(row) or {}

    def read_attacked(row: _Row, column: str) -> Mapping[int, Samples]:
        return reader.attacked((r.seed, r.folder) for r in row if r.column == column)

    attacks = [
        (label.text, f"under {label.text}", partial(read_attacked, column=column))
        for column, label in layout.columns.items()
    ]
    return [("clean", "clean texts", read_clean), *attacks, ("worst", "worst case", worst.read)]


def _compare(
    members: Sequence[Result], name: str, layout: Layout, ways: Sequence[tuple[str, str, _Outcomes]], level: float
) -> Iterator[_Condition]:
    """Yield the conditions under which models of a setting can be compared with that of a name; none without it."""
    reference = _find(name, members, layout)
    others = [row for row in group(members, lambda r: r.row).values() if reference and row[0].row != reference[0].row]
    met = {r.column for r in members}
    for attack, heading, read in ways if len(met) > 1 else ways[:-1]:  # the worst of one attack is that attack
        theirs = read(reference)
        aligned = [(row, align(read(row), theirs)) for row in others]
        pairs = [(row, compare_outcomes(first, second, level)) for row, (first, second) in aligned]
        if known := [(row, difference) for row, difference in pairs if difference]:
            yield _Condition(attack, heading, reference, known)


def _prefer_seeds(conditions: Sequence[_Condition]) -> list[_Condition]:
    """Leave out pairs that are about two trained models, if others are about defenses."""
    if not any(difference.covers_seeds for one in conditions for _, difference in one.pairs):
        return list(conditions)
    kept = [replace(one, pairs=[pair for pair in one.pairs if pair[1].covers_seeds]) for one in conditions]
    return [one for one in kept if one.pairs]


def _find(name: str, members: Sequence[Result], layout: Layout) -> _Row:
    """Return the results of the model of a setting that has a name; none if no model has it.

    Raises:
        RobenchError: several models have it.
    """
    named = [r for r in members if is_model_name(name, r, layout.rows[r.row].text)]
    kept = prefer_unchanged(named or [r for r in members if r.defense.name == name])
    labels = sorted({layout.rows[r.row].text for r in kept})
    if len(labels) > 1:
        raise RobenchError(f"--compare {name} is the name of several models: {list_values(labels)}; name one of them.")
    return kept


def _explain_none(name: str, layout: Layout, request: TableRequest) -> str:
    """Return why there is nothing to show."""
    labels = sorted({label.text for label in layout.rows.values()})
    if any(_find(name, members, layout) for members in layout.blocks.values()):
        return f"{request.runs} has no other model with the samples and a seed of {name}: {request.hint}"
    if registry.is_registered("defenses", name):
        return (
            f"table {request.table.number} has no results of {name} to subtract; there are results of"
            f" {list_values(labels)}; --compare NAME subtracts another."
        )
    return explain_unknown("model", name, labels, f"--compare takes the name of a row of table {request.table.number}")


def _adjust(found: Sequence[Sequence[_Condition]]) -> Mapping[int, float]:
    """Return the p values of all tests of a table, adjusted, by the identity of their difference."""
    pairs = [difference for conditions in found for one in conditions for _, difference in one.pairs]
    p_values = {id(pair): pair.p for pair in pairs if pair.p is not None}
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))


def _make_row(row: _Row, difference: Difference, layout: Layout, adjusted: Mapping[int, float]) -> Row:
    p = adjusted.get(id(difference))
    is_claim = p is not None and p <= round(1 - difference.level, 12)
    numbers = [difference.value, difference.low, difference.high, difference.p, p]
    cells = [Cell() if n is None else Cell(Fraction(n)) for n in (*numbers, difference.n, len(difference.seeds))]
    cells[0] = Cell(Fraction(difference.value), best=is_claim)
    return make_row(row, layout.rows[row[0].row], tuple(cells))


def _explain(name: str, level: float, blocks: Sequence[Block], selected: Sequence[Result]) -> Iterator[str]:
    """Yield how to read the table."""
    rows = [row for block in blocks for row in block.rows]
    if any(row.per_attack for row in rows):
        yield MODEL_LEGEND
    values = {"reference": name, "level": 100 * level, "fewest": FEWEST_SEEDS}
    yield from (line.format(**values) for line in _LEGEND)
    if not all(r.has_learned for r in selected):
        yield f"Models that {UNLEARNED} are left out."
    yield from (f"{flag.mark}: {flag.meaning}." for key, flag in FLAGS.items() if any(key in row.flags for row in rows))
