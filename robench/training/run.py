"""One training while it runs: networks, optimiser and evaluations; its state can be taken and put back.

How it works: each optimiser step takes one batch, runs every pass of the defense forward (under autocast) and backward,
and then steps AdamW once. Between steps, the deployed network is evaluated (:mod:`robench.training.evaluations`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from robench.data.load import Example
from robench.errors import UnitError, run_foreign_code
from robench.escaping import show_value
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.models.devices import Precision, advise_precision, autocast
from robench.models.predictor import Predictor
from robench.plugins.lookup import find_name
from robench.training import defense_state
from robench.training.defense import Defense
from robench.training.defense_state import AttributeWatch, DefenseState
from robench.training.dropout import use_fast_dropout
from robench.training.evaluations import Evaluations
from robench.training.passes import PassCounter
from robench.training.random_states import (
    check_python_states,
    read_python_states,
    read_torch_states,
    write_python_states,
    write_torch_states,
)
from robench.training.settings import BETAS, EPSILON, TrainingSettings
from robench.training.snapshot import Position, Progress, Snapshot
from robench.training.terms import check_losses, check_terms

_END: Any = object()
"""Stands for the end of a defense's passes, which None would not: a loss without a return is None."""
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of a parameter that had a gradient."""


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
        forwards: number of texts that went through an encoder in all steps, once for each pass of a network.
        backwards: number of texts whose gradient went back through an encoder.
    """

    predictor: Predictor
    log: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    steps: int = 0
    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0


