"""robench's own training loop, one step at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from robench.data.load import Example
from robench.models import devices
from robench.models.batches import TrainingRow
from robench.models.encoders import EncoderSource
from robench.plugins import registry
from robench.training.checkpoints import Checkpoints
from robench.training.loop import train
from robench.training.settings import TrainingSettings


class Stepwise:
    """A training run that does a step when it is told to.

    Args:
        name: of the defense.
        encoder: what it starts from.
        rows: what it trains on, in batches of ``batch``; enough epochs for any benchmark.
        batch: rows of a step.
        checkpoints: those that are due are written at the beginning of the next step.
    """

    def __init__(
        self,
        name: str,
        encoder: EncoderSource,
        rows: list[TrainingRow],
        batch: int,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        cpu = devices.choose_device("cpu")
        rest = getcurrent()
        self._run = greenlet(
            lambda: train(
                registry.entry("defenses", name).load(),
                rows,
                [Example("a film", 0)],
                encoder=encoder.model,
                tokenizer=encoder.tokenizer(),
                classes=2,
                settings=TrainingSettings(epochs=100, batch_size=batch, eval_every=10**9),
                precision=devices.choose_precision("auto", cpu),
                device=cpu,
                seed=0,
                on_step=lambda step, steps: rest.switch(),
                checkpoints=checkpoints,
            )
        )

    def step(self) -> None:
        """All passes over one batch, and the optimiser's step."""
        self._run.switch()

    def stop(self) -> None:
        """Leave the loop."""
        self._run.throw()


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
