"""Boards: who is ranked, by what, and which entries stand side by side."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from robench.report.site.board import MEAN, Board
from robench.report.site.board_tables import board_table, entries_table
from robench.report.site.boards import make_boards
from robench.report.site.published_page import _measured
from robench.report.tables.model import WORST
from robench.results.entries import choose_primary
from robench.results.entry_form import Entry
from support.many_entries import ATTACKS, make_entry

TEXTS = 20


def entry(defense: str, **values: Any) -> Entry:
    return make_entry(defense, texts=TEXTS, **values)


def only_board(*entries: Entry) -> Board:
    (board,) = make_boards(entries)
    return board


def value(board: Board, defense: str, column: str) -> Fraction | None:
    place = next(place for place in board.places if place.row.label == defense)
    return place.row.cells[[one.name for one in board.columns].index(column)].value


def test_board_is_ranked_by_the_worst_attack_if_one_model_of_each_defense_met_all() -> None:
    base, pgd = entry("base"), entry("pgd", number=9)
    board = only_board(base, pgd)
    held = set(range(TEXTS))
    for attack in base.attacks:
        assert attack.records is not None
        held &= {row.id for row in attack.records.rows() if row.status == "failed"}
    assert (board.by, board.lacking) == (WORST, [])
    assert [column.name for column in board.columns][:2] == [WORST, "clean%"], "without the mean, which ranks nothing"
    assert value(board, "base", WORST) == Fraction(len(held), TEXTS)
    assert [place.rank for place in board.places] == [1, 2]
    first, second = (board.cell(place).value for place in board.places)
    assert first is not None and second is not None and first > second


def test_board_is_ranked_by_the_mean_if_a_defense_has_a_model_for_each_attack_and_says_so() -> None:
    taichi = [entry("taichi", against=attack) for attack in ATTACKS]
    board = only_board(entry("base"), *taichi)
    assert board.by == MEAN and board.lacking == ["taichi"]
    own = [Fraction(one.attacks[0].attacked.failed or 0, TEXTS) for one in taichi]
    assert value(board, "taichi", MEAN) == sum(own) / 4
    assert value(board, "taichi", WORST) is None and value(board, "base", WORST) is not None


def test_models_that_met_the_attacks_of_others_too_are_ranked_by_the_worst_and_stand_below_their_own() -> None:
    taichi = [entry("taichi", against=attack, attacks=ATTACKS, number=number) for number, attack in enumerate(ATTACKS)]
    board = only_board(entry("base"), *taichi)
    assert board.by == WORST
    own = next(attack for attack in taichi[1].attacks if attack.attack.name == ATTACKS[1])
    assert value(board, "taichi", ATTACKS[1]) == Fraction(own.attacked.failed or 0, TEXTS), (
        "of the model for this attack"
    )
    (line,) = (line for line in board_table(board, "board").below if line.startswith("taichi: a model for each attack"))
    assert all(name in line.partition("trained against ")[2] for name in ATTACKS)
    place = next(place for place in board.places if place.defense == "taichi")
    assert [one.key for one in place.entries] == [one.key for one in taichi]
    _, *lines = entries_table(board).lines  # of base, and of each model, which met all four
    assert len(lines) == 4 and all("—" not in [item.text for item in line.items] for line in lines)


def test_models_that_no_two_seeds_have_are_said_to_be_of_other_attacks() -> None:
    ada = [entry("ada", against="pwws", seed=1), entry("ada", against="textfooler", seed=2)]
    below = board_table(only_board(entry("base"), *ada), "board").below
    (line,) = (line for line in below if line.startswith("ada: a model for each attack"))
    assert line.endswith("The other numbers are means over all of these models, of other attacks with each seed.")


def test_models_of_a_defense_that_knows_few_attacks_and_met_more_have_rows_and_ranks_of_their_own() -> None:
    crossed = [entry("ada", against="pwws", attacks=ATTACKS, number=number, seed=number) for number in (1, 2)]
    own = entry("ada", against="bae", number=3)
    whole = [entry("taichi", against=attack, attacks=ATTACKS, number=number) for number, attack in enumerate(ATTACKS)]
    board = only_board(entry("base"), *crossed, own, *whole)
    rows = {place.row.label: place for place in board.places}
    assert rows.keys() == {"base", "ada on pwws", "ada on bae", "taichi"} and board.by == WORST
    assert [one.key for one in rows["ada on pwws"].entries] == [one.key for one in crossed]
    assert rows["ada on pwws"].rank is not None and rows["ada on bae"].rank is None
    met = [one for attacked in crossed for one in attacked.attacks if one.attack.name == ATTACKS[0]]
    assert value(board, "ada on pwws", ATTACKS[0]) == Fraction(sum(one.attacked.failed or 0 for one in met), 2 * TEXTS)
    assert not any(place.row.is_changed for place in board.places)
    assert "DEFENSE on ATTACK: a model trained" in " ".join(board_table(board, "board").below)


def test_paper_stands_beside_the_model_that_knows_the_attack_alone() -> None:
    board = only_board(entry("base"), entry("ada", against="pwws", attacks=ATTACKS))
    places = [place for place in board.places if place.defense == "ada"]
    columns = {name: _measured(board, places, name).text for name in (*ATTACKS, "clean%")}
    known = {name for name, text in columns.items() if text != "—"}
    assert known == {"pwws", "clean%"}
    base = [place for place in board.places if place.defense == "base"]
    assert all(_measured(board, base, name).text != "—" for name in ATTACKS)


def test_defense_that_lacks_an_attack_has_no_rank_and_stands_last() -> None:
    board = only_board(entry("base"), entry("pgd"), entry("smart", attacks=("pwws",), number=9))
    assert [place.defense for place in board.places][-1] == "smart"
    assert board.places[-1].rank is None and len(board.ranked) == 2


def test_attack_that_few_defenses_met_has_a_column_and_no_part_in_the_rank() -> None:
    board = only_board(entry("base"), entry("pgd"), entry("smart", attacks=(*ATTACKS, "bae")))
    assert "bae" in [column.name for column in board.columns] and "bae" not in board.ranking
    assert board.by == WORST and all(place.rank for place in board.places)


def test_many_variants_of_a_defense_do_not_decide_which_attacks_rank_a_board() -> None:
    sweep = [entry("smart", attacks=("pwws",), changed={"epsilon": value / 10}, number=value) for value in range(4)]
    board = only_board(entry("base"), entry("pgd"), *sweep)
    assert len(board.ranking) == 4 and [place.defense for place in board.ranked] == ["base", "pgd"]


def test_one_attack_ranks_a_board_by_itself() -> None:
    board = only_board(entry("base", attacks=("pwws",)), entry("pgd", attacks=("pwws",)))
    assert board.by == "pwws" and [column.name for column in board.columns] == ["clean%", "pwws"]


def test_equal_numbers_share_a_rank() -> None:
    one, other = entry("base"), entry("base", changed={"temperature": 2.0})
    copied = tuple(
        msgspec.structs.replace(copy, attacked=attack.attacked, records=attack.records)
        for attack, copy in zip(one.attacks, other.attacks, strict=True)
    )
    board = only_board(one, msgspec.structs.replace(other, attacks=copied))
    assert [place.rank for place in board.places] == [1, 1]


def test_seeds_of_a_defense_share_a_row_and_changed_options_do_not() -> None:
    board = only_board(
        entry("base", seed=1), entry("base", seed=2), entry("base", seed=1, changed={"temperature": 2.0})
    )
    assert {place.row.label: len(place.entries) for place in board.places} == {"base": 2, "base (temperature=2.0)": 1}


def test_other_tasks_and_numbers_of_texts_have_boards_of_their_own_with_titles_that_tell_them_apart() -> None:
    boards = make_boards([entry("base"), entry("base", task="mr"), make_entry("base", texts=TEXTS + 2)])
    assert [board.title for board in boards] == [
        "trec · minilm · 20 attacked texts",
        "trec · minilm · 22 attacked texts",
        "mr · minilm",
    ]
    assert len({board.name for board in boards}) == 3


def test_counts_alone_have_numbers_and_no_place_under_the_worst_attack() -> None:
    counts = entry("ada")
    attacks = tuple(msgspec.structs.replace(attack, records=None) for attack in counts.attacks)
    counts = msgspec.structs.replace(counts, counts_only=True, predictions=None, attacks=attacks)
    board = only_board(counts, entry("base"))
    assert value(board, "ada", "pwws") is not None and value(board, "ada", WORST) is None
    assert board.by == MEAN and board.lacking == ["ada"]
    assert value(board, "base", WORST) is not None, "others keep theirs"


def test_worst_of_a_model_that_lacks_a_ranking_attack_is_not_known_though_the_others_have_counts_alone() -> None:
    counts = entry("base")
    attacks = tuple(msgspec.structs.replace(attack, records=None) for attack in counts.attacks)
    counts = msgspec.structs.replace(counts, counts_only=True, predictions=None, attacks=attacks)
    board = only_board(counts, entry("pgd", attacks=["pwws"]))
    assert value(board, "pgd", "pwws") is not None and value(board, "pgd", WORST) is None


def test_rerun_stands_behind_the_entry_that_it_confirms() -> None:
    one = entry("base")
    again = msgspec.structs.replace(one, mark="rerun", rerun_by="ann")
    assert choose_primary([again, one]) == [one] and choose_primary([again]) == [again]


@pytest.mark.parametrize("entries", [[], [msgspec.structs.replace(entry("base"), attacks=())]])
def test_entries_without_an_attack_make_no_board(entries: list[Entry]) -> None:
    assert make_boards(entries) == []
