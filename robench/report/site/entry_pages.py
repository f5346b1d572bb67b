"""A page for each entry: its numbers with intervals, curves, hyper-parameters, provenance, and flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from robench.report.pages.examples import pick_examples
from robench.report.pages.parts import Bars, Examples, Paragraph, Section
from robench.report.pages.rows import bar_of
from robench.report.rendering.texts import percent
from robench.report.site.board import Board, training_attack
from robench.report.site.board_tables import describe_mark, number_item
from robench.report.site.curves import draw_entry_curves
from robench.report.site.entry_sections import provenance_section, settings_section
from robench.report.site.entry_tables import reruns_section, statistics_section
from robench.report.site.links import attack_page, defense_page, entry_page, link
from robench.report.site.parts import Head, Item, Line, SitePage, SortableTable
from robench.report.site.plugin_pages import attack_name
from robench.report.tables.cells import attacked_cell, clean_cell, outcome_cell
from robench.report.tables.comparison import add_interval
from robench.report.tables.model import CLEAN, WORST, Cell, Column
from robench.report.tables.quality import COLUMNS, quality_cells
from robench.report.tables.worst import average_worst
from robench.results import records
from robench.results.cells import Result, read_model_results
from robench.results.entries import list_cells
from robench.results.entry_form import Entry
from robench.results.flags import FLAGS, list_flags
from robench.results.info import ELSEWHERE, CellInfo
from robench.results.integrity import RECORDS_FILE
from robench.results.intervals import LEVEL
from robench.results.sample_reader import SampleReader
from robench.results.store import StoredStage
from robench.results.worst import WorstReader

EXAMPLES, HELD = 12, 3
"""Attacked texts on a page of a local build, and how many of them are texts that hold."""


def make_entry_page(
    entry: Entry, board: Board | None, reruns: Sequence[Entry], stored: Mapping[str, StoredStage[CellInfo]]
) -> SitePage:
    """Make the page of an entry.

    Args:
        entry: the entry.
        board: the board that has it; None if it has no attack.
        reruns: entries of others who ran the same again; of such an entry, the original.
        stored: cells of a local build, by key, from which attacked texts are read; none for a site to publish.

    Raises:
        RobenchError: records of the runs folder are missing or broken.
    """
    results = read_model_results(list_cells(entry))
    reader = SampleReader.of(results) if results else None
    against = training_attack(entry)
    name = f"{entry.defense.name} trained against {against}" if against else entry.defense.name
    links = [link(defense_page(entry.defense.name), f"The defense {entry.defense.name}")]
    if board:
        links.append(link(board.page, f"its board, {board.title}"))
    sections = [
        _accuracy_section(results, reader),
        *_curves_section(board, name, results, reader),
        *_examples_section(stored, results),
        *statistics_section(entry),
        *reruns_section(entry, reruns),
        settings_section(entry),
        provenance_section(entry, results),
    ]
    return SitePage(
        path=entry_page(entry),
        kicker="entry",
        title=f"{name} on {entry.task}, seed {entry.seed}",
        lead=[Markup("; ").join(links) + "."],
        facts=_facts(entry, results),
        front=[_bars(results, reader)],
        sections=sections,
        area="index.html",
        warnings=[
            *entry.warnings,
            *(f"{FLAGS[flag].mark} {FLAGS[flag].meaning}".strip() for flag in list_flags(results)),
        ],
        badges=[describe_mark(entry), *(["counts only"] if entry.counts_only else [])],
    )


def _facts(entry: Entry, results: Sequence[Result]) -> list[tuple[str, str]]:
    attacked = sorted({r.attacked_n for r in results})
    facts = [
        ("task", entry.task),
        ("encoder", "" if entry.training == ELSEWHERE else entry.encoder.name),
        ("training rows", f"{entry.train_rows:,}" if entry.train_rows else ""),
        ("clean texts", f"{entry.clean.n:,}"),
        ("attacked texts", " and ".join(f"{n:,}" for n in attacked)),
        ("precision", entry.precision),
        ("made", entry.environment.date[:10] if entry.environment else ""),
    ]
    return [(name, text) for name, text in facts if text]


def _bars(results: Sequence[Result], reader: SampleReader | None) -> Bars:
    bars = []
    if results and reader:
        clean = Column(CLEAN)
        bars.append(bar_of("clean texts", add_interval(clean_cell(reader, results[:1]), clean, LEVEL), clean))
        for result in results:
            column = Column(result.attack.title)
            bars.append(
                bar_of(result.attack.title, add_interval(attacked_cell(reader, [result]), column, LEVEL), column)
            )
        if len(results) > 1 and (cell := _worst_cell(results, reader)).value is not None:
            bars.append(
                bar_of("worst", add_interval(cell, Column(WORST), LEVEL), Column(WORST), note="right under each")
            )
    note = f"In parentheses and as a thin line the {percent(LEVEL, 0)} % interval: what other texts might give."
    return Bars(("texts", "accuracy in %"), bars, "Texts that stay right, in %", note)


def _worst_cell(results: Sequence[Result], reader: SampleReader) -> Cell:
    known = [r for r in results if reader.columns(r.folder).id]
    if len(known) < len(results):
        return Cell()
    outcomes = average_worst(WorstReader(reader, known), known)
    return outcome_cell(outcomes, known) if outcomes else Cell()


def _accuracy_section(results: Sequence[Result], reader: SampleReader | None) -> Section:
    if reader is None:
        return Section("accuracy", "Accuracy", [Paragraph("No attack on this model was submitted.")])
    heads = [
        Head("attack", is_text=True),
        *(Head(column.name) for column in COLUMNS[1:]),
        *(Head(name) for name in ("failed", "succeeded", "skipped", "errors")),
    ]
    lines = []
    for result in results:
        cells = quality_cells(reader, [result])[1:]
        shown = [
            number_item(add_interval(cell, column, LEVEL), column)
            for cell, column in zip(cells, COLUMNS[1:], strict=True)
        ]
        o = result.outcome
        counts = [Item(f"{count:,}", order=count) for count in (o.failed, o.succeeded, o.skipped, o.errors)]
        page = attack_page(attack_name(result.attack))
        lines.append(Line([Item(result.attack.title, href=page), *shown, *counts]))
    below = [
        "attack%: texts that stay right, of all that were attacked; what was wrong before counts as wrong (skipped).",
        "success rate%: texts that were right before and are wrong after. Queries: mean over the texts that were right"
        " before. Words changed% (without inserted words) and similarity: means over the successes.",
    ]
    table = SortableTable("attacks", "Every attack on this model", heads, lines, below=below)
    return Section("accuracy", "Accuracy under attack", [table])


def _curves_section(
    board: Board | None, name: str, results: Sequence[Result], reader: SampleReader | None
) -> list[Section]:
    drawn = draw_entry_curves(board, name, results, reader) if board and reader else None
    return [Section("budget", "The attacker's budget", [drawn])] if drawn else []


def _examples_section(stored: Mapping[str, StoredStage[CellInfo]], results: Sequence[Result]) -> list[Section]:
    """Show attacked texts, which only a runs folder has."""
    pairs: list[Any] = [
        (r, records.read(stored[r.info.key].folder / RECORDS_FILE)) for r in results if r.info.key in stored
    ]
    examples = pick_examples(pairs, EXAMPLES, names=False, held=HELD)
    if not examples:
        return []
    text = (
        "Struck out: what the attack removed. Underlined: what it put there. Only this local build has them: entries"
        " hold no texts."
    )
    return [Section("examples", "Examples", [Paragraph(text), Examples(examples)])]
