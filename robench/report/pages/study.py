"""The page on a study: which defense holds, against what, at what price, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Unpack

from robench.plugins import registry
from robench.report import figures, tables
from robench.report.pages.answer import Verdict
from robench.report.pages.examples import pick_examples
from robench.report.pages.parts import Bars, Examples, Page, Paragraph, Part, Section, TablePart
from robench.report.pages.phrases import join_names
from robench.report.pages.pictures import make_picture
from robench.report.pages.provenance import provenance_section, reproduction_section, settings_section
from robench.report.pages.rows import bar_of, find_column
from robench.report.rendering.texts import percent
from robench.report.tables.legend import OF_TWO_SEEDS
from robench.report.tables.model import CLEAN, Cell, Table
from robench.report.tables.options import TableOptions
from robench.results import papers, records
from robench.results.cells import Result, read_results
from robench.results.flags import UNLEARNED
from robench.results.info import ELSEWHERE, CellInfo, StatisticsInfo
from robench.results.integrity import RECORDS_FILE
from robench.results.paper_contents import Paper, TableKind
from robench.results.sample_reader import SampleReader
from robench.results.selection import ALL, NoResultsError, facet_of, largest_block, prefer_unchanged
from robench.results.store import Store
from robench.version import VERSION

_DAGGER = f"†: {UNLEARNED}; what learns nothing cannot be fooled."
FEW_ROWS = 6
"""Rows up to which the first screen shows clean accuracies, too."""
EXAMPLES = 12
"""Examples on the page."""
_INTROS = {
    "matrix": "Each defense, trained against one attack and met by all: whether it holds only against what it knows.",
    "differences": "How much better or worse each model is than the undefended one, and how sure that is.",
    "price": "What a defense costs, beside what it brings.",
    "high-order": "How far texts move inside of a model when attacked, and how far texts of other labels are.",
}


def make_study_page(store: Store, paper: str, options: TableOptions, command: str) -> Page:
    """Make the page of a study.

    Args:
        store: the runs folder, or a folder of entries.
        paper: whose tables and comparison it has: its name, or a folder with a ``paper.toml``.
        options: what to show, about one task.
        command: the command that makes the page.

    Raises:
        NoResultsError: there are no results to report on.
        RobenchError: a file is missing or broken, or an option names something unknown.
    """
    contents = papers.find_paper(paper)
    options = {**options, "reader": SampleReader(store.root)}
    cells = store.stages(CellInfo)
    accuracy = tables.accuracy_table(cells, contents, store=store, **options)
    results = read_results(options.get("selection", ALL).keep(cells))
    maker = _Sections(store, contents, options)
    largest, _ = largest_block(prefer_unchanged(results))
    verdict = Verdict.of(accuracy, maker.worst(accuracy), largest[0].block, registry.reference())
    if verdict is None:
        raise NoResultsError(f"{store.root} has no attacks to report on.")
    price = maker.try_table("price")
    sections = [
        _accuracy_section(accuracy),
        maker.trade_off(),
        *maker.differences(results),
        maker.table("matrix", "Unseen attacks"),
        maker.table("price", "Price"),
        maker.high_order(),
        _examples_section(results, verdict),
        settings_section(results),
        provenance_section(store, results, options.get("command_options", ())),
        reproduction_section(store, results, options.get("command_options", ()), command),
    ]
    info = results[0].info
    return Page(
        kicker=f"robench · study of {info.task}",
        question=f"Which defense holds on {info.task}, against what, and at what price?",
        answer=[*verdict.sentences(), *filter(None, [verdict.price(price)])],
        facts=_facts(verdict),
        front=_bars(verdict),
        sections=sections,
        foot=f"Made by robench {VERSION} from {store.root}.",
        warnings=_warnings(verdict, accuracy, results),
    )


class _Sections:
    """Makes the sections that a table or a figure fills, or says what makes them.

    Args:
        store: the runs folder.
        paper: whose tables and figures they are.
        options: of all tables.
    """

    def __init__(self, store: Store, paper: Paper, options: TableOptions) -> None:
        self._store, self._paper, self._options = store, paper, options
        self._selection = options.get("selection", ALL)
        self._made: dict[tuple[str, str], Table] = {}

    def try_table(self, number: str, **changes: Unpack[TableOptions]) -> Table | None:
        """Make a table, with some options of its own, if there is anything for it."""
        try:
            return self._make(number, **changes)
        except NoResultsError:
            return None

    def worst(self, accuracy: Table) -> Table | None:
        """Make the table of worst accuracies, if there is anything for it, comparing what that of accuracies compares.

        By itself it compares none, and so its best may be an ablation, which the other table leaves out.
        """
        is_there = any(row.name == accuracy.compared for block in accuracy.blocks for row in block.rows)
        return self.try_table("worst", compare=accuracy.compared if is_there else None)

    def table(self, name: str, title: str, **changes: Unpack[TableOptions]) -> Section:
        """Make the section of a table, with some options of its own."""
        table = self._part(lambda: TablePart(self._make(name, **changes)))
        return Section(name, title, [Paragraph(_INTROS[name]), table])

    def differences(self, results: Sequence[Result]) -> list[Section]:
        """Make the section of differences from the undefended model; none if that was not attacked."""
        is_there = any(r.defense.name == registry.reference() and not r.info.victim for r in results)
        return [self.table("differences", "Differences", compare=None)] if is_there else []

    def high_order(self) -> Section:
        """Make the section of the paper's table of statistics."""
        number = self._number("high-order")
        title = "Representations"
        if not number:
            return Section("statistics", title, [Paragraph(f"{self._paper.name} has no table of statistics.")])
        table = self._part(lambda: TablePart(self._make_high_order(number)))
        return Section("statistics", title, [Paragraph(_INTROS["high-order"]), table, *self._correlate()])

    def _correlate(self) -> list[Part]:
        """Return the picture and the table of correlations; none with too few models."""
        table = self.try_table("correlation", compare=None)
        return [self._draw("correlation"), TablePart(table)] if table else []

    def _make_high_order(self, number: str) -> Table:
        """Make the table of statistics of whatever attacks there are, not of the paper's alone."""
        stages = self._selection.keep(self._store.stages(StatisticsInfo))
        attacks = sorted({str(facet_of(stage, "attack")) for stage in stages})
        selection = replace(self._selection, attacks=self._selection.attacks or attacks)
        return self._make(number, selection=selection)

    def trade_off(self) -> Section:
        """Make the section of the picture of all defenses."""
        return Section("trade-off", "Trade-off", [self._part(lambda: self._draw("trade-off"))])

    def _draw(self, number: str) -> Part:
        return make_picture(
            figures.draw(
                number,
                self._store,
                paper=self._paper.name,
                selection=self._selection,
                options=self._options.get("command_options", ()),
                reader=self._options.get("reader"),
            )
        )

    def _make(self, number: str, **changes: Unpack[TableOptions]) -> Table:
        """Make a table, with some options of its own; the same one is made once."""
        key = number, repr(changes)
        if key not in self._made:
            options: TableOptions = {**self._options, **changes}
            self._made[key] = tables.make(number, self._store, paper=self._paper.name, **options)
        return self._made[key]

    def _part(self, make: Callable[[], Part]) -> Part:
        """Make a part; if there is nothing for it, a line that says so and what makes it."""
        try:
            return make()
        except NoResultsError as error:
            return Paragraph(f"Nothing here yet: {error}", quiet=True)

    def _number(self, kind: TableKind) -> str:
        return next((number for number, table in self._paper.tables.items() if table.kind == kind), "")


