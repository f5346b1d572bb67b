"""The scores by which an attack ranks texts, on models that are ever surer of the same predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.build import build_attack
from robench.attacking.goal import SATURATED, make_outputs, rank_saturated
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.iga import IGA
from robench.attacks.pwws import PWWS
from support.searches import run

WEIGHTS = {"superb": 3.0, "bright": 2.0, "film": 0.5, "scene": -0.7, "dull": -3.0, "awful": -2.0}
TEXTS = [
    ("The film was superb and the scene bright.", 1),
    ("A bright film.", 1),
    ("The scene was dull and awful, but the film long.", 0),
    ("An awful evening.", 0),
]
EXAMPLES = [(i, text, label) for i, (text, label) in enumerate(TEXTS)]


def certain(factor: float) -> Any:
    """Logits of a bag of words, multiplied."""

    def logits(texts: Sequence[str]) -> torch.Tensor:
        words = [[word.strip(".,").lower() for word in text.split()] for text in texts]
        tone = torch.tensor([sum(WEIGHTS.get(word, 0.0) for word in ws) - 0.1 for ws in words])
        return factor * torch.stack([-tone, tone], dim=1)

    return logits


@pytest.mark.network
@pytest.mark.parametrize("attack", [DeepWordBug(), PWWS()], ids=lambda attack: type(attack).__name__)
@pytest.mark.parametrize("factor", [20, 400])
def test_an_attack_on_a_model_with_larger_logits_finds_the_same(attack: Any, factor: float) -> None:
    plain, sure = (run(attack, certain(times), EXAMPLES) for times in (1, factor))
    assert [record.status for record in sure] == [record.status for record in plain]
    assert "succeeded" in {record.status for record in plain}
    for record in sure:
        assert sum(record.probabilities_before) == pytest.approx(1)


@pytest.mark.network
def test_a_search_that_compares_scores_in_float32_makes_progress_on_a_sure_model() -> None:
    attack = IGA(population=20, iterations=5)
    assert "succeeded" in {record.status for record in run(attack, certain(20), EXAMPLES)}


def test_an_output_that_is_not_saturated_has_the_bits_of_float32() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, -9.0, -12.0], [0.0, -9.5, -30.0]])
    ordinary, near, saturated = make_outputs(logits)
    expected = logits.softmax(1)
    assert torch.equal(ordinary.probabilities.float(), expected[0])
    assert torch.equal(near.probabilities.float(), expected[1]) and 1 - expected[1, 0] >= SATURATED
    assert torch.equal(saturated.probabilities, logits[2].double().softmax(0)) and 1 - expected[2, 0] < SATURATED


def test_scores_of_saturated_texts_rise_with_the_sum_of_the_others() -> None:
    margins = [9.3, 17.0, 17.001, 60.0, 127.035, 127.038, 800.0, 1e5]
    scores = [rank_saturated([0.0, -margin], 0) for margin in margins]
    in_float32 = np.array(scores, dtype=np.float32)
    assert (np.diff(in_float32) < 0).all() and 0 < in_float32[-1] and in_float32[0] < SATURATED
    # Two rivals at a margin of m are one rival at a margin of m - ln 2; all scores are by hand S / (1 + ln(S / sum)).
    assert rank_saturated([-30.0, 0.0, -30.0], 1) == pytest.approx(rank_saturated([-30 + math.log(2), 0.0], 1))
    assert rank_saturated([0.0, -30.0], 0) == pytest.approx(SATURATED / (1 + math.log(SATURATED) + 30))


@pytest.mark.usefixtures("textattack")
def test_the_goal_scores_ordinary_texts_as_textattack_does() -> None:
    from textattack.goal_functions import UntargetedClassification
    from textattack.shared import AttackedText

    class Victim:
        model = None

        def __call__(self, texts: Sequence[str]) -> torch.Tensor:
            return certain(0.5)(texts)

    ours, theirs = build_attack(PWWS(), Victim()).goal_function, UntargetedClassification(Victim())
    assert isinstance(ours, UntargetedClassification)
    for text, label in TEXTS:
        found, expected = (goal.init_attack_example(AttackedText(text), label)[0] for goal in (ours, theirs))
        assert (found.score, found.goal_status, found.output) == (expected.score, expected.goal_status, expected.output)
        assert found.raw_output.tolist() == expected.raw_output.tolist()
        assert found.score >= SATURATED
