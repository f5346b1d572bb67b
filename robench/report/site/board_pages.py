"""The first page of the site, and the pages of each board."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.pages.parts import Paragraph, Part, Section
from robench.report.pages.phrases import (
    Tested,
    describe_ahead,
    describe_doubts,
    describe_unpaired,
    join_names,
    share_text,
)
from robench.report.rendering import texts
from robench.report.site.board import Board, BoardRow
from robench.report.site.board_tables import board_table, describe_ranking, entries_table
from robench.report.site.board_titles import describe_settings
from robench.report.site.curves import draw_board_curves
from robench.report.site.links import link
from robench.report.site.parts import SitePage
from robench.report.site.tradeoff import draw_tradeoff
from robench.report.tables.captions import notes_of
from robench.results.entry_checks import is_own_data
from robench.results.entry_form import Entry
from robench.results.info import ELSEWHERE

QUESTION = "Which defense of a text classifier holds, and against what?"
FEW_ROWS = 60
"""Defenses of a board up to which the first page shows its trade-off."""


def make_front_page(boards: Sequence[Board], entries: Sequence[Entry]) -> SitePage:
    """Make the page with the tables of all boards.

    Args:
        boards: all boards.
        entries: all entries, each model once.
    """
    defenses = {place.defense for board in boards for place in board.places}
    attacks = {label.text for board in boards for label in board.attacks.values()}
    first = max(boards, key=lambda board: len(board.ranked), default=None)
    drawn = draw_tradeoff(first) if first and len(first.ranked) <= FEW_ROWS else None
    return SitePage(
        path="index.html",
        kicker="robench · leaderboard",
        title=QUESTION,
        lead=[
            f"Text classifiers can be fooled by changing a few words. Here {_describe_numbers(boards, entries)}.",
            *([describe_leader(first)] if first else []),
        ],
        facts=[
            ("models", f"{len(entries):,}"),
            ("defenses", f"{len(defenses):,}"),
            ("attacks", f"{len(attacks):,}"),
            ("tasks", join_names(sorted({entry.task for entry in entries}))),
            ("language", "English only"),
        ],
        front=[drawn] if drawn else [],
        sections=[_front_section(board) for board in boards],
        area="index.html",
    )


def _describe_numbers(boards: Sequence[Board], entries: Sequence[Entry]) -> str:
    """Say how the numbers are made, how many have an interval, and whether anyone can make them again."""
    way = "every defense is trained and attacked"
    if any(entry.victim for entry in entries):
        way = "every model is attacked"
    return f"{way} in the same way, {_describe_intervals(boards)}, and {_describe_makers(entries)}"


def _describe_intervals(boards: Sequence[Board]) -> str:
    cells = [cell for board in boards for place in board.places for cell in place.row.cells if cell.value is not None]
    bare = sum(cell.interval is None for cell in cells)
    if not bare:
        return "every number has an interval"
    return f"{f'all but {bare:,} of {len(cells):,} numbers have' if bare < len(cells) else 'no number has'} an interval"


def _describe_makers(entries: Sequence[Entry]) -> str:
    again = "can be made again: from public rows, with one command, by anyone"
    private = {entry.key for entry in entries if is_own_data(entry.data.source)}
    elsewhere = {entry.key for entry in entries if entry.victim}
    origins = {"private rows": private, "models that were trained elsewhere": elsewhere}
    names, count = [name for name, keys in origins.items() if keys], len(private | elsewhere)
    if not names:
        return f"every number {again}"
    if count == len(entries):
        return f"all numbers are of {join_names(names)}, so that not everybody can make them again"
    public = f"the numbers of {len(entries) - count:,} of {len(entries):,} models"
    return f"{public} {again}; those of the others are of {join_names(names)}"


def _front_section(board: Board) -> Section:
    parts: list[Part] = [
        Paragraph(f"{describe_protocol(board)}. ", quiet=True),
        board_table(board, f"table-{board.name}"),
        Paragraph(link(board.page, "Trade-off, curves and protocol of this board", root="")),
    ]
    return Section(board.name, board.title, parts)


def describe_leader(board: Board) -> str:
    """Say which defense has the highest number of a board, and which cannot be told from it."""
    ranked = board.ranked
    if not ranked:
        return f"On {board.title}, no defense has met every attack yet."
    best, column = ranked[0], board.columns[board.column]
    cell = board.cell(best)
    tied = _level_with_first(board, ranked)
    intervals = {texts.interval_text(board.cell(place), column) for place in tied}
    number = " ".join([share_text(cell, column), *(intervals if len(intervals) == 1 else [])]).strip()
    sentence = f"On {board.title}, {_name_leaders(tied)} the highest number, {number}: {describe_ranking(board)}"
    sentence += "".join(describe_doubts(board.cell(place), place.row.label if tied[1:] else "") for place in tied)
    if len(ranked) == 1:
        return f"{sentence}. No other defense has met these attacks yet."
    compared = [place for place in ranked if board.cell(place).is_compared]
    if not compared:
        return f"{sentence}."
    first = _level_with_first(board, compared)
    if not cell.is_compared:
        number = f"{share_text(board.cell(first[0]), column)}{describe_doubts(board.cell(first[0]))}"
        sentence += "; of too few seeds, it is not compared. Of those that are compared"
        sentence += f" {_name_leaders(first)} the highest, {number}"
    return f"{'; '.join([sentence, *_describe_tests(board, compared, first)])}."


def _describe_tests(board: Board, compared: Sequence[BoardRow], first: Sequence[BoardRow]) -> list[str]:
    """Return what tests say of the places that are compared beside the first, or those that share its number."""
    found = Tested.of([(place.row.label, board.cell(place)) for place in compared])
    best = first[0].row.label if first[1:] else "it"
    parts = [f"{_name_some(found.alike)} cannot be told from {best}"] if found.alike else []
    if found.ahead:
        parts.append(describe_ahead(_name_some(found.ahead), several=len(found.ahead) > 1))
    if found.unpaired:
        parts.append(describe_unpaired(_name_some(found.unpaired), best))
    return parts


def _name_some(names: Sequence[str]) -> str:
    return f"{len(names)} others" if len(names) > 4 else join_names(names)


def _level_with_first(board: Board, places: Sequence[BoardRow]) -> list[BoardRow]:
    """Return the first of some places, and those with the same number."""
    return [place for place in places if board.cell(place).value == board.cell(places[0]).value]


def _name_leaders(places: Sequence[BoardRow]) -> str:
    """Return who has, or share, a number, with the verb."""
    return f"{join_names([place.row.label for place in places])} {'share' if places[1:] else 'has'}"


def describe_protocol(board: Board) -> str:
    """Describe in one line what all defenses of a board share."""
    info = board.first.info
    rows = f"{info.train_rows:,} training rows" if info.train_rows else "models trained elsewhere"
    counts = f"{info.clean.n:,} clean and {board.first.attacked_n:,} attacked test texts"
    return f"{rows}, {counts}, precision {info.precision}" if info.precision else f"{rows}, {counts}"


def make_board_page(board: Board) -> SitePage:
    """Make the page of a board: its table, trade-off and curves, and the protocol that all of it shares."""
    info, elsewhere = board.first.info, board.first.info.training == ELSEWHERE
    seeds = sorted({seed for place in board.places for seed in place.row.seeds})
    facts = [
        ("task", info.task),
        ("labels", ", ".join(info.labels)),
        ("data", f"{info.data.source}, sha256 {info.data.digest[:16]}"),
        ("encoder", "" if elsewhere else f"{info.encoder.name}, sha256 {info.encoder.digest[:16]}"),
        ("training rows", "" if elsewhere else f"{info.train_rows:,}"),
        ("training", describe_settings(board.first)),
        ("precision", info.precision),
        ("clean test texts", f"{info.clean.n:,}"),
        ("attacked test texts", f"{board.first.attacked_n:,}"),
        ("seeds", ", ".join(map(str, seeds))),
        ("entries", f"{len(board.entries):,}"),
    ]
    drawn, curves = draw_tradeoff(board), draw_board_curves(board)
    sections = [Section("table", "Defenses", [board_table(board, "board")])]
    if curves:
        sections.append(Section("budget", "The attacker's budget", [curves]))
    notes = notes_of(r.info for place in board.places for r in place.results)
    sections.append(
        Section(
            "entries",
            "Entries",
            [
                Paragraph(link(board.entries_page, f"All {len(board.entries):,} entries of this board")),
                *(Paragraph(f"Note: {note}.", quiet=True) for note in notes[:8]),
            ],
        )
    )
    return SitePage(
        path=board.page,
        kicker="board",
        title=board.title,
        lead=[describe_leader(board), f"All defenses here share the protocol: {describe_protocol(board)}."],
        facts=[(name, text) for name, text in facts if text],
        front=[drawn] if drawn else [],
        sections=sections,
        area="index.html",
    )


def make_entries_page(board: Board) -> SitePage:
    """Make the page with all entries of a board."""
    return SitePage(
        path=board.entries_page,
        kicker="entries",
        title=f"All entries of {board.title}",
        lead=[
            "One entry is one trained model and every attack on it. ",
            link(board.page, "Back to the board"),
        ],
        sections=[Section("all", "Entries", [entries_table(board)])],
        area="index.html",
    )
