"""The numbers that papers printed, beside those of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from robench.report.pages.parts import Paragraph, Part, Section
from robench.report.site.board import Board, BoardRow
from robench.report.site.board_pages import describe_protocol
from robench.report.site.board_tables import number_item
from robench.report.site.links import link
from robench.report.site.parts import Head, Item, Line, SitePage, SortableTable
from robench.report.tables.model import CLEAN, Cell, Column
from robench.results.paper_contents import Paper
from robench.results.papers import find_paper, list_papers
from robench.results.published import PublishedRow, PublishedTable, read_published_table, strip_owner

_KINDS = ("accuracy", "encoders")
"""Kinds of tables whose columns a board has, too."""


def make_published_page(boards: Sequence[Board]) -> SitePage:
    """Make the page of published numbers.

    Raises:
        RobenchError: a file of published numbers is broken.
    """
    sections = []
    for paper in (found for name in list_papers() if not (found := find_paper(name)).is_invented):
        parts: list[Part] = []
        for spec in paper.tables.values():
            numbers = read_published_table(paper, spec.number) if spec.kind in _KINDS else None
            if numbers:
                parts += _show(paper, numbers, boards)
        if parts:
            sections.append(Section(paper.name, paper.title, parts))
    return SitePage(
        path="published.html",
        kicker="published numbers",
        title="What papers printed, beside what was measured here",
        lead=[
            "The first number of a column is the paper's, the second was measured here, of the defense as it comes,"
            " trained and attacked by one protocol. They differ in more than chance: encoder, rows, resources of the"
            " attacks and selection of the model are not the paper's unless it is said.",
        ],
        sections=sections,
        area="published.html",
    )


def _show(paper: Paper, numbers: PublishedTable, boards: Sequence[Board]) -> list[Part]:
    columns = list(dict.fromkeys(name for row in numbers.rows for name in row.numbers))
    several = len(numbers.encoders) > 1
    chosen = {(row.task, row.encoder): _choose_board(row, boards) for row in numbers.rows}
    heads = [
        Head("defense", is_text=True),
        Head("task", is_text=True),
        *([Head("encoder", is_text=True)] if several else []),
        *(head for name in columns for head in (Head(name, aside="printed"), Head(name, aside="here"))),
    ]
    lines = []
    for row in numbers.rows:
        board = chosen[row.task, row.encoder]
        places = _find_places(row, board)
        pairs: list[Item] = []
        for name in columns:
            number = number_item(Cell(row.numbers.get(name)), Column(name))
            pairs += [number, _measured(board, places, name)]
        names = [Item(row.defense), Item(row.task), *([Item(row.encoder)] if several else [])]
        lines.append(Line([*names, *pairs], facets=(row.task, row.defense)))
    name = f"{paper.name}-{numbers.number}"
    caption = f"Table {numbers.number}: {numbers.caption}"
    table = SortableTable(name, caption, heads, lines, filters=("task", "defense"), below=_notes(numbers, chosen))
    return [table, *_sources(chosen)]


def _sources(chosen: Mapping[tuple[str, str], Board | None]) -> list[Part]:
    boards = {board.name: board for board in chosen.values() if board}
    if not boards:
        return [Paragraph("No entry is about these tasks yet.", quiet=True)]
    return [
        Paragraph(link(board.page, f"Here: {board.title}; {describe_protocol(board)}", root=""))
        for board in boards.values()
    ]


def _choose_board(row: PublishedRow, boards: Sequence[Board]) -> Board | None:
    """Return the board of a task, of the paper's encoder if there is one, with the most defenses."""
    fitting = [board for board in boards if board.first.info.task == row.task]
    same = [board for board in fitting if strip_owner(board.first.info.encoder.name) == row.encoder]
    return max(same or fitting, key=lambda board: len(board.places), default=None)


def _find_places(row: PublishedRow, board: Board | None) -> list[BoardRow]:
    """Return the places of a defense without changed options, several if each of its models has one."""
    places = board.places if board else ()
    return [place for place in places if place.defense == row.defense and not place.row.is_changed]


def _measured(board: Board | None, places: Sequence[BoardRow], name: str) -> Item:
    """Return the number of a defense in the column of a paper's attack, or on clean texts.

    A model that was trained against one attack stands under this one alone, since papers train one for each attack.
    """
    for i, column in enumerate(board.columns if board else ()):
        if name not in (column.attack, column.name):
            continue
        fitting = [place for place in places if name == CLEAN or place.knows in ("", column.attack)]
        if len(fitting) == 1:
            found = number_item(fitting[0].row.cells[i], column)
            return replace(found, aside="", best=False, title=f"interval {found.aside}" if found.aside else "")
    return number_item(Cell(), Column(name))


def _notes(numbers: PublishedTable, chosen: Mapping[tuple[str, str], Board | None]) -> list[str]:
    """Return what a reader needs to compare the two."""
    notes = [numbers.source + ".", *(f"Note: {note}." for note in numbers.notes)]
    ours = {board.first.info.encoder.name for board in chosen.values() if board}
    theirs = set(numbers.encoders)
    if others := sorted(name for name in ours if strip_owner(name) not in theirs):
        notes.append(f"Note: the encoder here is {', '.join(others)}, the paper's {', '.join(sorted(theirs))}.")
    stand_ins = sorted(
        {c.name for board in chosen.values() if board for c in board.columns if c.attack not in ("", c.name)}
    )
    if stand_ins:
        notes.append(f"Note: here, {', '.join(stand_ins)} ran on stand-ins for the resources that the paper used.")
    return notes
