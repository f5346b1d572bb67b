"""The evaluations of one training: the losses since the last one, the log, and the weights of the best one.

How it works: every so many steps, and after the last one, the deployed network is evaluated on the development set, and
its weights are copied if no earlier evaluation was as good. At the end the best weights are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from robench.data.load import Example
from robench.models.predictor import Predictor, accuracy
from robench.training.defense import Defense
from robench.training.snapshot import Snapshot
from robench.training.terms import check_losses, explain_divergence


class Evaluations:
    """The evaluations of one training.

    Args:
        defense: is trained.
        predictor: of the deployed network.
        dev: the development set.
        every: number of optimiser steps from one evaluation to the next.
        seconds: returns the seconds since the start of the training.

    Attributes:
        best_step: the optimiser step of the best evaluation.
        log: the evaluations, see :class:`~robench.training.run.TrainingResult`.
    """

    def __init__(
        self,
        defense: Defense,
        predictor: Predictor,
        dev: Sequence[Example],
        every: int,
        seconds: Callable[[], float],
    ) -> None:
        self._defense, self._predictor, self._dev = defense, predictor, dev
        self._every, self._seconds = every, seconds
        self._sums: dict[str, Tensor] = {}
        self._steps_summed = 0
        self._best_accuracy, self.best_step = -1.0, 0
        self._best_weights: dict[str, Tensor] = {}
        self.log: list[dict[str, Any]] = []

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of the loss of one pass."""
        for name, term in terms.items():
            self._sums[name] = self._sums.get(name, 0) + term.detach()

    def count_step(self) -> None:
        """Count an optimiser step, whose passes were added."""
        self._steps_summed += 1

    def evaluate_if_due(
        self, step: int, steps: int, learning_rate: float, progress: Callable[[int], None] | None = None
    ) -> None:
        """Evaluate the deployed network every so many steps and after the last one, once.

        Args:
            step: number of optimiser steps that were done.
            steps: that of the whole training.
            learning_rate: of the next step, for the log.
            progress: called after each batch with its number of texts; it may raise, and leaves everything as it was.

        Raises:
            RobenchError: a loss or an output of the network is not finite.
        """
        if (step % self._every == 0 or step == steps) and self._steps_summed:
            self._evaluate(step, learning_rate, progress)

    def restore_best(self) -> None:
        """Give the deployed network the weights of the best evaluation."""
        self._predictor.classifier.load_state_dict(self._best_weights)

    def state(self) -> tuple[dict[str, Any], dict[str, Mapping[Any, Tensor]]]:
        """Return what a snapshot keeps of them: fields of its progress, and groups of tensors."""
        progress = {
            "best_step": self.best_step,
            "best_accuracy": self._best_accuracy,
            "terms": list(self._sums),
            "summed": self._steps_summed,
            "log": self.log,
        }
        return progress, {"best": self._best_weights, "sum": dict(enumerate(self._sums.values()))}

    def load_state(self, snapshot: Snapshot, device: torch.device) -> None:
        """Go on from a snapshot that was checked."""
        progress = snapshot.progress
        sums = [snapshot.tensors[f"sum.{i}"].to(device) for i in range(len(progress.terms))]
        self._sums, self._steps_summed = dict(zip(progress.terms, sums, strict=True)), progress.summed
        self._best_accuracy, self.best_step = progress.best_accuracy, progress.best_step
        self._best_weights = {name: one.to(device) for name, one in snapshot.group("best").items()}
        self.log = progress.log

    def _evaluate(self, step: int, learning_rate: float, progress: Callable[[int], None] | None) -> None:
        losses = {name: (total / self._steps_summed).item() for name, total in self._sums.items()}
        logits = self._predictor.logits([example.text for example in self._dev], progress, most=1)
        when = f"before step {step}"
        check_losses(losses, self._defense, when, done=step)
        if not logits.isfinite().all():
            raise explain_divergence("an output", self._defense, when, done=step)
        score = accuracy(logits, [example.label for example in self._dev])
        if score > self._best_accuracy:
            self._best_accuracy, self.best_step = score, step
            state = self._predictor.classifier.state_dict()
            self._best_weights = {name: value.detach().clone() for name, value in state.items()}
        self.log.append(
            {
                "step": step,
                "learning_rate": learning_rate,
                "loss": losses,
                "dev_accuracy": score,
                "seconds": round(self._seconds(), 2),
            }
        )
        self._sums, self._steps_summed = {}, 0
