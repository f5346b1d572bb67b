"""Where a model breaks, counted by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from robench.results.weaknesses import (
    AttackedSeed,
    TextGroup,
    WeakWord,
    find_weak_words,
    group_by_class,
    group_by_length,
)
from support.hand_made import record

FIRST = [
    record(0, "succeeded", original="A good film.", final="A bad film.", words=3),
    record(1, "succeeded", original="good, good play", final="fine, fine game", words=3, words_changed=3),
    record(2, "failed", original="a good song", final="a god song", words=3),
    record(3, "skipped", original="good riddance to that", final="good riddance to that", words=4),
    record(4, "error", original="a play", final="a play", words=2),
]
SECOND = [
    record(0, "failed", original="A good film.", final="A good fim.", words=3),
    record(1, "succeeded", original="good, good play", final="good, good paly", words=3),
    record(2, "failed", original="a good song", final="a good sogn", words=3),
    record(3, "skipped", original="good riddance to that", final="good riddance to that", words=4),
    record(4, "failed", original="a play", final="a paly", words=2),
]


def test_weak_words_count_attacks_that_succeeded_once_a_word() -> None:
    assert find_weak_words([*FIRST, *SECOND]) == [
        WeakWord(word="play", broken=2, alone=1, texts=3, instead="game"),
        WeakWord(word="good", broken=2, alone=1, texts=6, instead="bad"),
    ]


def test_weak_words_of_removed_word_have_nothing_instead() -> None:
    removed = record(0, "succeeded", original="a very good film", final="a good film", words=4)
    assert find_weak_words([removed]) == [WeakWord(word="very", broken=1, alone=1, texts=1, instead="")]


def test_weak_words_without_a_success_are_none() -> None:
    assert find_weak_words([record(0, "failed"), record(1, "skipped"), record(2, "error")]) == []


def test_classes_have_the_weakest_first_and_leave_errors_out() -> None:
    rows = [record(i, "failed" if i % 2 else "succeeded" if i % 4 else "skipped") for i in range(12)]
    assert group_by_class([AttackedSeed([rows], {r.id: r.status == "failed" for r in rows})], ["bad", "good"]) == [
        TextGroup(name="bad", clean=3, held=0, n=6),
        TextGroup(name="good", clean=6, held=6, n=6),
    ]
    assert group_by_class(
        [AttackedSeed([FIRST, SECOND], {0: False, 1: False, 2: True, 3: False, 4: None})], ["bad"]
    ) == [
        TextGroup(name="1", clean=1, held=0, n=2),
        TextGroup(name="bad", clean=2, held=1, n=2),
    ]


def test_lengths_are_groups_of_alike_size_in_order() -> None:
    rows = [record(i, "failed", words=i + 1) for i in range(8)]
    assert [
        (one.name, one.n) for one in group_by_length([AttackedSeed([rows], dict.fromkeys(range(len(rows)), True))])
    ] == [
        ("1 to 2 words", 2),
        ("3 to 4 words", 2),
        ("5 to 6 words", 2),
        ("7 to 8 words", 2),
    ]


def test_lengths_that_are_all_alike_are_one_group() -> None:
    rows = [record(i, "failed", words=4) for i in range(3)]
    assert group_by_length([AttackedSeed([rows], dict.fromkeys(range(len(rows)), True))]) == [
        TextGroup(name="4 words", clean=3, held=3, n=3)
    ]


def test_a_random_model_holds_a_text_in_a_share_of_its_draws() -> None:
    rows = [record(i, "succeeded", label=0) for i in range(10)]
    (found,) = group_by_class([AttackedSeed([rows], {r.id: 0.2 for r in rows})], ["bad"])
    assert float(found.held) == pytest.approx(2) and found.n == 10


def test_groups_of_several_seeds_have_means_over_them() -> None:
    first = [record(i, "failed" if i < 8 else "succeeded") for i in range(10)]
    second = [record(i, "skipped" if i < 4 else "error" if i == 9 else "succeeded") for i in range(10)]
    seeds = [
        AttackedSeed([first], {r.id: r.status == "failed" for r in first}),
        AttackedSeed([second], {r.id: None if r.status == "error" else False for r in second}),
    ]
    both = Fraction(1, 2)
    assert sorted(group_by_class(seeds, ["bad", "good"]), key=lambda one: one.name) == [
        TextGroup(name="bad", clean=(5 + 3) * both, held=4 * both, n=5),
        TextGroup(name="good", clean=(5 + 2) * both, held=4 * both, n=9 * both),
    ]
