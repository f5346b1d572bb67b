"""The batches of a training, epoch by epoch; before an epoch, its adversarial rows may be made again.

How it works: a defense may ask for an attack on clean rows with the network as it is then
(:meth:`~robench.training.defense.AdversarialDefense.reattack`). Training cannot attack, so it gets a function that
does. The number of rows that an attack gives is known only after it: until then the number of optimiser steps is a
bound, over which the learning rate decays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.training.attack_plan import count_steps, find_reattack
from robench.training.defense import Defense
from robench.training.reattack import Reattack
from robench.training.snapshot import Position

if TYPE_CHECKING:
    from robench.models.predictor import Predictor


class Attacker(Protocol):
    """Attacks training texts with the network as it is."""

    def __call__(self, predictor: Predictor, epoch: int, reattack: Reattack) -> Sequence[TrainingRow]:
        """Return adversarial rows, in the order in which their texts were attacked.

        Args:
            predictor: the deployed network.
            epoch: the epoch that begins, counted from 1.
            reattack: how many texts to attack.

        Raises:
            RobenchError: something cannot be fetched, computed or stored.
        """


class Epochs:
    """The batches of all epochs of a training, and the place that it has reached.

    Args:
        defense: may want attacks between epochs.
        rows: the rows of the first epoch.
        clean: number of clean rows, which stand first among them.
        count: number of epochs.
        batch_size: rows of a batch.
        make_set: makes batches of rows.

    Attributes:
        steps: number of optimiser steps of the whole training; a bound before the last attack.
    """

    def __init__(
        self,
        defense: Defense,
        rows: Sequence[TrainingRow],
        clean: int,
        *,
        count: int,
        batch_size: int,
        make_set: Callable[[Sequence[TrainingRow]], TrainingSet],
    ) -> None:
        self._defense, self._clean, self._added = defense, rows[:clean], list(rows[clean:])
        self._count, self._batch_size, self._make_set = count, batch_size, make_set
        self._data = make_set(rows)
        self._epoch = self._batch = self._done = 0
        self._is_changing = any(find_reattack(defense, epoch, clean) for epoch in range(1, count + 1))
        self.steps = self._count_steps(0)

    @property
    def position(self) -> Position | None:
        """Return the place after the last batch; None if the number of steps says it, because all epochs are alike."""
        if not self._is_changing:
            return None
        added = [(row.text, row.label) for row in self._added]
        return Position(epoch=self._epoch, batch=self._batch, steps=self.steps, added=added)

    def move(self, step: int, position: Position | None) -> None:
        """Go on after a step.

        Args:
            step: number of optimiser steps that were done.
            position: the place after it, as :attr:`position` gave it.
        """
        self._done = step
        if position is None:
            self._epoch, self._batch = divmod(step, len(self._data))
            return
        self._epoch, self._batch, self.steps = position.epoch, position.batch, position.steps
        self._add([TrainingRow(text, label) for text, label in position.added])

    def batches(self, attack: Callable[[int, Reattack], Sequence[TrainingRow]]) -> Iterator[Batch]:
        """Yield the batches that are left.

        Args:
            attack: returns the adversarial rows of an attack before an epoch, which is counted from 1.
        """
        while self._epoch < self._count:
            reattack = None if self._batch else find_reattack(self._defense, self._epoch + 1, len(self._clean))
            if reattack is not None:
                found = list(attack(self._epoch + 1, reattack)) if reattack.count_attacked(len(self._clean)) else []
                self._add([*self._added, *found] if reattack.keeps_rows else found)
                self.steps = self._done + len(self._data) + self._count_steps(self._epoch + 1)
            for batch in self._data.epoch(self._epoch, self._batch):
                self._batch, self._done = self._batch + 1, self._done + 1
                yield batch
            self._epoch, self._batch = self._epoch + 1, 0

    def _add(self, added: list[TrainingRow]) -> None:
        """Let rows take the place of the adversarial rows."""
        self._added = added
        self._data = self._make_set([*self._clean, *added])

    def _count_steps(self, epochs: int) -> int:
        """Return the most steps after that many epochs."""
        left = range(epochs + 1, self._count + 1)
        return count_steps(self._defense, len(self._clean), len(self._added), left, self._batch_size)