def _accuracy_section(table: Table) -> Section:
    return Section("accuracy", "Accuracy", [TablePart(table)])


def _facts(verdict: Verdict) -> list[tuple[str, str]]:
    block, best = verdict.block, verdict.ranked[0]
    setting, elsewhere = block.setting, block.setting.get("training") == ELSEWHERE
    facts = [
        ("task", block.task),
        ("rows", "" if verdict.split == "test" else verdict.split),
        ("encoder", "" if elsewhere else str(setting.get("encoder", ""))),
        ("training rows", "" if elsewhere else f"{setting.get('train_rows', 0):,}"),
        ("clean texts", f"{best.clean_n or 0:,}"),
        ("attacked texts", f"{best.attacked_n or 0:,}"),
        ("defenses", str(len({row.name for row in block.rows}))),
        ("attacks", str(len(block.attacks))),
        ("seeds", ", ".join(map(str, sorted({seed for row in block.rows for seed in row.seeds})))),
    ]
    return [(name, text) for name, text in facts if text]


def _bars(verdict: Verdict) -> list[Part]:
    """Show all defenses under attack and on clean texts, in the same order."""
    rows, clean = verdict.ranked, find_column(verdict.table, CLEAN)
    heads = ("defense", "accuracy in %")
    under = [bar_of(row.label, verdict.cell(row), verdict.column) for row in rows]
    parts: list[Part] = [Bars(heads, under, f"Right under {verdict.under}, in\N{NO-BREAK SPACE}%")]
    if clean is not None and len(rows) <= FEW_ROWS:
        column = verdict.table.columns[clean]
        parts.append(
            Bars(heads, [bar_of(row.label, row.cells[clean], column) for row in rows], "Right when clean, in %")
        )
    if verdict.few_seeds:
        parts.append(
            Paragraph(f"Not shown: {join_names([row.label for row in verdict.few_seeds])}; too few seeds.", quiet=True)
        )
    cells = [verdict.cell(row) for row in rows]
    notes = [*_describe_ends(cells), *([] if cells[-1].learned else [_DAGGER])]
    if notes:
        parts.append(Paragraph(" ".join(notes), quiet=True))
    return parts


