"""The training loop of every defense.

How it works: each optimiser step takes one batch, runs every pass of the defense forward (under autocast) and backward,
and then steps AdamW once. Every ``eval_every`` steps the deployed network is evaluated on the development set, and its
weights are copied if no earlier evaluation was as good. At the end the best weights are put back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from robench.data.load import Example
from robench.errors import RobenchError, run_foreign_code
from robench.escaping import show_value
from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.models.classifier import Classifier
from robench.models.devices import Precision, advise_precision, autocast
from robench.models.predictor import Predictor, accuracy
from robench.training.allocation import keep_freed_memory
from robench.training.defense import Defense
from robench.training.dropout import use_fast_dropout
from robench.training.settings import BETAS, EPSILON, TrainingSettings
from robench.training.terms import check_terms

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_END: Any = object()
"""Stands for the end of a defense's passes, which None would not: a loss without a return is None."""


@dataclass
class TrainingResult:
    """A trained defense.

    Attributes:
        predictor: the deployed network, with the weights of its best evaluation.
        log: one entry per evaluation: ``step``, ``learning_rate``, ``loss`` (the mean of each named term since the
            last entry), ``dev_accuracy`` (0 to 1), ``seconds`` since the start.
        best_step: the optimiser step whose weights were kept.
        steps: number of optimiser steps.
        seconds: duration of training, evaluations included.
    """

    predictor: Predictor
    log: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    steps: int = 0
    seconds: float = 0.0


