"""The sentence on the leader of a board."""

from __future__ import annotations

from dataclasses import replace

from robench.report.site.board_pages import describe_leader
from robench.report.site.boards import make_boards
from robench.report.tables.worst import WORST
from support.many_entries import make_entry


def test_leader_with_errors_has_a_plain_number_and_they_are_told_of_apart() -> None:
    (board,) = make_boards([make_entry("base", texts=20), make_entry("pgd", number=9, texts=20)])
    first, *others = board.places
    assert board.by == WORST and board.column == 0
    failed = replace(first.row, cells=(replace(board.cell(first), errors=2, samples=20), *first.row.cells[1:]))
    sentence = describe_leader(replace(board, places=[replace(first, row=failed), *others]))
    assert sentence.replace(
        "; 2 of 20 cases, in which an attack ended in an error, are left out", ""
    ) == describe_leader(board)
    assert "2 errors" not in sentence and "left out" in sentence
