"""Stages that compute nothing, for tests of what makes stages; and what they do instead, in whichever process."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from robench.data.load import Example, TaskData
from robench.errors import RobenchError, UnitError, translate_failures
from robench.models.encoders import EncoderSource
from robench.resources.textattack_finder import TextAttackFinder
from robench.results.info import AdversarialInfo, StageInfo, StatisticsInfo
from robench.results.store import RECORDS_FILE
from robench.study.setting import NamedAttack, NamedDefense, Setting
from robench.study.stages.attack import AttackingStage
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage
from robench.study.stages.train import ModelStage
from robench.training.settings import TrainingSettings
from support.hand_made import TRAINING, record

LABELS = ("bad", "good")
SETTING = Setting(
    preset="quick",
    encoder=EncoderSource("none", "nowhere", "0" * 64),
    training=TrainingSettings(**TRAINING),  # type: ignore[arg-type]
    precision="fp32",
    hardware={"device": "cpu", "threads": 1},
    train_limit=None,
    attack_limit=None,
)
DONE = "done"
"""The file that a stage leaves, with the id of the process that made it and its number of threads."""


@cache
def data(rows: int = 0) -> TaskData:
    test = tuple(Example(made.original, made.label) for made in (record(row, "failed") for row in range(rows)))
    return TaskData("mr", LABELS, (), (), test, "local:nowhere", "0" * 64, ())


@dataclass(frozen=True)
class NamedStage(Stage):
    """A stage that says what a test needs it to say of itself."""

    name: str = "tiny"
    requires: tuple[Stage, ...] = ()

    @property
    def label(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return self.name

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "needs": [need.key for need in self.requires]}

    @property
    def needs(self) -> tuple[Stage, ...]:
        return self.requires


@dataclass(frozen=True)
class TinyStage(NamedStage):
    """A stage that does what ``deed`` names."""

    is_training: bool = False
    deed: str = "nothing"

    info_type = StatisticsInfo

    @property
    def size(self) -> Size:
        return Size(1, "texts", "texts")

    def count_threads(self, training: int) -> int:
        return training if self.is_training else 1

    def resembles(self, info: StageInfo) -> bool:
        return False

    def make(self, context: Context, folder: Path) -> None:
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        DEEDS[self.deed](context)
        (folder / DONE).write_text(f"{os.getpid()} {torch.get_num_threads()}")


def tiny(name: str, *requires: Stage, training: bool = False, deed: str = "nothing") -> TinyStage:
    return TinyStage(SETTING, data(), 1, name=name, requires=requires, is_training=training, deed=deed)


@dataclass(frozen=True)
class TinyAttack(NamedStage, AttackingStage):
    """An attack on rows that an executor of a test answers; its model is never loaded."""

    info_type = AdversarialInfo

    def examples(self) -> list[tuple[int, Example]]:
        return list(enumerate(self.data.test))

    def make(self, context: Context, folder: Path) -> None:
        (folder / DONE).write_text(str((folder / RECORDS_FILE).read_bytes().count(b"\n")))


def tiny_attack(name: str, rows: int, *requires: Stage) -> TinyAttack:
    from robench.attacks.pwws import PWWS
    from robench.defenses.base import Base

    model = ModelStage(SETTING, data(rows), 1, NamedDefense("base", defense=Base()))
    return TinyAttack(SETTING, data(rows), 1, model, NamedAttack("pwws", attack=PWWS()), name, requires)


def _die(context: Context) -> None:
    os.kill(os.getpid(), 9)


def _die_once(context: Context) -> None:
    mark = context.store.root / "died"
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        _die(context)


def _fail(context: Context) -> None:
    raise RobenchError("the encoder folder is gone; name another one.")


def _fail_alone(context: Context) -> None:
    raise UnitError("the loss is None.")


def _fill_disk(context: Context) -> None:
    with translate_failures("the defense failed"):
        raise OSError(errno.ENOSPC, "No space left on device")


def _leave(context: Context) -> None:
    sys.exit("enough")


def _break(context: Context) -> None:
    raise ZeroDivisionError("of our own")


def _talk(context: Context) -> None:
    sys.stdout.write("printed\n")
    logging.getLogger("robench.somewhere").info("told once")
    warnings.warn("warned once", UserWarning, stacklevel=1)
    context.reporter.say("said")
    context.reporter.warn("note once")


def _ask(context: Context) -> None:
    context.reporter.say(f"offline: {TextAttackFinder.offline}")


def _sleep(context: Context) -> None:
    (context.store.root / f"sleeps-{os.getpid()}").touch()
    time.sleep(300)


DEEDS: dict[str, Callable[[Context], None]] = {
    "nothing": lambda context: None,
    "nap": lambda context: time.sleep(0.02),
    "die": _die,
    "die once": _die_once,
    "fail": _fail,
    "fail alone": _fail_alone,
    "fill disk": _fill_disk,
    "leave": _leave,
    "break": _break,
    "talk": _talk,
    "ask": _ask,
    "sleep": _sleep,
}