def train(
    defense: Defense,
    rows: Sequence[TrainingRow],
    dev: Sequence[Example],
    *,
    encoder: Callable[[], PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    classes: int,
    settings: TrainingSettings,
    precision: Precision,
    device: torch.device,
    seed: int,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> TrainingResult:
    """Train a defense and keep the weights of its best development accuracy.

    One AdamW optimiser updates all networks; the learning rate decays linearly to zero without warm-up (paper, section
    4.1, and its code). Torch's random state is restored afterwards.

    Args:
        defense: computes the loss of a batch.
        rows: the training rows.
        dev: the development set, evaluated every ``settings.eval_every`` steps and after the last step.
        encoder: returns a new pre-trained encoder at each call.
        tokenizer: the encoder's tokenizer.
        classes: number of labels, K.
        settings: epochs, batch size, learning rate and lengths.
        precision: precision of matrix products.
        device: the device to train on.
        seed: determines the heads, the order of the rows and the dropout.
        on_step: called after each step with its number and the total number of steps.

    Returns:
        The deployed network with its best weights, and the log.

    Raises:
        RobenchError: the defense's code fails, its losses train nothing, or a term of the loss or an output of the
            deployed network on the development set is not finite.
    """
    if not 0 <= defense.deployed < defense.network_count:
        raise RobenchError(
            f"the defense {type(defense).__qualname__} has {defense.network_count} networks and deploys number"
            f" {defense.deployed}, counted from 0: it should have one or more, and deploy one of them."
        )
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        networks = [Classifier(encoder(), classes).to(device) for _ in range(defense.network_count)]
        for index, network in enumerate(networks):
            network.initialise_head(seed + index)
        with run_foreign_code(f"the defense {type(defense).__qualname__} failed before training", type(defense)):
            defense.before_training(networks)
            if len(networks) != defense.network_count or not any(
                p.requires_grad for n in networks for p in n.parameters()
            ):
                raise ValueError("its before_training left no weights to train, or other networks than there were")
        data = TrainingSet(
            rows, tokenizer, batch_size=settings.batch_size, max_length=settings.max_length, seed=seed, device=device
        )
        predictor = Predictor(
            networks[defense.deployed], tokenizer, max_length=settings.max_length, precision=precision, device=device
        )
        run = _TrainingRun(
            defense, networks, predictor, dev, settings, precision, device, steps=len(data) * settings.epochs
        )
        with keep_freed_memory():
            for epoch in range(settings.epochs):
                for batch in data.epoch(epoch):
                    run.step(batch)
                    on_step(run.result.steps, run.steps)
        return run.finish()


class _TrainingRun:
    """The state of one training run: optimiser, log, and the best weights so far."""

    def __init__(
        self,
        defense: Defense,
        networks: Sequence[Classifier],
        predictor: Predictor,
        dev: Sequence[Example],
        settings: TrainingSettings,
        precision: Precision,
        device: torch.device,
        *,
        steps: int,
    ) -> None:
        self.steps = steps
        self.result = TrainingResult(predictor)
        self._defense, self._networks, self._dev = defense, networks, dev
        self._eval_every, self._precision, self._device = settings.eval_every, precision, device
        self._parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
        # The gradients are used as they are: the paper mentions no clipping.
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            lr=settings.learning_rate,
            betas=BETAS,
            eps=EPSILON,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, lambda step: max(0.0, 1 - step / steps))
        self._sums: dict[str, Tensor] = {}
        self._steps_summed = 0
        self._best_accuracy, self._has_learned = -1.0, False
        self._best_weights: dict[str, Tensor] = {}
        self._start_time = time.perf_counter()

    def step(self, batch: Batch) -> None:
        """Run all passes of the defense over one batch, step the optimiser, and evaluate when it is due."""
        for network in self._networks:
            network.train(network.head.weight.requires_grad)  # a network that is not trained itself has no dropout
        failure = f"the defense {type(self._defense).__qualname__} failed at step {self.result.steps + 1}"
        with run_foreign_code(failure, type(self._defense), advice=advise_precision(self._precision)):
            for terms in self._passes(batch):
                torch.stack(list(terms.values())).sum().backward()
                for name, term in terms.items():
                    self._sums[name] = self._sums.get(name, 0) + term.detach()
            self._has_learned = self._has_learned or any(p.grad is not None for p in self._parameters)
            self._optimiser.step()
            self._schedule.step()
            self._optimiser.zero_grad()
            self._defense.after_step(self._networks)
        self._steps_summed += 1
        self.result.steps += 1
        if self.result.steps % self._eval_every == 0 or self.result.steps == self.steps:
            self._evaluate()

    def finish(self) -> TrainingResult:
        """Restore the best weights and return the result.

        Raises:
            RobenchError: no step had a gradient, so the network is untrained.
        """
        if not self._has_learned:
            name = type(self._defense).__qualname__
            raise RobenchError(
                f"the defense {name} trained nothing: in none of {self.result.steps} steps did its losses give a"
                " network's weights a gradient. Its passes should yield, for each batch, terms that depend on them."
            )
        self.result.predictor.classifier.load_state_dict(self._best_weights)
        self.result.seconds = time.perf_counter() - self._start_time
        return self.result

    def _passes(self, batch: Batch) -> Iterator[Mapping[str, Tensor]]:
        """Yield the terms of each pass; only the defense's code runs under autocast, not the backward passes."""
        passes = self._defense.passes(self._networks, batch)
        if isinstance(passes, Mapping) or not isinstance(passes, Iterable):
            raise TypeError(f"its passes returned {show_value(passes)}; it should yield a loss for each pass")
        passes = iter(passes)
        while True:
            with autocast(self._precision, self._device), use_fast_dropout(self._device):
                terms = next(passes, _END)
            if terms is _END:
                return
            yield check_terms(self._defense, terms)

    def _evaluate(self) -> None:
        losses = {name: (total / self._steps_summed).item() for name, total in self._sums.items()}
        logits = self.result.predictor.logits([example.text for example in self._dev])
        diverged = [f"the loss term {name}" for name, loss in losses.items() if not math.isfinite(loss)]
        if diverged or not logits.isfinite().all():
            culprits = " and ".join(diverged or ["an output"])
            raise RobenchError(
                f"training diverged before step {self.result.steps}: {culprits} is no longer a number. Try a smaller"
                " learning rate, or --precision fp32."
            )
        score = accuracy(logits, [example.label for example in self._dev])
        if score > self._best_accuracy:
            self._best_accuracy, self.result.best_step = score, self.result.steps
            state = self.result.predictor.classifier.state_dict()
            self._best_weights = {name: value.detach().clone() for name, value in state.items()}
        self.result.log.append(
            {
                "step": self.result.steps,
                "learning_rate": self._schedule.get_last_lr()[0],
                "loss": losses,
                "dev_accuracy": score,
                "seconds": round(time.perf_counter() - self._start_time, 2),
            }
        )
        self._sums, self._steps_summed = {}, 0
