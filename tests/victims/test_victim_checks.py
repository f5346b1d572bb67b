"""What is found out about a given model before it is attacked."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from robench import RobenchError
from robench.victims.checks import find_networks_in_training
from robench.victims.columns import check_order, match_columns
from robench.victims.function_scorer import FunctionScorer
from robench.victims.scorer import check_probabilities, looks_like_probabilities
from robench.victims.scorers import VictimModel

LABELS = ("abbreviation", "entity", "description")
ORDERS: list[tuple[dict[int, str], tuple[int, ...], bool]] = [
    ({}, (0, 1, 2), False),
    ({0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, (0, 1, 2), False),
    ({0: "Entity", 1: "DESCRIPTION", 2: "abbreviation"}, (2, 0, 1), False),
    ({0: "ent_ity", 1: "Description.", 2: "ABBRE-viation"}, (2, 0, 1), False),
    ({0: "entity", 1: "description", 2: "human"}, (0, 1, 2), True),
    ({0: "+", 1: "-", 2: "="}, (0, 1, 2), True),
]


@pytest.mark.parametrize(("names", "expected", "warned"), ORDERS)
def test_columns_are_matched_by_name(names: dict[int, str], expected: tuple[int, ...], warned: bool) -> None:
    order, warnings = match_columns("mine", LABELS, names, None, 3)
    assert order == expected and bool(warnings) == warned
    assert match_columns("mine", LABELS, names, (1, 2, 0), 3) == ((1, 2, 0), [])


@pytest.mark.parametrize(
    ("names", "label_order", "order", "warning"),
    [
        ({}, (0, 2), (0, 2), "the model's column 1 is of none of the task's labels and left out"),
        ({0: "-", 1: "neutral", 2: "+"}, (2, 0), (2, 0), r"the model's column 1 \(neutral\) is of none"),
        ({0: "Good", 1: "neutral", 2: "bad"}, None, (2, 0), r"the model's column 1 \(neutral\) is of none"),
        ({0: "a", 1: "b", 2: "c", 3: "d"}, (3, 1), (3, 1), r"the model's columns 0 \(a\), 2 \(c\) are of none"),
    ],
)
def test_match_columns_with_more_columns_than_labels_leaves_the_others_out(
    names: dict[int, str], label_order: tuple[int, ...] | None, order: tuple[int, ...], warning: str
) -> None:
    found, (sentence,) = match_columns("mine", ("bad", "good"), names, label_order, len(names) or 3)
    assert found == order and re.match(warning, sentence)


@pytest.mark.parametrize(
    ("count", "label_order", "sentence"),
    [
        (
            1,
            None,
            r"mine gives 1 score per text; the task has 2 labels \(bad, good\), and needs .* each\. If it is a logit",
        ),
        (
            3,
            None,
            r"0 \(-\), 1 \(0\), 2 \(\+\); none has the name of these labels: bad, good.*--label-order",
        ),
        (3, (0, 3), "--label-order 0,3: for each of bad, good it takes the model's column, a number from 0 to 2"),
        (3, (0, 1, 2), "--label-order 0,1,2: for each of bad, good"),
        (3, (1, 1), "--label-order 1,1: for each of bad, good"),
    ],
)
def test_match_columns_that_cannot_be_labels_is_a_sentence(
    count: int, label_order: tuple[int, ...] | None, sentence: str
) -> None:
    with pytest.raises(RobenchError, match=sentence):
        match_columns("mine", ("bad", "good"), {0: "-", 1: "0", 2: "+"}, label_order, count)


@pytest.mark.parametrize(
    "names",
    [
        {0: "2", 1: "1"},
        {0: "Class-2", 1: "class 1"},
        {0: "class2", 1: "CLASS_1"},
        {0: "2.0", 1: "1.0"},
        {0: "class 2.0", 1: "1."},
    ],
)
def test_match_columns_whose_names_are_numbers_go_by_these(names: dict[int, str]) -> None:
    assert match_columns("mine", ("class 1", "class 2"), names, None, 2) == ((1, 0), [])


def test_match_columns_that_differ_in_their_sign_are_different() -> None:
    assert match_columns("mine", ("class -1", "class 1"), {0: "1", 1: "-1"}, None, 2) == ((1, 0), [])
    assert match_columns("mine", ("class -1", "class 1"), {0: "1.0", 1: "-1.0"}, None, 2) == ((1, 0), [])


def test_match_columns_of_label_words_warns_of_those_that_are_left_out_alone() -> None:
    names, labels = {0: "bad", 1: "so-so", 2: "good"}, ("negative", "positive")
    (sentence,) = match_columns("mine", labels, names, (0, 2), 3, has_label_words=True)[1]
    assert sentence.startswith("the model's column 1 (so-so) is of none of the task's labels and left out")
    assert match_columns("mine", labels, {0: "bad", 1: "good"}, None, 2, has_label_words=True) == ((0, 1), [])


def test_match_columns_of_label_words_go_by_their_order_unless_there_are_more_of_them() -> None:
    labels = ("negative", "positive")
    names = {0: "positive", 1: "negative"}
    assert match_columns("mine", labels, names, None, 2, has_label_words=True) == ((0, 1), [])
    more = {0: "positive", 1: "neutral", 2: "negative"}
    assert match_columns("mine", labels, more, None, 3, has_label_words=True)[0] == (2, 0)


def test_match_columns_without_names_asks_for_the_columns() -> None:
    with pytest.raises(RobenchError, match=r"such as --label-order 0,1, and .*; its columns are 0, 1"):
        match_columns("mine", ("bad", "good"), {}, None, 3)


def test_match_columns_names_the_labels_that_the_model_lacks() -> None:
    with pytest.raises(RobenchError, match=r"none has the name of these labels: Cat\. If it knows them by other names"):
        match_columns("mine", ("Cat", "HUM"), {0: "ABBR", 1: "HUM", 2: "NUM"}, None, 3)


def test_rows_whose_labels_are_numbers_take_columns_of_any_name_in_their_order() -> None:
    assert match_columns("mine", ("LABEL_0", "LABEL_1"), {0: "negative", 1: "positive"}, None, 2) == ((0, 1), [])
    assert match_columns("mine", ("LABEL_0", "LABEL_1"), {0: "LABEL_1", 1: "LABEL_0"}, None, 2) == ((1, 0), [])


def test_the_best_order_is_told_in_columns_of_the_model() -> None:
    """Gold 0 is predicted as 1, 1 as 2, 2 as 0; the columns behind these are 2, 0 and 1."""
    gold, predicted = [0, 0, 1, 1, 2, 2], [1, 1, 2, 2, 0, 0]
    with pytest.raises(RobenchError, match=r"0\.0% of 6 .* chance \(33\.3%\): --label-order 0,1,2 would give 100\.0%"):
        check_order(LABELS, (2, 0, 1), gold, predicted, is_explicit=False)
    with pytest.raises(RobenchError, match=r"0\.0% of 6 dev texts right"):
        check_order(LABELS, (2, 0, 1), gold, predicted, is_explicit=False, split="dev")
    assert check_order(LABELS, (2, 0, 1), gold, predicted, is_explicit=True) == [
        "clean accuracy is 0.0%; --label-order 0,1,2 would give 100.0%."
    ]
    assert check_order(LABELS, (0, 1, 2), gold, gold, is_explicit=False) == []


def test_a_bad_order_above_chance_is_a_warning_and_a_bad_model_is_not_blamed_on_its_order() -> None:
    gold = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    mixed = [0, 0, 0, 0, 2, 2, 2, 2, 1, 1]
    assert check_order(LABELS, (0, 1, 2), gold, mixed, is_explicit=False) == [
        "clean accuracy is 40.0%; --label-order 0,2,1 would give 100.0%."
    ]
    always_two = [2] * 10
    with pytest.raises(RobenchError, match=r"20\.0% of 10 .*--label-order"):
        check_order(LABELS, (0, 1, 2), gold, always_two, is_explicit=False)
    balanced = [0, 1, 2] * 2
    guesses = [0, 2, 0, 1, 0, 1]
    with pytest.raises(RobenchError, match=r"16\.7%"):
        check_order(LABELS, (0, 1, 2), balanced, guesses, is_explicit=False)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0.25, 0.75], [1.0, 0.0]], True),
        ([[0.25, 0.7505], [0.5, 0.5]], True),
        ([[0.25, 0.76], [0.5, 0.5]], False),
        ([[1.5, -0.5]], False),
        ([[2.0, 3.0]], False),
    ],
)
def test_probabilities_are_recognised(rows: list[list[float]], expected: bool) -> None:
    assert looks_like_probabilities(torch.tensor(rows)) == expected


@pytest.mark.parametrize(
    "rows",
    [
        [[0.34, 0.34, 0.34], [0.0, 0.94, 0.01]],  # what is left of them in 8 bits
        [[34.0, 34.0, 34.0], [0.0, 94.0, 1.0]],
        [[0.5, 0.5, -1e-5]],
    ],
)
def test_check_probabilities_with_rounded_ones_accepts_them(rows: list[list[float]]) -> None:
    check_probabilities(torch.tensor(rows), "here:scores")


@pytest.mark.parametrize("row", [[-1.5, 2.5, 0.0], [2.0, 3.0, 1.0], [0.0, 0.0, 0.0], [0.2, 0.3, 0.2]])
def test_check_probabilities_with_logits_among_them_names_the_row(row: list[float]) -> None:
    with pytest.raises(RobenchError, match=rf"here:scores gave probabilities at first.*{row[0]}, {row[1]}"):
        check_probabilities(torch.tensor([[0.2, 0.3, 0.5], row]), "here:scores")


def test_victim_model_with_probabilities_that_become_coarse_divides_by_their_sum() -> None:
    rows = torch.tensor([[0.2, 0.3, 0.5], [0.25, 0.25, 0.55]])
    scorer = FunctionScorer("here:scores", lambda texts: rows[: len(texts)])
    model = VictimModel(scorer, order=(2, 0, 1), probabilities=True)
    expected = torch.tensor([[0.5, 0.2, 0.3], [0.55 / 1.05, 0.25 / 1.05, 0.25 / 1.05]])
    torch.testing.assert_close(model.logits(["a", "b"]).softmax(-1), expected)


class Holder:
    """Has a network as an attribute."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.networks = {"first": network}

    def __call__(self, texts: list[str]) -> Any:
        return self.network

    def score(self, texts: list[str]) -> Any:
        return self.network


