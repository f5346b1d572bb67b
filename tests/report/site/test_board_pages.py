"""The sentence on the leader of a board, and what boards say of numbers that are not compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from robench.report.pages.parts import Facts
from robench.report.site.board_pages import describe_leader, make_board_page, make_front_page
from robench.report.site.board_tables import board_table
from robench.report.site.boards import make_boards
from robench.report.site.entry_pages import make_entry_page
from robench.report.tables.legend import FEW_SEEDS, UNPAIRED
from robench.report.tables.model import WORST
from robench.results.entry_form import Entry
from robench.results.info import ELSEWHERE
from robench.results.info_parts import EncoderInfo, VictimInfo
from robench.victims.source import OWN_ENCODER
from support.many_entries import make_entry

AGAIN = "can be made again: from public rows, with one command, by anyone"
TRAINED = "every defense is trained and attacked in the same way"


def without_records(entry: Entry, **changes: Any) -> Entry:
    attacks = tuple(msgspec.structs.replace(one, records=None) for one in entry.attacks)
    return msgspec.structs.replace(entry, counts_only=True, predictions=None, attacks=attacks, **changes)


def of_private_rows(entry: Entry) -> Entry:
    return without_records(entry, data=msgspec.structs.replace(entry.data, source="local"))


def made_elsewhere(entry: Entry) -> Entry:
    return msgspec.structs.replace(
        entry,
        victim=VictimInfo(kind="Transformers model", model="./mine"),
        encoder=EncoderInfo(name=OWN_ENCODER, digest=OWN_ENCODER),
        training=dict(ELSEWHERE),
        train_rows=0,
    )


def first_sentences(*entries: Entry) -> str:
    """What the first page claims of all numbers."""
    return make_front_page(make_boards(entries), entries).lead[0].partition("Here ")[2]


ONE: dict[str, Any] = {"attacks": ["pwws"], "texts": 20}


def test_front_page_of_public_rows_and_single_seeds_claims_intervals_and_commands() -> None:
    claim = first_sentences(make_entry("base", **ONE), make_entry("pgd", **ONE))
    assert claim == f"{TRAINED}, every number has an interval, and every number {AGAIN}."


def test_front_page_counts_the_numbers_without_an_interval() -> None:
    claim = first_sentences(
        make_entry("base", seed=1, **ONE), make_entry("base", seed=2, **ONE), make_entry("pgd", **ONE)
    )
    assert claim == f"{TRAINED}, all but 2 of 4 numbers have an interval, and every number {AGAIN}."
    claim = first_sentences(*(without_records(make_entry("base", seed=seed, **ONE)) for seed in (1, 2, 3)))
    assert claim.startswith(f"{TRAINED}, no number has an interval, and every number {AGAIN}")


def test_front_page_says_what_not_everybody_can_make_again() -> None:
    base, pgd, fgsm = (make_entry(name, **ONE) for name in ("base", "pgd", "fgsm"))
    claim = first_sentences(base, of_private_rows(pgd))
    of_some = f"and the numbers of 1 of 2 models {AGAIN}; those of the others are of private rows."
    assert claim == f"{TRAINED}, every number has an interval, {of_some}"
    claim = first_sentences(base, of_private_rows(pgd), made_elsewhere(fgsm))
    assert claim.startswith("every model is attacked in the same way")
    assert claim.endswith("the others are of private rows and models that were trained elsewhere.")
    claim = first_sentences(of_private_rows(base), of_private_rows(pgd))
    assert claim.endswith("and all numbers are of private rows, so that not everybody can make them again.")


def test_pages_of_a_model_trained_elsewhere_say_nothing_of_encoder_and_training_that_is_not_known() -> None:
    entry = made_elsewhere(make_entry("mine", **ONE))
    (board,) = make_boards([entry])
    assert board.title == "trec · models trained elsewhere"
    facts = dict(make_board_page(board).facts)
    assert facts["training"] == "trained elsewhere" and not {"encoder", "training rows"} & facts.keys()
    page = make_entry_page(entry, board, [], {})
    assert not {"encoder", "training rows"} & dict(page.facts).keys()
    sections = {section.name: section for section in page.sections}
    (known,) = [part for part in sections["provenance"].parts if isinstance(part, Facts)]
    names = {name for name, _ in known.facts}
    assert "model" in names and not {"encoder", "defense"} & names
    assert OWN_ENCODER not in str(known.facts) and "'elsewhere'" not in str(sections["settings"])


def test_pages_of_a_trained_model_have_its_encoder_defense_and_training() -> None:
    entry = make_entry("base", **ONE)
    (board,) = make_boards([entry])
    facts = dict(make_board_page(board).facts)
    assert facts["encoder"].startswith("minilm, sha256 ") and facts["training rows"] == "5,000"
    page = make_entry_page(entry, board, [], {})
    assert dict(page.facts)["encoder"] == "minilm"
    sections = {section.name: str(section) for section in page.sections}
    assert "'encoder', 'minilm, sha256 " in sections["provenance"] and "'defense', 'robench." in sections["provenance"]
    assert "learning_rate" in sections["settings"]


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


def test_leaders_with_the_same_number_are_all_named() -> None:
    entries = [make_entry(name, number=number, texts=20) for name, number in (("base", 0), ("pgd", 9), ("smart", 5))]
    (board,) = make_boards(entries)
    first, second, third = board.places
    same = replace(board.cell(first), is_paired=True)
    level = replace(second, row=replace(second.row, cells=(same, *first.row.cells[1:])))
    alike = replace(third.row, cells=(replace(board.cell(third), best=True), *third.row.cells[1:]))
    names = [place.row.label for place in board.places]
    sentence = describe_leader(replace(board, places=[first, level, replace(third, row=alike)]))
    assert f"{names[0]} and {names[1]} share the highest number, " in sentence
    assert board.column == 0 and sentence.endswith(f"; {names[2]} cannot be told from {names[0]}.")


def test_leader_that_another_one_beats_with_the_shared_seed_is_told_so() -> None:
    one: dict[str, Any] = {"attacks": ["deepwordbug"], "texts": 400}
    entries = [make_entry("base", seed=1, number=0, **one), make_entry("base", seed=2, number=9, **one)]
    (board,) = make_boards([*entries, make_entry("pgd", seed=1, number=4, **one)])
    assert board.places[0].defense == "base" and board.cell(board.places[1]).is_ahead
    sentence = describe_leader(board)
    assert sentence.endswith("; of the seeds that both have pgd is the better by a paired test.")
    assert "cannot be told" not in sentence


def test_leader_says_what_could_not_be_tested_against_it() -> None:
    entries = [make_entry("base", seed=1, texts=20), make_entry("pgd", seed=2, number=9, texts=20)]
    (board,) = make_boards(entries)
    other = board.places[1].row.label
    lack = "could not be tested against it, for want of outcomes of the same seeds and texts"
    assert describe_leader(board).endswith(f"; {other} {lack}.")


def test_leader_of_many_that_could_not_be_tested_counts_them() -> None:
    others = [make_entry(name, seed=2, texts=20) for name in ("base", "fgsm", "freelb", "smart", "ada")]
    (board,) = make_boards([*others, make_entry("pgd", seed=1, number=9, texts=20)])
    assert board.places[0].defense == "pgd" and "; 5 others could not be tested against it" in describe_leader(board)


def test_leader_of_one_seed_is_not_compared_where_others_have_three() -> None:
    others = [make_entry(name, seed=seed, number=0, texts=20) for name in ("base", "pgd") for seed in (1, 2, 3)]
    (alone,) = make_boards(others)
    (board,) = make_boards([*others, make_entry("smart", number=9, texts=20)])
    assert board.places[0].defense == "smart" and not board.cell(board.places[0]).is_compared
    assert [place.defense for place in board.places[1:]] == [place.defense for place in alone.places]
    assert "smart has the highest number" in describe_leader(board)
    compared = f"it is not compared. Of those that are compared {board.places[1].defense} has the highest, "
    assert compared in describe_leader(board)
    tail = describe_leader(alone).rpartition(";")[2]
    assert "cannot be told from it" in tail and describe_leader(board).endswith(tail)
    assert f"{FEW_SEEDS}." in board_table(board, "board").below
    assert f"{FEW_SEEDS}." not in board_table(alone, "board").below


def test_a_board_says_that_what_shares_no_seed_with_the_best_was_not_tested() -> None:
    (board,) = make_boards([make_entry("base", seed=1, texts=20), make_entry("pgd", seed=2, number=3, texts=20)])
    assert UNPAIRED in board_table(board, "board").below
    (tested,) = make_boards([make_entry("base", texts=20), make_entry("pgd", number=3, texts=20)])
    assert UNPAIRED not in board_table(tested, "board").below
