"""Tables of high-order statistics: how far models move from clean to adversarial text, from stored statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from robench.report.tables.captions import headings, notes_of
from robench.report.tables.cells import count_errors, mean_cell
from robench.report.tables.legend import HOW_ATTACKED, describe_counted
from robench.report.tables.model import CLEAN, Block, Cell, Column, Row, Table
from robench.report.tables.model_statistics import (
    MEASURES,
    ModelStatistics,
    count_samples,
    identify_attack,
    is_before,
    note_errors,
    order_statistics,
    read_statistics,
    share_setting,
)
from robench.report.tables.options import TableRequest
from robench.results.adversarial_rows import format_range
from robench.results.cells import group, identity_text
from robench.results.info import BEFORE, CellInfo, StatisticsInfo
from robench.results.labels import MODEL_LEGEND, Label, LabelSource, make_labels, model_source, plain_attack
from robench.results.paper_contents import Paper, rank
from robench.results.sample_reader import SampleReader, Samples
from robench.results.store import StoredStage

COLUMNS = (*MEASURES, Column(f"{CLEAN} (↑)", key=CLEAN), Column("attack% (↑)", key="attack%"))
LEGEND = (
    "pos: a clean text beside its adversarial counterpart; neg: beside a fixed sentence of another label.",
    "MSE: mean squared difference of representations. KL: of predictions, in nats. CTR: contrastive loss of all pairs.",
)


class _Samples:
    """The outcomes of single samples behind the accuracies of models.

    Args:
        reader: of the runs folder.
        cells: of that folder.
    """

    def __init__(self, reader: SampleReader, cells: Sequence[StoredStage[CellInfo]]) -> None:
        self._reader = reader
        on_test = (cell for cell in cells if cell.info.split == "test")
        self._cells = group(on_test, lambda cell: _place(cell.info.model, cell.info))

    def clean(self, models: Sequence[ModelStatistics]) -> Mapping[int, Samples] | None:
        """Return the outcomes on clean texts; None if they are not known or, as of the encoder alone, of few texts."""
        return (
            None
            if any(map(is_before, models))
            else self._reader.test_predictions((m.seed, m.info.model) for m in models)
        )

    def attacked(self, models: Sequence[ModelStatistics]) -> Mapping[int, Samples] | None:
        """Return the outcomes under the attack; None if a model's cell is not there, or was attacked otherwise."""
        found = [(m.seed, self._find_cell(m.info)) for m in models]
        known = [(seed, cell.folder) for seed, cell in found if cell]
        return self._reader.attacked(known) if len(known) == len(found) else None

    def _find_cell(self, info: StatisticsInfo) -> StoredStage[CellInfo] | None:
        """Return the cell that statistics counted; a model may have met the attack on more or fewer rows as well."""
        fitting = self._cells.get(_place(info.model, info), ())
        return next((cell for cell in fitting if cell.info.attacked == info.attacked), None)


def _name_crossed(models: Sequence[ModelStatistics]) -> list[ModelStatistics]:
    """Give models under other attacks than their own rows by themselves, or leave them out.

    As long as a defense has a model that was trained against the attack of a block, it stands there for the defense.
    """
    own = {(m.block, m.row) for m in models if not m.is_crossed}
    found = []
    for m in models:
        if m.training_attack is None or not m.is_crossed:
            found.append(m)
        elif (m.block, m.row) not in own:
            found.append(replace(m, row=identity_text([m.row, m.training_attack.identify()])))
    return found


def _place(model: str, info: CellInfo | StatisticsInfo) -> str:
    """Return the identity of a model and an attack on it."""
    return identity_text([model, info.attack.title, info.attack.fields])


def high_order_table(
    statistics: Sequence[StoredStage[StatisticsInfo]], cells: Sequence[StoredStage[CellInfo]], request: TableRequest
) -> Table:
    """Make a table of statistics of models before and after fine-tuning (table 7 of the TaiChi paper).

    It has the paper's task and attack, unless the options name others. The cells say which attack a model was trained
    against, and their records have the outcomes behind attack%.
    """
    spec, paper = request.table, request.paper
    kept = request.select(statistics, crossed=True, hint=f"statistics of models are another stage: {request.hint}")
    kept = request.restrict(kept, "task", spec.tasks)
    kept = request.restrict(kept, "attack", spec.attacks)
    models = _in_every_block(_name_crossed(read_statistics(kept, cells)))
    models.sort(key=lambda m: order_statistics(m, paper))
    samples = _Samples(SampleReader.of([*kept, *cells], request.reader), cells)
    arranged, caption = _arrange(models, paper, () if request.selection.defenses else spec.defenses, samples)
    table = request.finish(
        arranged,
        COLUMNS,
        caption=caption,
        legend=(*LEGEND, *([MODEL_LEGEND] if any(m.is_crossed for m in models) else []), _legend_of_accuracies(models)),
        notes=(*notes_of(m.info for m in models), *_notes_on_pairs(models), *note_errors(models)),
        row_kind="model",
        samples=False,
    )
    if any(cell == Cell() for block in arranged for row in block.rows for cell in row.cells):
        return replace(table, legend=(*table.legend, f"—: no result yet; {request.hint}"))
    return table


