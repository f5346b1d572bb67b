"""Table ``differences``: each model minus one of them, on clean texts, under each attack and under the worst of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from robench.escaping import list_values
from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.comparison_commands import WORST_CASE
from robench.report.tables.captions import headings, result_notes
from robench.report.tables.cells import make_row
from robench.report.tables.layout import Layout
from robench.report.tables.legend import BOLD, OF_TWO_SEEDS, describe_flags
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.model_pairs import (
    CLEAN_TEXTS,
    PairedModels,
    find_models,
    list_conditions,
    pair_models,
    prefer_seeds,
    read_clean,
)
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, group, read_model_results
from robench.results.flags import FLAGS, UNLEARNED, list_flags
from robench.results.info import CellInfo
from robench.results.intervals import FEWEST_SEEDS, check_level
from robench.results.labels import MODEL_LEGEND, model_labels
from robench.results.sample_reader import SampleReader
from robench.results.selection import NoResultsError
from robench.results.significance import Difference, holm
from robench.results.store import StoredStage

_INTERVAL = tuple(Column(name, better=None, signed=True) for name in ("from", "to"))
COLUMNS = (
    Column("difference", better=None, signed=True),
    *_INTERVAL,
    *(Column(name, "number", 4, None, is_chance=True) for name in ("p", "p, adjusted")),
    *(Column(name, "count", 0, None) for name in ("samples", "seeds")),
)


def differences_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of what each model has more or less than one of them, a block for each attack.

    The undefended model is subtracted unless the request names another to compare. Where pairs have seeds enough for a
    statement on defenses, those with fewer are left out.

    Raises:
        NoResultsError: nothing is left to show, or several models have the name to compare.
        RobenchError: the level is not between 0 and 1.
    """
    level, name = check_level(request.level), request.compare or registry.reference()
    selected = read_model_results(request.select(cells, crossed=True))
    reader = SampleReader.of(selected, request.reader)
    shown = [r for r in selected if r.has_learned and _has_samples(r, reader)]
    layout = Layout.of(request.paper, shown, label=model_labels)
    paired = [pair_models(condition, name, layout, level) for condition in list_conditions(layout, reader)]
    compared = [one for one in paired if one]
    found = prefer_seeds(compared)
    gaps = [*_list_gaps(name, layout, request), *_list_left_out(selected, reader), *_list_unstored(layout, reader)]
    if not found:
        raise NoResultsError(_explain_none(name, gaps, layout, request))
    blocks, caption = _arrange(name, found, layout, request)
    return request.fill(
        columns=tuple(column for column in COLUMNS if request.intervals or column not in _INTERVAL),
        blocks=blocks,
        caption=f"Each model minus {name}. {caption}".strip(),
        legend=tuple(_explain(name, level, blocks, request)),
        notes=(*gaps, *_list_few_seeds(name, compared, found, layout), *_list_doubts(name, found), *_note(found)),
        row_kind="model",
        is_measured=False,
        intervals=False,
    )


def _arrange(
    name: str, found: Sequence[PairedModels], layout: Layout, request: TableRequest
) -> tuple[tuple[Block, ...], str]:
    """Return a block for each condition, and a caption of what all share."""
    adjusted = _adjust(found)
    clean = [one for one in found if one.condition.attack == CLEAN_TEXTS]
    attacked = [one for one in found if one.condition.attack != CLEAN_TEXTS]
    heads: dict[int, str] = {}
    caption = ""
    for ones in (clean, attacked):  # clean accuracy does not depend on the number of attacked samples
        if ones:
            texts, caption = headings([one.condition.setting for one in ones], request.paper)
            heads |= {id(one): text for one, text in zip(ones, texts, strict=True)}
    blocks = [
        Block(
            one.condition.setting["task"],
            f"{heads[id(one)]}, {one.condition.heading}",
            tuple(_make_row(one, row, pair, layout, adjusted, request) for row, pair in one.pairs),
            {**one.condition.setting, "attack": one.condition.attack, "compared_with": name},
        )
        for one in found
    ]
    return tuple(blocks), caption


def _adjust(found: Sequence[PairedModels]) -> Mapping[int, float]:
    """Return the p values of all tests of a table, adjusted, by the identity of their difference."""
    p_values = {id(pair): pair.p for one in found for _, pair in one.pairs if pair.p is not None}
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))


def _make_row(
    one: PairedModels,
    row: Sequence[Result],
    pair: Difference,
    layout: Layout,
    adjusted: Mapping[int, float],
    request: TableRequest,
) -> Row:
    p = adjusted.get(id(pair))
    is_claim = p is not None and p <= round(1 - pair.level, 12)
    by_seed = tuple(map(Fraction, pair.by_seed.values())) if len(pair.seeds) == 2 else ()
    bounds = (pair.low, pair.high) if request.intervals else ()
    cells = (
        Cell(Fraction(pair.value), best=is_claim, by_seed=by_seed),
        *(Cell() if number is None else Cell(Fraction(number)) for number in (*bounds, pair.p, p)),
        Cell(Fraction(pair.n), errors=pair.left_out, samples=pair.n + pair.left_out),
        Cell(Fraction(len(pair.seeds))),
    )
    with_attacks = one.condition.attack != CLEAN_TEXTS
    return make_row(row, layout.rows[row[0].row], cells, with_attacks=with_attacks)


