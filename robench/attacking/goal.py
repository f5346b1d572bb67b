"""The goal of an attack on a classifier, with scores that do not vanish if the model is very sure.

How it works: TextAttack ranks candidates by ``1 - p``, where ``p`` is the true label's probability in float32. This
difference has steps of 6e-8. At a margin of 17 between the logits it is 0 for every candidate, and the search finds
nothing: a model whose logits are multiplied by 20 predicts the same, and looks robust. Here a text is *saturated* if
``1 - p`` is below :data:`SATURATED`. Its score comes from the sum of the other classes' probabilities in float64, which
loses no digits. As this sum may be smaller than any number that a computer holds, and some searches compare scores in
float32, :func:`rank_saturated` puts all of these scores between 0 and the smallest ordinary one, in the order of the
sums. The scores and probabilities of all other texts have the bits that TextAttack gives them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robench.errors import UnitError
from robench.escaping import list_values, name_type

SATURATED = 1e-4
"""Value of ``1 - p`` below which a text is saturated. Float32 still keeps ten bits of ``1 - p`` there."""


class Output(NamedTuple):
    """A model's output for one text.

    Attributes:
        probabilities: (K,), float64; float32's values if the text is not saturated.
        logits: (K,), float32.
    """

    probabilities: Tensor
    logits: Tensor


def check_goal(goal: Any, victim: object, name: str) -> None:
    """Check that the goal of an attack is a wrong prediction of the victim, which is all that robench counts.

    Args:
        goal: the goal function of a ``textattack.Attack``.
        victim: the model under attack.
        name: names the attack in errors.

    Raises:
        UnitError: it is another goal, or asks another model.
    """
    from textattack.goal_functions import UntargetedClassification
    from textattack.goal_functions.classification.hardlabel_classification import HardLabelClassification

    if not isinstance(goal, UntargetedClassification | HardLabelClassification):
        raise UnitError(
            f"the goal of the attack {name} is {name_type(goal)}; it has to be UntargetedClassification(victim) of"
            " TextAttack, since robench counts wrong predictions."
        )
    if goal.model is not victim:
        raise UnitError(f"the goal of the attack {name} asks another model than `victim`, which its build was given.")
    options = {"target_max_score": goal.target_max_score, "maximizable": goal.maximizable}
    others = [option for option, value in options.items() if value] + ([] if goal.allow_skip else ["allow_skip"])
    if others:
        raise UnitError(
            f"the goal of the attack {name} sets {list_values(others)}, so that it ends at something else than a wrong"
            " prediction; leave that out."
        )


def use_precise_scores(built: Any) -> None:
    """Let an attack rank saturated texts, too.

    The attack of a plug-in may have a goal of a class of its own, which stays as it is.

    Args:
        built: a ``textattack.Attack``.
    """
    from textattack.goal_functions import UntargetedClassification

    if type(built.goal_function) is UntargetedClassification:
        built.goal_function.__class__ = _define_goal()


def make_outputs(logits: Tensor) -> list[Output]:
    """Return the outputs of N texts from their logits (N, K), float32."""
    probabilities = logits.softmax(1).double()
    precise = logits.double().softmax(1)
    saturated = 1 - probabilities.max(1, keepdim=True).values < SATURATED
    return list(map(Output, torch.where(saturated, precise, probabilities), logits))


def rank_saturated(logits: Sequence[float], label: int) -> float:
    """Return the score of a saturated text: above 0, at most ``SATURATED``, rising with the sum of the others.

    Args:
        logits: the text's logits.
        label: the true label.
    """
    top = max(logits)
    total = math.fsum(math.exp(logit - top) for logit in logits)
    rivals = [logit for i, logit in enumerate(logits) if i != label]
    best = max(rivals)
    log_sum = best + math.log(math.fsum(math.exp(rival - best) for rival in rivals)) - top - math.log(total)
    return SATURATED / (1 + max(math.log(SATURATED) - log_sum, 0))


@functools.cache
def _define_goal() -> type[Any]:
    """Define the goal late, because importing TextAttack takes seconds."""
    from textattack.goal_function_results import ClassificationGoalFunctionResult
    from textattack.goal_functions import UntargetedClassification as TextAttackGoal

    class UntargetedClassification(TextAttackGoal):  # type: ignore[misc]  # TextAttack is untyped
        """TextAttack's goal, which keeps an :class:`Output` of each text."""

        def _process_model_outputs(self, inputs: Any, scores: Tensor) -> list[Output]:
            return make_outputs(scores)

        def _get_displayed_output(self, raw_output: Output) -> int:
            return int(super()._get_displayed_output(raw_output.probabilities))

        def _is_goal_complete(self, model_output: Output, text: Any) -> Any:
            return super()._is_goal_complete(model_output.probabilities, text)

        def _get_score(self, model_output: Output, text: Any) -> float:
            score = float(super()._get_score(model_output.probabilities.float(), text))
            if score >= SATURATED:
                return score
            return rank_saturated(model_output.logits.tolist(), self.ground_truth_output)

        def _goal_function_result_type(self) -> Any:
            def result(text: Any, output: Output, *rest: Any) -> Any:
                return ClassificationGoalFunctionResult(text, output.probabilities, *rest)

            return result

    return UntargetedClassification
