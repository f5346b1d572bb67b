"""Accuracy under the worst of several attacks, and under attackers with a budget, against cases by hand."""

from __future__ import annotations

from itertools import product
from math import comb, prod

import msgspec
import pytest

from robench.results.budgets import stands_after_changes, stands_after_queries
from robench.results.cells import read_model_results
from robench.results.columns import RecordColumns, make_columns
from robench.results.info import CellInfo
from robench.results.sample_reader import SampleReader
from robench.results.samples import Outcome
from robench.results.store import Store
from robench.results.worst import WorstReader, choose_by_half, judge_shared_samples
from support.hand_made import add_cell, record

NAMES = {"f": "failed", "s": "succeeded", "k": "skipped", "e": "error"}


def columns(letters: str, first: int = 0, **changes: int) -> RecordColumns:
    return make_columns([record(first + i, NAMES[letter], **changes) for i, letter in enumerate(letters)])


@pytest.mark.parametrize(
    ("attacks", "expected"),
    [
        (["fske"], [True, False, False, None]),
        (["fffff", "fskef"], [True, False, False, None, True]),
        (["sf", "fs"], [False, False]),
        (["es", "fe"], [None, None]),
    ],
    ids=["one attack is that attack", "two", "each falls once", "an error leaves"],
)
def test_a_sample_counts_only_if_the_model_survives_all_attacks(attacks: list[str], expected: list[Outcome]) -> None:
    assert judge_shared_samples([columns(letters) for letters in attacks]) == dict(enumerate(expected))


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        (9, [True, True, False, None]),
        (10, [True, False, False, None]),
        (0, [True, True, False, None]),
    ],
)
def test_a_sample_that_fell_after_ten_queries_stands_until_then(queries: int, expected: list[Outcome]) -> None:
    assert stands_after_queries(columns("fske", queries=10), queries) == expected


@pytest.mark.parametrize(("percent", "stands"), [(24.9, True), (25, False), (100, False)])
def test_a_sample_of_which_a_quarter_was_changed_stands_below_that(percent: float, stands: bool) -> None:
    assert stands_after_changes(columns("s", words_changed=1, words=4), percent) == [stands]


def read_worst(store: Store) -> dict[tuple[str, str], list[tuple[int, list[Outcome]]]]:
    results = read_model_results(store.stages(CellInfo))
    worst = WorstReader(SampleReader.of(results), results)
    rows: dict[str, list[int]] = {}
    for place, result in enumerate(results):
        rows.setdefault(result.row, []).append(place)
    found = {}
    for places in rows.values():
        attack = results[places[0]].info.training_attack
        name = results[places[0]].defense.name, attack.name if attack else ""
        cases = worst.read([results[place] for place in places])
        found[name] = [(seed, list(samples.values())) for seed, samples in cases.items()]
    return found


def add(store: Store, defense: str, attack: str, letters: str, **more: object) -> None:
    rows = [record(i, NAMES[letter]) for i, letter in enumerate(letters)]
    add_cell(store, defense, attack, 0, n=len(letters), records=rows, **more)  # type: ignore[arg-type]


def test_worst_case_is_of_each_trained_model_and_needs_every_attack_of_its_block(store: Store) -> None:
    add(store, "base", "pwws", "ffss")
    add(store, "base", "textfooler", "fsfs")
    add(store, "taichi", "pwws", "fffs")
    add(store, "taichi", "textfooler", "ffsf", trained="pwws")
    add(store, "taichi", "textfooler", "ffff")  # this model never met pwws
    for attack in ("pwws", "textfooler"):
        add(store, "base", attack, "ffff", seed=7)
    assert read_worst(store) == {
        ("base", ""): [(42, [True, False, False, False]), (7, [True] * 4)],
        ("taichi", "pwws"): [(42, [True, True, False, False])],
        ("taichi", "textfooler"): [],
    }


def test_worst_case_is_blank_where_the_attacks_of_a_block_had_other_samples(store: Store) -> None:
    for defense in ("base", "pgd"):
        add(store, defense, "pwws", "ff")
    add(store, "base", "textfooler", "ff")
    add_cell(store, "pgd", "textfooler", 0, n=2, records=[record(5, "failed"), record(6, "failed")])
    assert read_worst(store) == {("base", ""): [(42, [True, True])], ("pgd", ""): []}


def test_worst_case_of_a_random_model_is_by_other_draws_than_those_that_choose_the_attack() -> None:
    first, second = (
        msgspec.structs.replace(columns("ffse"), right=right) for right in ([1.0, 0.7, 0.0, None], [0.1, 1.0, 1.0, 0.5])
    )
    found = judge_shared_samples([first, second])
    assert (found[0], found[2], found[3]) == (pytest.approx(0.1), 0, None)
    # Of 7 right draws, 5 are in the half that chooses with a chance of 1/12: then both attacks look the same.
    level = comb(7, 5) / comb(10, 5)
    assert found[1] == pytest.approx(0.7 - level * 0.4 / 2 + level * 1 / 2)
    assert judge_shared_samples([first]) == {0: 1.0, 1: pytest.approx(0.7), 2: 0.0, 3: None}


@pytest.mark.parametrize("attacks", [2, 4])
def test_attacks_that_change_nothing_do_not_make_a_random_model_worse(attacks: int) -> None:
    chances = [comb(10, k) * 0.7**k * 0.3 ** (10 - k) for k in range(11)]
    mean = sum(prod(chances[n] for n in right) * choose_by_half(right) for right in product(range(11), repeat=attacks))
    assert mean == pytest.approx(0.7)