def _explain(name: str, level: float, blocks: Sequence[Block], request: TableRequest) -> Iterator[str]:
    """Yield how to read the table."""
    rows = [row for block in blocks for row in block.rows]
    samples = [row.cells[-2] for row in rows]
    covers = f"over seeds and samples with {FEWEST_SEEDS} seeds or more, over samples alone with one"
    lines = (
        (MODEL_LEGEND, any(row.per_attack for row in rows)),
        (
            f"difference: accuracy of a model minus that of {name}, in points, sample by sample over the seeds that"
            " both have.",
            True,
        ),
        (OF_TWO_SEEDS, any(row.cells[0].by_seed for row in rows)),
        (f"from, to: {100 * level:g} % interval: {covers}.", request.intervals),
        (
            "p: chance of a difference as large between two equal models, with one seed between two trained models;"
            " adjusted by Holm's method for all tests of the table.",
            True,
        ),
        ("errors: samples without an outcome of both, which are left out.", any(cell.errors for cell in samples)),
        ("!: they are more than 1 %, and may have changed the number.", any(cell.has_many_errors for cell in samples)),
        (
            "worst case: a sample counts only if the model survives every attack of its block on it.",
            any(block.setting["attack"] == WORST_CASE for block in blocks),
        ),
        (f"{BOLD} differences that the adjusted test finds.", any(row.cells[0].best for row in rows)),
    )
    yield from (text for text, applies in lines if applies)
    yield from describe_flags(rows)


def _note(found: Sequence[PairedModels]) -> tuple[str, ...]:
    """Return the notes on the results of all models that are shown."""
    rows = [row for one in found for row in (one.reference, *(row for row, _ in one.pairs))]
    return result_notes(r.info for row in rows for r in row)


def _list_gaps(name: str, layout: Layout, request: TableRequest) -> Iterator[str]:
    """Yield why the models of some settings are compared with none."""
    for models in group(layout.results, lambda r: r.model_block).values():
        labels = list(find_models(name, models, layout))
        task = models[0].info.task
        if len(labels) > 1:
            yield (
                f"{task}: {name} is the name of several models, {list_values(labels)}: `robench table"
                f" {request.table.number} --compare NAME` subtracts one of them"
            )
        elif not labels:
            there = sorted({layout.rows[r.row].text for r in models})
            yield f"{task}: there are no results of {name} to subtract, but of {list_values(there)}"


def _has_samples(result: Result, reader: SampleReader) -> bool:
    """Return whether single samples of a result are known: an entry may have counts alone."""
    return result.entry is None or bool(reader.columns(result.folder).id)


def _list_left_out(selected: Sequence[Result], reader: SampleReader) -> Iterator[str]:
    """Yield which models are left out for what they are."""
    labels = {row: label.text for row, label in model_labels(selected).items()}
    if counted := {labels[r.row] for r in selected if not _has_samples(r, reader)}:
        yield f"{list_values(sorted(counted))}: entries with counts alone, and no single samples to compare"
    if unlearned := {labels[r.row] for r in selected if not r.has_learned}:
        yield f"{list_values(sorted(unlearned))}: left out, for a model {UNLEARNED}"


def _list_unstored(layout: Layout, reader: SampleReader) -> Iterator[str]:
    """Yield of which models clean predictions are not there."""
    rows = group(layout.results, lambda r: r.model_block + r.row).values()
    lacking = [row for row in rows if len(read_clean(reader, row)) < len({r.seed for r in row})]
    if lacking:
        labels = sorted({layout.rows[row[0].row].text for row in lacking})
        yield f"{list_values(labels)}: what a model predicts for clean texts is not stored, or not with every seed"


def _list_few_seeds(
    name: str, compared: Sequence[PairedModels], found: Sequence[PairedModels], layout: Layout
) -> Iterator[str]:
    """Yield which models are left out for their few seeds."""

    def list_labels(ones: Iterable[PairedModels]) -> set[str]:
        return {layout.rows[row[0].row].text for one in ones for row, _ in one.pairs}

    if few := list_labels(compared) - list_labels(found):
        yield (
            f"{list_values(sorted(few))}: left out, since with fewer than {FEWEST_SEEDS} seeds beside {name} a"
            " difference is about trained models and not about defenses; --seed N shows those of one seed"
        )


def _list_doubts(name: str, found: Sequence[PairedModels]) -> Iterator[str]:
    """Yield what readers have to know of the model that is subtracted."""
    flags = list_flags([r for one in found if one.condition.attack != CLEAN_TEXTS for r in one.reference])
    yield from (f"{name}: {FLAGS[flag].meaning}" for flag in flags)


def _explain_none(name: str, gaps: Sequence[str], layout: Layout, request: TableRequest) -> str:
    """Return why there is nothing to show."""
    number, chosen = request.table.number, request.selection.defenses
    labels = sorted({label.text for label in layout.rows.values()})
    models = find_models(name, layout.results, layout)
    defense = name.partition(" (")[0].partition(" on ")[0]
    if not models and chosen and defense not in chosen:
        return f"table {number} subtracts {name}, which --defense leaves out; add it, or --compare names another."
    if not models and not registry.is_registered("defenses", defense) and labels:
        return explain_unknown("model", name, labels, f"--compare takes the name of a row of table {number}")
    reasons = " ".join(f"{gap}." for gap in gaps)
    hint = "" if any(r.info.victim for r in layout.results) else f" {request.hint}"
    return (
        f"{request.runs} has no pair of models for table {number}, with {name} as one of them.{hint} {reasons}".strip()
    )