def _legend_of_accuracies(models: Sequence[ModelStatistics]) -> str:
    before = f" ({BEFORE}: correct / clean texts of the pairs)" if any(is_before(m) for m in models) else ""
    clean = describe_counted(["test"], is_limited=any(m.clean_limit is not None for m in models))
    return f"{clean}{before}. attack%: {HOW_ATTACKED}."


def _notes_on_pairs(models: Sequence[ModelStatistics]) -> list[str]:
    """Return how many pairs are one text twice, for each task, attack and number of pairs."""
    counts: dict[tuple[str, str, int], set[int]] = {}
    for info in (m.info for m in models):
        if info.statistics.unchanged:
            key = info.task, info.attack.title, info.statistics.samples
            counts.setdefault(key, set()).add(info.statistics.unchanged)
    return [
        f"{task}, {attack}: {format_range(unchanged)} of {n:,} pairs are the clean text twice, since the attack was"
        " skipped there (the model under attack had the text wrong already) or changed nothing; they count with MSE and"
        " KL (pos) 0"
        for (task, attack, n), unchanged in counts.items()
    ]


def _arrange(
    models: Sequence[ModelStatistics], paper: Paper, expected: Sequence[str], samples: _Samples
) -> tuple[list[Block], str]:
    """Return the blocks, each with a row for every expected defense, and a caption of what they share."""
    names = make_labels(map(_label, models))
    by_block = group(models, lambda m: m.block)
    settings = [share_setting(members) for members in by_block.values()]
    heads, caption = headings(settings, paper)
    blocks = []
    for heading, setting, members in zip(heads, settings, by_block.values(), strict=True):
        rows = [_row(names[row], found, samples) for row, found in group(members, lambda m: m.row).items()]
        there = {row.name for row in rows}
        rows += [Row(name, name, (Cell(),) * len(COLUMNS)) for name in expected if name not in there]
        rows.sort(key=lambda row: (*rank(row.name, paper.defense_order), row.label))
        attack = plain_attack(members[0].info.attack)
        blocks.append(Block(setting["task"], heading, tuple(rows), setting, attack))
    return blocks, caption


def _label(model: ModelStatistics) -> LabelSource:
    attack = model.training_attack if model.is_crossed else None
    return model_source(model.row, model.info.defense, model.key, attack)


def _in_every_block(models: Sequence[ModelStatistics]) -> list[ModelStatistics]:
    """Repeat the encoder before fine-tuning in all blocks that differ only in how models are trained.

    If it was measured on the very pairs of a block, it does not stand there on other pairs of the same seed as well.
    """

    def identify(m: ModelStatistics) -> str:
        info = m.info
        setting = [info.task, info.data.digest, info.encoder.digest, info.statistics.samples]
        return identity_text([*setting, identify_attack(info)])

    trained = [m for m in models if not is_before(m)]
    untrained = [m for m in models if is_before(m)]
    placed = []
    for block, members in group(trained, lambda m: m.block).items():
        fitting = [m for m in untrained if identify(m) == identify(members[0])]
        pairs = {m.info.pairs for m in members}
        seeds = {m.seed for m in fitting if m.info.pairs in pairs}
        placed += [replace(m, block=block) for m in fitting if m.info.pairs in pairs or m.seed not in seeds]
    known = set(map(identify, trained))
    return [*trained, *placed, *(m for m in untrained if identify(m) not in known)]


def _row(label: Label, found: Sequence[ModelStatistics], samples: _Samples) -> Row:
    info = found[0].info
    counts = count_samples(info)
    shares = {CLEAN: counts["clean"], "attack%": counts["attacked"]}
    outcomes = {CLEAN: samples.clean, "attack%": samples.attacked}
    learned = all(m.has_learned for m in found)
    cells = []
    for column in COLUMNS:
        values = [(m.seed, m.values[column.key]) for m in found if column.key in m.values]
        finite = [(seed, value) for seed, value in values if isinstance(value, Fraction)]
        if len(finite) < len(values):
            cells.append(Cell(text="∞", seeds=tuple(sorted({seed for seed, _ in values})), learned=learned))
        else:
            measured = shares.get(column.key) or 0
            read = outcomes[column.key](found) if measured and values else None
            cell = mean_cell(
                finite, measured or info.statistics.samples, learned=learned, measured=measured, outcomes=read
            )
            attacked = [m.info.attacked for m in found if m.info.attacked] if column.key == "attack%" else []
            cells.append(count_errors(cell, attacked))
    seeds = tuple(sorted({m.seed for m in found}))
    return Row(
        label.text,
        info.defense.name,
        tuple(cells),
        is_plain=label.plain == info.defense.name,
        is_changed=bool(info.defense.changed),
        per_attack=info.adversarial is not None,
        clean_n=counts["clean"],
        attacked_n=counts["attacked"],
        seeds=seeds,
    )
