"""A model that sleeps instead of computing, as a stage, so that any number of workers compute on two cores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from robench.data.load import Example, TaskData
from robench.models.batch_model import FunctionModel
from robench.models.batches import Shape
from robench.study.setting import NamedAttack, NamedDefense
from robench.study.stages.context import Context
from robench.study.stages.train import ModelStage
from support.tiny_stage import LABELS, SETTING, TinyAttack

ROWS = 64
"""Rows of a batch."""
SECONDS = 0.5
"""Seconds of a batch."""
WORDS = ("bread", "window", "garden", "letter", "winter", "station", "river", "kitchen")


class SleepingModel(FunctionModel):
    """A batch model whose batches take always the same time; every answer is the same, so that no search succeeds."""

    def __init__(self) -> None:
        super().__init__(sleep)

    def shape(self, tokens: str) -> Shape:
        """Return the one shape."""
        return Shape(rows=ROWS, length=16)


def sleep(texts: Sequence[str]) -> torch.Tensor:
    """Sleep, and return the same for all texts."""
    time.sleep(SECONDS)
    return torch.tensor([[1.0, 0.0]]).repeat(len(texts), 1)


@dataclass(frozen=True)
class SleepingStage(ModelStage):
    """A model stage that needs no folder."""

    def load(self, context: Context) -> Any:
        """Return the model."""
        return SleepingModel()


def sleeping_attack(name: str, rows: int) -> TinyAttack:
    """An attack on so many different texts of five words, which takes as many queries for each."""
    from robench.attacks.deepwordbug import DeepWordBug
    from robench.defenses.base import Base

    texts = [" ".join(WORDS[number // 8**place % 8] for place in range(5)) for number in range(rows)]
    test = tuple(Example(text, 0) for text in texts)
    data = TaskData("mr", LABELS, (), (), test, "local:nowhere", f"{rows:064d}", ())
    model = SleepingStage(SETTING, data, 1, NamedDefense("base", defense=Base()))
    return TinyAttack(SETTING, data, 1, model, NamedAttack("deepwordbug", attack=DeepWordBug()), name)
