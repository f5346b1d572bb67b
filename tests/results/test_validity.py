"""What people say of adversarial texts: blind order, kept labels, and agreement."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from sklearn.metrics import cohen_kappa_score

from robench import RobenchError
from robench.results.answers import JudgeAnswers
from robench.results.blind_texts import BlindKey, KeyRow, choose_texts
from robench.results.info_parts import Outcome
from robench.results.validity import (
    ValidTexts,
    correct_accuracy,
    count_kept,
    count_kept_by_majority,
    measure_agreement,
)
from support.hand_made import record

SUCCESSES = [record(row, "succeeded") for row in range(30)]
ROWS = [*SUCCESSES, *(record(row, "failed") for row in range(30, 40)), record(40, "skipped")]
LABELS = ["no", "yes"]


def draw(count: int = 20, seed: int = 1, cell: str = "a") -> tuple[BlindKey, dict[int, str]]:
    key, texts = choose_texts(ROWS, LABELS, cell=cell, count=count, seed=seed)
    return key, {text.number: text.text for text in texts}


def test_choose_texts_has_the_two_texts_of_each_drawn_success_half_of_all_apart() -> None:
    key, texts = draw()
    assert [row.number for row in key.texts] == list(range(1, 41)) == list(texts)
    halves = [key.texts[:20], key.texts[20:]]
    assert [row.row for row in halves[0]] == [row.row for row in halves[1]] and len({r.row for r in halves[0]}) == 20
    by_row = {row: {one.kind for one in key.texts if one.row == row} for row in {one.row for one in key.texts}}
    assert set(map(frozenset, by_row.values())) == {frozenset({"clean", "adversarial"})}
    assert 4 <= sum(row.kind == "clean" for row in halves[0]) <= 16
    for row in key.texts:
        source = SUCCESSES[row.row]
        assert (texts[row.number], row.label) == (
            source.original if row.kind == "clean" else source.final,
            source.label,
        )


def test_choose_texts_depends_on_cell_and_seed_alone() -> None:
    assert draw() == draw()
    batches = {draw()[0].batch, draw(seed=2)[0].batch, draw(cell="b")[0].batch, draw(count=10)[0].batch}
    assert len(batches) == 4
    assert [row.row for row in draw()[0].texts] != sorted(row.row for row in draw()[0].texts)


def test_choose_texts_of_fewer_successes_takes_all() -> None:
    assert len(draw(count=1000)[0].texts) == 60


def test_choose_texts_without_a_success_is_a_sentence() -> None:
    with pytest.raises(RobenchError, match="no attack of the cell a succeeded"):
        choose_texts(ROWS[30:], LABELS, cell="a", count=3, seed=1)


KEY = BlindKey(
    "b",
    "c",
    ("no", "yes"),
    tuple(KeyRow(number, number, "clean" if number % 2 else "adversarial", number % 3 % 2) for number in range(1, 9)),
)
GOLD = {row.number: row.label for row in KEY.texts}


def answers(**changes: int) -> JudgeAnswers:
    """The gold labels but for these; -2 leaves the answer out."""
    labels = GOLD | {int(number[1:]): label for number, label in changes.items()}
    return JudgeAnswers("x", {number: label for number, label in labels.items() if label != -2})


def test_count_kept_counts_gold_labels_of_the_kind_that_have_an_answer() -> None:
    one = answers(n2=1 - GOLD[2], n4=-1, n6=-2, n1=-2, n3=1 - GOLD[3])
    assert count_kept(KEY, one.labels, "adversarial") == ValidTexts(1, 3)  # 2 is changed, 4 unclear, 6 empty, 8 kept
    assert count_kept(KEY, one.labels, "clean") == ValidTexts(2, 3)
    assert ValidTexts(1, 3).share == Fraction(1, 3) and ValidTexts(0, 0).share is None


def test_count_kept_by_majority_needs_more_than_half_of_the_answers() -> None:
    judges = [answers(), answers(n2=-1, n4=-1, n6=-2), answers(n4=-1, n8=-2), answers(n2=-1, n6=-2, n8=-2)]
    # 2: two of four; 4: two of four; 6: both of two; 8: both of two
    assert count_kept_by_majority(KEY, judges, "adversarial") == ValidTexts(2, 4)
    assert count_kept_by_majority(KEY, judges[:3], "adversarial") == ValidTexts(3, 4)  # 4: one of three


def test_correct_accuracy_counts_a_success_with_a_changed_label_as_withstood() -> None:
    outcome = Outcome(n=110, failed=30, succeeded=50, skipped=20, errors=10)
    assert correct_accuracy(outcome, Fraction(1)) == Fraction(30, 100)
    assert correct_accuracy(outcome, Fraction(4, 5)) == Fraction(40, 100)
    assert correct_accuracy(outcome, 0.0) == Fraction(80, 100)
    assert correct_accuracy(msgspec.structs.replace(outcome, n=10), Fraction(1)) is None


def test_measure_agreement_of_two_is_cohen_s_kappa() -> None:
    first = JudgeAnswers("a", {i: label for i, label in enumerate([0, 0, 1, 1, 2, 2, 0, 1, -1, 2, 0, 0])})
    second = JudgeAnswers("b", {i: label for i, label in enumerate([0, 1, 1, 1, 2, 0, 0, 1, -1, 2, 0, -1])} | {50: 1})
    found = measure_agreement([first, second])
    assert found is not None and found.n == 12 and found.share == pytest.approx(9 / 12)
    expected = cohen_kappa_score(list(first.labels.values()), list(second.labels.values())[:12])
    assert found.kappa == pytest.approx(expected)


FLEISS = (
    *((0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1)),
    *((7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7)),
)
"""Fourteen raters of ten subjects, the worked example of many textbooks: agreement 0.378, kappa 0.210."""


def test_measure_agreement_of_many_is_fleiss_kappa() -> None:
    votes = [[label for label, count in enumerate(row) for _ in range(count)] for row in FLEISS]
    judges = [JudgeAnswers(str(judge), {i: row[judge] for i, row in enumerate(votes)}) for judge in range(14)]
    found = measure_agreement(judges)
    assert found is not None and found.kappa is not None
    assert (round(found.share, 3), round(found.kappa, 3)) == (0.378, 0.210)


def test_measure_agreement_without_anything_to_compare_is_none() -> None:
    assert measure_agreement([answers()]) is None
    assert measure_agreement([JudgeAnswers("a", {1: 0}), JudgeAnswers("b", {2: 0})]) is None
    same = measure_agreement([JudgeAnswers("a", {1: 0, 2: 0}), JudgeAnswers("b", {1: 0, 2: 0})])
    assert same is not None and (same.share, same.kappa) == (1.0, None)