class TrainingRun:
    """The state of one training: networks, optimiser, and evaluations.

    Args:
        defense: computes the losses.
        networks: its networks, before the first step.
        predictor: of the deployed network.
        dev: the development set.
        settings: learning rate and evaluations.
        precision: precision of matrix products.
        device: the device of the networks.
        steps: number of optimiser steps of the whole training.

    Attributes:
        steps: the same number, as far as it is known.
        device: the device of the networks.
    """

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
        self._defense, self._networks = defense, networks
        self._name = find_name(defense)
        self._precision, self.device = precision, device
        # All of them, because a defense may begin to train some later; AdamW skips those without a gradient.
        self._parameters = [p for network in networks for p in network.parameters() if p.is_floating_point()]
        # The gradients are used as they are: the paper mentions no clipping.
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            lr=settings.learning_rate,
            betas=BETAS,
            eps=EPSILON,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._schedule = self._make_schedule(0)
        self._evaluations = Evaluations(defense, predictor, dev, settings.eval_every, self._seconds)
        self._has_learned = False
        self._watch = AttributeWatch(defense, networks)
        self._counter = PassCounter(networks)
        self._start_time = time.perf_counter()

    def step(self, batch: Batch) -> None:
        """Run all passes of the defense over one batch, and step the optimiser."""
        for network in self._networks:
            # A network that is not trained itself has no dropout.
            network.train(any(p.requires_grad for p in network.parameters()))
        failure = f"the defense {self._name} failed at step {self.result.steps + 1}"
        advice = functools.partial(advise_precision, self._precision)
        with self._counter.count(), run_foreign_code(failure, type(self._defense), advice=advice):
            for terms in self._passes(batch):
                if self.device.type == "cpu":  # elsewhere, reading numbers would wait for the device at each step
                    losses = {name: term.item() for name, term in terms.items()}
                    check_losses(losses, self._defense, f"at step {self.result.steps + 1}", done=self.result.steps)
                torch.stack(list(terms.values())).sum().backward()
                self._evaluations.add(terms)
            self._has_learned = self._has_learned or any(p.grad is not None for p in self._parameters)
            self._optimiser.step()
            self._schedule.step()
            self._optimiser.zero_grad()
            self._defense.after_step(self._networks)
        self._evaluations.count_step()
        self.result.steps += 1

    def evaluate_if_due(self, progress: Callable[[int], None] | None = None) -> None:
        """Evaluate the deployed network after every ``eval_every`` steps and after the last one, once.

        Args:
            progress: called after each batch with its number of texts; it may raise, and leaves everything as it was.
        """
        learning_rate = float(self._schedule.get_last_lr()[0])
        self._evaluations.evaluate_if_due(self.result.steps, self.steps, learning_rate, progress)

    def expect(self, steps: int) -> None:
        """Let the learning rate decay to zero over another number of optimiser steps of the whole training."""
        if steps != self.steps:
            self.steps = steps
            self._schedule = self._make_schedule(self.result.steps)

    def finish(self) -> TrainingResult:
        """Restore the best weights and return the result.

        Raises:
            UnitError: no step had a gradient, so the network is untrained.
        """
        if not self._has_learned:
            raise UnitError(
                f"the defense {self._name} trained nothing: in none of {self.result.steps} steps did its losses give a"
                " network's weights a gradient. Its passes should yield, for each batch, terms that depend on them."
            )
        self._evaluations.restore_best()
        self.result.log, self.result.best_step = self._evaluations.log, self._evaluations.best_step
        self.result.seconds = self._seconds()
        self.result.forwards, self.result.backwards = self._counter.forwards, self._counter.backwards
        return self.result

    def take_snapshot(self, position: Position | None = None) -> Snapshot | None:
        """Return the state after the last step; None if the defense cannot be continued.

        The tensors are those of the training itself, so the snapshot is to be written before the next step.

        Args:
            position: the place in the data, if the number of steps does not say it.
        """
        kept = defense_state.read_state(self._defense)
        if kept is None:
            return None
        evaluated, evaluation_groups = self._evaluations.state()
        progress = Progress(
            **evaluated,
            step=self.result.steps,
            seconds=self._seconds(),
            forwards=self._counter.forwards,
            backwards=self._counter.backwards,
            has_learned=self._has_learned,
            frozen=[[name for name, p in n.named_parameters() if not p.requires_grad] for n in self._networks],
            random=read_python_states(),
            defense=kept.values,
            defense_tensors=list(kept.tensors),
            position=position,
        )
        groups = {
            **self._groups,
            **{f"optimiser.{i}": state for i, state in enumerate(map(self._optimiser.state.get, self._parameters))},
            **evaluation_groups,
            "defense": dict(enumerate(kept.tensors.values())),
        }
        tensors = {f"{group}.{name}": one for group, named in groups.items() for name, one in (named or {}).items()}
        return Snapshot(progress, tensors)

    def check(self, snapshot: Snapshot) -> None:
        """Check that a snapshot is one of this training.

        Raises:
            ValueError: it is not; the message says why, as a clause.
        """
        number = torch.zeros(())
        moments = {
            f"optimiser.{i}": {name: number if name == "step" else parameter for name in _MOMENTS}
            for i, parameter in enumerate(self._parameters)
        }
        best = {"best": self.result.predictor.classifier.state_dict()}
        snapshot.check({**self._groups, **moments, **best}, optional=[*moments, *best])
        progress = snapshot.progress
        if progress.step > self.steps:
            raise ValueError(f"it is of step {progress.step:,}, and the training has {self.steps:,}")
        if len(progress.frozen) != len(self._networks):
            raise ValueError(f"it is of {len(progress.frozen)} networks, and the training has {len(self._networks)}")
        if bool(snapshot.group("best")) != (progress.best_accuracy >= 0):
            raise ValueError("it lacks the best weights")
        check_python_states(progress.random)

    def load(self, snapshot: Snapshot) -> None:
        """Continue after the last step of a snapshot that was checked.

        Raises:
            UnitError: the defense cannot continue from its state.
        """
        progress = snapshot.progress
        self.steps = progress.position.steps if progress.position else self.steps
        for i, network in enumerate(self._networks):
            network.load_state_dict(snapshot.group(f"network.{i}"))
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(name not in progress.frozen[i])
        moments = {i: kept for i in range(len(self._parameters)) if (kept := snapshot.group(f"optimiser.{i}"))}
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self._schedule = self._make_schedule(progress.step)
        self._evaluations.load_state(snapshot, self.device)
        self._has_learned, self.result.steps = progress.has_learned, progress.step
        self._counter.forwards, self._counter.backwards = progress.forwards, progress.backwards
        tensors = [snapshot.tensors[f"defense.{i}"] for i in range(len(progress.defense_tensors))]
        own = DefenseState(progress.defense, dict(zip(progress.defense_tensors, tensors, strict=True)))
        defense_state.load_state(self._defense, own, self.device)
        write_torch_states(snapshot.group("random"), self.device)
        write_python_states(progress.random)
        self._start_time = time.perf_counter() - progress.seconds

    def find_undeclared_state(self) -> str:
        """Return the name of an attribute in which the defense keeps something without saying so; empty if none."""
        return self._watch.find_undeclared()

    def _seconds(self) -> float:
        """Return the duration of the training so far, in all processes together."""
        return time.perf_counter() - self._start_time

    @property
    def _groups(self) -> dict[str, dict[str, Tensor]]:
        """Return the tensors that every snapshot has: all weights, and the states of torch's generators."""
        networks = {f"network.{i}": network.state_dict() for i, network in enumerate(self._networks)}
        return {**networks, "random": read_torch_states(self.device)}

    def _make_schedule(self, step: int) -> LambdaLR:
        """Let the learning rate decay linearly to zero, without warm-up, from a step on."""
        return LambdaLR(self._optimiser, lambda done: max(0.0, 1 - done / self.steps), last_epoch=step - 1)

    def _passes(self, batch: Batch) -> Iterator[Mapping[str, Tensor]]:
        """Yield the terms of each pass; only the defense's code runs under autocast, not the backward passes."""
        passes = self._defense.passes(self._networks, batch)
        if isinstance(passes, Mapping) or not isinstance(passes, Iterable):
            raise TypeError(f"its passes returned {show_value(passes)}; it should yield a loss for each pass")
        passes = iter(passes)
        while True:
            with autocast(self._precision, self.device), use_fast_dropout(self.device):
                terms = next(passes, _END)
            if terms is _END:
                return
            yield check_terms(self._defense, terms)