def _describe_ends(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield what stands in parentheses behind numbers of bars, and as a thin line."""
    if intervals := [cell.interval for cell in cells if cell.interval]:
        kinds = " or, of other rows, ".join(dict.fromkeys(interval.label for interval in intervals))
        yield f"In parentheses and as a thin line: the {percent(intervals[0].level, 0)} % interval {kinds}."
    if any(cell.by_seed for cell in cells):
        yield OF_TWO_SEEDS


def _warnings(verdict: Verdict, table: Table, results: Sequence[Result]) -> list[str]:
    warnings = []
    if len(table.blocks) > 1:
        warnings.append(
            f"The runs folder has results of {len(table.blocks)} settings that cannot be compared; the answer is about"
            f" this one: {verdict.block.heading or verdict.block.task}."
        )
    return [*warnings, *dict.fromkeys(f"{r.defense.name}: {text}" for r in results for text in r.info.warnings)]


def _examples_section(results: Sequence[Result], verdict: Verdict) -> Section:
    """Show texts of the reference and of the best defense under the same attacks."""
    if any(r.entry for r in results):
        return Section("examples", "Examples", [Paragraph("Entries hold no texts, so there are none to show.")])
    names = dict.fromkeys((verdict.reference, verdict.ranked[0].name, verdict.table.compared))
    members = [r for r in results if r.block == verdict.block.identity]
    chosen = [r for name in names for r in members if r.defense.name == name]
    seed = min((r.seed for r in chosen), default=None)
    pairs = [(r, records.read(r.folder / RECORDS_FILE)) for r in chosen if r.seed == seed]
    examples = pick_examples(pairs, EXAMPLES, names=True, held=EXAMPLES // 3)
    if not examples:
        return Section("examples", "Examples", [Paragraph("No text was attacked: the models had none right.")])
    intro = (
        "Struck out: what the attack removed. Underlined: what it put there. First texts that broke with the fewest"
        " changed words, then some that held, with the text at which the attack ended."
    )
    return Section("examples", "Examples", [Paragraph(intro), Examples(examples)])