def closed_over(network: nn.Module) -> Callable[[list[str]], Any]:
    return lambda texts: network


def by_default(network: nn.Module) -> Callable[[list[str]], Any]:
    def score(texts: list[str], network: nn.Module = network) -> Any:
        return network

    return score


def within(network: nn.Module) -> Callable[[list[str]], Any]:
    holder = Holder(network)
    return lambda texts: holder.score(texts)


def global_one(network: nn.Module) -> Callable[[list[str]], Any]:
    space: dict[str, Any] = {"network": network}
    exec("def score(texts):\n    return network(texts)", space)
    found: Callable[[list[str]], Any] = space["score"]
    return found


REACHED: list[Callable[[nn.Module], Any]] = [
    closed_over,
    by_default,
    within,
    global_one,
    Holder,
    lambda network: Holder(network).score,
    lambda network: functools.partial(lambda network, texts: network, network),
    lambda network: network,
    lambda network: network.forward,
]


@pytest.mark.parametrize("reach", REACHED, ids=[f"{n} {getattr(r, '__name__', '')}" for n, r in enumerate(REACHED)])
def test_networks_left_in_training_mode_are_found(reach: Callable[[nn.Module], Any]) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    function = reach(network)
    assert find_networks_in_training(function) == ["Sequential"]
    network.eval()
    assert find_networks_in_training(function) == []
    network[1].train()
    assert find_networks_in_training(function) == ["Sequential"]
    assert find_networks_in_training(reach(nn.CrossEntropyLoss())) == []
