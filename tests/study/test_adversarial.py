from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import pytest

from robench.data.load import Example
from robench.defenses import taichi
from robench.defenses.ada import ADA
from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi
from robench.errors import RobenchError
from robench.results.info_parts import RowCounts
from robench.results.records import Record, Status
from robench.study.stages.training_rows import arrange_rows
from robench.training.attack_plan import count_rows
from robench.training.defense import AdversarialDefense, Defense, Terms, TrainsOn

CLEAN = [(4, Example("good", 1)), (7, Example("bad", 0)), (9, Example("fine", 1)), (12, Example("a", 0))]
STATUSES: tuple[Status, ...] = ("succeeded", "failed", "skipped", "succeeded")
FINALS = ("g00d", "b ad", "fine", "")
COUNTS = {"succeeded": 2, "failed": 1, "skipped": 1}
TEXTS = {
    "original": [("g00d", 1), ("bad", 0), ("fine", 1), ("", 0)],
    "perturbed": [("g00d", 1), ("b ad", 0), ("fine", 1), ("", 0)],
    "drop": [("g00d", 1), ("", 0)],
}
PAIRS = {
    "original": [("good", 1, "g00d"), ("bad", 0, "bad"), ("fine", 1, "fine"), ("a", 0, "")],
    "perturbed": [("good", 1, "g00d"), ("bad", 0, "b ad"), ("fine", 1, "fine"), ("a", 0, "")],
    "drop": [("good", 1, "g00d"), ("a", 0, "")],
}
UNCHANGED = {"original": 2, "perturbed": 1, "drop": 0}
"""Rows of D_adv that are the clean text: "bad" and "fine", of which the search left "fine" alone."""


@dataclass(frozen=True, kw_only=True)
class OnAdversarial(AdversarialDefense):
    share: float = 1.0

    @property
    def adversarial_share(self) -> float:
        return self.share

    def loss(self, networks: Sequence[Any], batch: Any) -> Terms:
        raise AssertionError("not trained here")


@dataclass(frozen=True, kw_only=True)
class OnPairs(OnAdversarial):
    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS


@dataclass(frozen=True, kw_only=True)
class OnPairsAndTheRest(OnPairs):
    @property
    def takes_unpaired_rows(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class OnClean(OnAdversarial):
    trains_on: ClassVar[TrainsOn] = TrainsOn.CLEAN


@dataclass(frozen=True, kw_only=True)
class OnUnion(OnAdversarial):
    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION


def records(statuses: Sequence[Status] = STATUSES, finals: Sequence[str] = FINALS) -> list[Record]:
    return [
        Record(
            id=i,
            label=example.label,
            original=example.text,
            final=final,
            status=status,
            probabilities_before=[0.1 * n, 1 - 0.1 * n],
            probabilities_after=[0.5 + 0.1 * n, 0.5 - 0.1 * n],
            queries=2,
            words_changed=1,
            words=1,
            seconds=0.0,
        )
        for n, ((i, example), status, final) in enumerate(zip(CLEAN, statuses, finals, strict=True))
    ]


def made(defense: Defense, found: list[Record] | None = None, seed: int = 0) -> tuple[list[Any], RowCounts]:
    rows, counts = arrange_rows(defense, CLEAN, records() if found is None else found, seed)
    paired = any(row.adversarial is not None for row in rows)
    return [(row.text, row.label, row.adversarial) if paired else (row.text, row.label) for row in rows], counts


def plain() -> list[tuple[str, int]]:
    return [(example.text, example.label) for _, example in CLEAN]


@pytest.mark.parametrize("unsuccessful", ["original", "perturbed", "drop"])
@pytest.mark.parametrize("kind", [OnAdversarial, OnUnion, OnPairs, OnClean], ids=lambda kind: kind.__name__)
def test_a_defense_gets_the_rows_it_asks_for(kind: type[OnAdversarial], unsuccessful: Any) -> None:
    texts = TEXTS[unsuccessful]
    used = {"adversarial": len(texts), "unchanged": UNCHANGED[unsuccessful], **COUNTS}
    n = len(texts)
    expected = {
        OnAdversarial: (texts, RowCounts(training=n, clean=0, **used)),
        OnUnion: (plain() + texts, RowCounts(training=4 + n, clean=4, **used)),
        OnPairs: (PAIRS[unsuccessful], RowCounts(training=n, clean=n, **used)),
        OnClean: (plain(), RowCounts(training=4, clean=4)),
    }
    assert made(kind(unsuccessful=unsuccessful)) == expected[kind]


def test_the_defenses_of_the_house_get_theirs() -> None:
    assert made(Base(), []) == (plain(), RowCounts(training=4, clean=4))
    assert made(ADA()) == made(OnUnion())
    assert made(TaiChi()) == made(OnPairs())
    assert made(TaiChi(unsuccessful="drop")) == made(OnPairsAndTheRest(unsuccessful="drop"))
    assert made(clean_alone(unsuccessful="drop")) == made(OnPairsAndTheRest(unsuccessful="drop"))
    assert made(adversarial_alone(unsuccessful="drop")) == made(OnPairs(unsuccessful="drop"))


def clean_alone(**changes: Any) -> Defense:
    return replace(taichi.clean, **changes)


def adversarial_alone(**changes: Any) -> Defense:
    return replace(taichi.adversarial, **changes)


def test_clean_rows_whose_counterpart_is_dropped_stay_for_a_defense_that_takes_them() -> None:
    rows, counts = made(OnPairsAndTheRest(unsuccessful="drop"))
    assert rows == [*PAIRS["drop"], ("bad", 0, None), ("fine", 1, None)]
    assert counts == RowCounts(training=4, clean=4, adversarial=2, unchanged=0, **COUNTS)
    for kept in ("original", "perturbed"):
        assert made(OnPairsAndTheRest(unsuccessful=cast(Any, kept)))[0] == PAIRS[kept]


def test_clean_rows_whose_counterpart_is_not_drawn_stay_for_a_defense_that_takes_them() -> None:
    for choice in ("original", "drop"):
        rows, counts = made(OnPairsAndTheRest(share=0.5, unsuccessful=cast(Any, choice)))
        assert sorted((text, label) for text, label, _ in rows) == sorted(plain())
        assert sum(changed is not None for *_, changed in rows) == counts.adversarial
        assert (counts.clean, counts.adversarial) == (4, 2 if choice == "original" else 1)


def test_records_are_matched_by_position_not_by_order() -> None:
    assert made(OnPairs(), records()[::-1]) == made(OnPairs())


@pytest.mark.parametrize("kind", [OnAdversarial, OnUnion, OnPairs], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("share", "used"), [(0.01, 1), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_a_share_of_d_adv_is_drawn_with_the_seed(kind: type[OnAdversarial], share: float, used: int) -> None:
    whole, _ = made(kind())
    draws = {seed: made(kind(share=share), seed=seed) for seed in range(20)}
    clean = 4 if kind is OnUnion else 0
    for rows, counts in draws.values():
        assert rows[:clean] == whole[:clean]
        assert len(rows[clean:]) == len(set(rows[clean:])) == used
        assert set(rows[clean:]) <= set(whole[clean:])
        assert counts.adversarial == used
    assert made(kind(share=share), seed=5) == draws[5]
    assert (len({frozenset(rows) for rows, _ in draws.values()}) > 1) is (used < 4)


@pytest.mark.parametrize(
    ("defense", "expected"),
    [
        (Base(), (100, 0)),
        (OnClean(share=0.1), (100, 0)),
        (OnUnion(share=0.1), (100, 10)),
        (OnUnion(share=0.001), (100, 1)),
        (OnAdversarial(share=0.1), (10, 0)),
        (OnPairs(share=0.1), (10, 0)),
        (OnPairsAndTheRest(share=0.1), (100, 0)),
    ],
    ids=repr,
)
def test_a_plan_counts_the_share_of_d_adv_alone(defense: Defense, expected: tuple[int, int]) -> None:
    assert count_rows(defense, 100) == expected


def test_ada_adds_its_ratio() -> None:
    rows, counts = made(ADA(ratio=0.5), seed=1)
    assert rows[:4] == plain()
    assert len(rows) == 6
    same = sum(row in [("bad", 0), ("fine", 1)] for row in rows[4:])
    assert counts == RowCounts(training=6, clean=4, adversarial=2, unchanged=same, **COUNTS)


@pytest.mark.parametrize("kind", [OnAdversarial, OnUnion, OnPairs], ids=lambda kind: kind.__name__)
def test_nothing_left_to_train_on_is_an_error(kind: type[OnAdversarial]) -> None:
    statuses = cast(tuple[Status, ...], ("failed", "skipped", "failed", "skipped"))
    with pytest.raises(RobenchError, match="unsuccessful=drop leaves nothing"):
        made(kind(unsuccessful="drop"), records(statuses, ("good", "bad", "fine", "a")))


def test_soft_labels_are_what_base_said_of_the_text_that_is_used() -> None:
    rows, _ = arrange_rows(OnAdversarial(), CLEAN, records(), 0)
    after, before = [row.probabilities_after for row in records()], [row.probabilities_before for row in records()]
    assert [list(row.soft or ()) for row in rows] == [after[0], before[1], before[2], after[3]]


def test_an_error_is_a_row_as_a_skip_is_and_its_label_stands_for_missing_probabilities() -> None:
    errors = [replace(one, final=one.original, status="error", reason="no") for one in records()]
    errors[0] = replace(errors[0], probabilities_before=[], probabilities_after=[])
    for choice in ("original", "perturbed"):
        rows, counts = arrange_rows(OnAdversarial(unsuccessful=choice), CLEAN, errors, 1)
        assert [(row.text, row.label) for row in rows] == plain()
        assert rows[0].soft == (0.0, 1.0)
        assert all(row.soft is not None and len(row.soft) == 2 for row in rows)
        assert counts == RowCounts(training=4, adversarial=4, unchanged=4, errors=4)
    with pytest.raises(RobenchError, match="leaves nothing to train on"):
        arrange_rows(OnAdversarial(unsuccessful="drop"), CLEAN, errors, 1)
