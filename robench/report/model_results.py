"""The attacks on one model on one task, and its accuracies, as tables have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.report.pages.phrases import describe_doubts, join_names
from robench.report.rendering import percent
from robench.report.tables import accuracy_table
from robench.report.tables.accuracy import NOT_ATTACKS
from robench.report.tables.cells import outcome_cell
from robench.report.tables.comparison import add_interval
from robench.report.tables.general_tables import GENERAL
from robench.report.tables.legend import BOLD
from robench.report.tables.matrix import worst_table
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.report.tables.quality import quality_table
from robench.results import papers, records
from robench.results.cells import Result, group, read_results
from robench.results.info import CellInfo
from robench.results.integrity import RECORDS_FILE
from robench.results.intervals import LEVEL
from robench.results.records import Record
from robench.results.sample_reader import SampleReader
from robench.results.store import Store, StoredStage
from robench.results.worst import judge_shared_samples


@dataclass(frozen=True)
class ModelResults:
    """The attacks on one model on one task.

    Attributes:
        store: the runs folder.
        cells: the attacks, at least one.
    """

    store: Store
    cells: Sequence[StoredStage[CellInfo]]

    def __post_init__(self) -> None:
        """Check that there is one task and one model.

        Raises:
            RobenchError: there are several, or none.
        """
        tasks = list(dict.fromkeys(cell.info.task for cell in self.cells))
        if len(tasks) != 1:
            raise RobenchError(f"a report on a model is about one task, not {list_values(tasks)}; name one.")

    @cached_property
    def results(self) -> list[Result]:
        """The numbers of the attacks."""
        return read_results(self.cells)

    @cached_property
    def records(self) -> list[list[Record]]:
        """The records of each attack."""
        return [records.read(cell.folder / RECORDS_FILE) for cell in self.cells]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.results[0].defense.name

    @cached_property
    def table(self) -> Table:
        """Table of accuracies of this model alone."""
        return accuracy_table(self.cells, store=self.store)

    @property
    def clean(self) -> Cell:
        """Accuracy on clean texts."""
        return self.table.blocks[0].rows[0].cells[0]

    @cached_property
    def attacks(self) -> list[tuple[Column, Cell]]:
        """Accuracy under each attack, the strongest attack first, and those last under which no sample has an outcome.

        Attacks on another number of texts are other blocks.
        """
        rows = [row for block in self.table.blocks for row in block.rows]
        pairs = [pair for row in rows for pair in zip(self.table.columns, row.cells, strict=True)]
        known = [pair for pair in pairs if pair[0].name not in NOT_ATTACKS and (pair[1].seeds or pair[1].errors)]
        return sorted(known, key=lambda pair: (pair[1].value is None, pair[1].value or 0, pair[0].name))

    @cached_property
    def worst(self) -> Cell:
        """Accuracy on texts that count only if they hold against every attack.

        If the attacks did not have the same texts, it is about those that all of them had. It has no value if they had
        none in common, or if every sample of an attack ended in an error.
        """
        unknown = [cell for _, cell in self.attacks if cell.value is None]
        if unknown:
            return unknown[0]
        table = worst_table(self.cells, self._request("worst"))
        cells = [row.cells[-1] for block in table.blocks for row in block.rows]
        return cells[0] if len(cells) == 1 and cells[0].seeds else self._judge_shared()

    def _judge_shared(self) -> Cell:
        """Return the accuracy under the worst of all attacks on the texts that all of them had."""
        reader = SampleReader.of(self.results)
        columns = {r.column for r in self.results}
        by_seed = {
            found[0].seed: judge_shared_samples([reader.columns(r.folder) for r in found])
            for found in group(self.results, lambda r: str(r.seed)).values()
            if {r.column for r in found} == columns and len(found) == len(columns)
        }
        cell = outcome_cell({seed: samples for seed, samples in by_seed.items() if samples}, self.results)
        return add_interval(cell, Column(WORST), LEVEL)

    @property
    def texts(self) -> str:
        """Return the number of attacked texts as part of a sentence; fewer than were attacked if attacks differ."""
        n = self.worst.n
        if n == max(r.attacked_n for r in self.results):
            return f"{n:,} attacked texts"
        return f"the {n:,} texts that {'both' if len(self.attacks) == 2 else 'all'} attacks had"

    @cached_property
    def quality(self) -> Table:
        """Table of what each attack took, a row for each attack."""
        table = quality_table(self.cells, self._request("quality"))
        titles = [str(block.setting["attack"]) for block in table.blocks]
        rows = [replace(b.rows[0], label=t, name=t) for t, b in zip(titles, table.blocks, strict=True)]
        kept = [i for i, _ in enumerate(table.columns) if i and any(row.cells[i].value is not None for row in rows)]
        rows = [replace(row, cells=tuple(replace(row.cells[i], best=False) for i in kept)) for row in rows]
        block = Block("", "", tuple(rows))
        legend = tuple(line for line in table.legend if not line.startswith((BOLD, CLEAN)))
        columns = tuple(table.columns[i] for i in kept)
        return replace(table, columns=columns, blocks=(block,), row_kind="attack", legend=legend, notes=(), commands=())

    def _request(self, table: str) -> TableRequest:
        return TableRequest(papers.find_paper(), GENERAL[table], store=self.store)

    def describe_strength(self) -> str:
        """Return the beginning of a sentence: which share of the texts withstands every attack."""
        names = join_names([column.name for column, _ in self.attacks])
        info, value = self.results[0].info, self.worst.value
        task = info.task if info.split == "test" else f"the {info.split} rows of {info.task}"
        if value is None:
            failing = [column.name for column, cell in self.attacks if cell.value is None]
            reason = f"{names} had no text in common"
            reason = f"all samples of {join_names(failing)} are errors" if failing else reason
            return f"accuracy of {self.name} under attack on {task} is not known: {reason}"
        known = self.worst.interval
        interval = known and f" ({percent(known.level, 0)} % interval {percent(known.low)} to {percent(known.high)})"
        strength = (
            f"{self.name}: {percent(value)} % of {self.worst.n:,} texts of {task} withstand {names}{interval or ''}"
        )
        if not self.worst.errors or self.worst.least is None:
            return strength
        return f"{strength}{describe_doubts(self.worst)}; if they count as wrong it is {percent(self.worst.least)} %"
