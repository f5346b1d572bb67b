"""Stages: pieces of work whose results are stored.

Each stage has an identity, which contains exactly what determines its result, and a key, the hash of the identity. If a
stage needs another one, its identity contains the key of the other. A kind of stage is a class with its identity, its
needs and its making, in one file of this package; the plan and the runner know only this base class.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from robench.data.load import Example, TaskData
from robench.errors import RobenchError
from robench.results import integrity
from robench.results.info import StageInfo, StageKind, kind_of
from robench.results.info_parts import DataInfo, EncoderInfo
from robench.results.records import Record
from robench.results.store import Store, StoredStage, make_key
from robench.study.environment import record_environment
from robench.study.schedule import WorkKind
from robench.study.setting import NamedAttack, NamedPlugin, Setting
from robench.study.stages.context import Context
from robench.version import VERSION

FORMAT = 5
"""Number that grows when a change of robench changes results; part of every key except those of statistics."""


def sample(
    rows: Sequence[Example], limit: int | None, name: str, accepts: Callable[[str], bool] = lambda text: True
) -> list[tuple[int, Example]]:
    """Draw at most ``limit`` rows, and return them with their positions, in order of position.

    How it works: all positions are shuffled by a random stream that depends on ``name`` only, and the first ``limit``
    accepted ones are taken. So a smaller sample is part of a larger one, and the seed of a run has no influence: all
    seeds and defenses get the same rows, and their numbers can be compared row by row.

    Args:
        rows: the rows of a split.
        limit: largest number of rows; None takes all.
        name: name of the split, which selects the random stream.
        accepts: tells whether a text may be drawn.
    """
    order = list(range(len(rows)))
    random.Random(f"sample/{name}").shuffle(order)
    accepted = [i for i in order if accepts(rows[i].text)]
    return [(i, rows[i]) for i in sorted(accepted[:limit])]


class ChangedModelError(RobenchError):
    """A user's model scores texts differently than it did when its finished stage was stored."""


@dataclass(frozen=True)
class Size:
    """The amount of work of a stage.

    Attributes:
        count: number of steps, examples or texts.
        timing: the field of :class:`~robench.results.info_origin.Timing` that counts them.
        noun: the word for them that users see.
    """

    count: int
    timing: Literal["steps", "examples", "texts"]
    noun: str


@dataclass(frozen=True)
class Stage(ABC):
    """A piece of work whose result is stored in a folder of its own.

    Attributes:
        setting: the setting of the run.
        data: the data of the task.
        seed: seed of training and attack.
    """

    setting: Setting
    data: TaskData
    seed: int

    info_type: ClassVar[type[StageInfo]]
    """The structure of its ``stage.json``, which also decides the kind's folder."""
    work_kind: ClassVar[WorkKind] = "measure"
    """The kind of its work in a schedule."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Return the readable beginning of its folder's name."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Return a description of the work in a few words."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return exactly what determines its result."""

    @property
    @abstractmethod
    def size(self) -> Size:
        """Return the amount of work."""

    @abstractmethod
    def make(self, context: Context, folder: Path) -> None:
        """Compute the result and store it in ``folder``, ``stage.json`` last.

        Raises:
            RobenchError: something cannot be fetched, computed or stored.
        """

    @abstractmethod
    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage was the same kind of work, so that its pace is an estimate for this one."""

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds per unit of :attr:`size` to assume before any stage was timed; None if unknown."""
        return None

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the stages that have to be finished before this one."""
        return ()

    def prepare(self, *, offline: bool) -> None:  # noqa: B027  most stages have nothing to fetch
        """Fetch the resources that the work needs, so that a missing one is reported before hours of training.

        Raises:
            RobenchError: a resource is not available.
        """

    def find_faults(self, stored: StoredStage[Any]) -> list[str]:
        """Return what does not fit in a finished stage, every file included, as sentences without an end."""
        return integrity.find_faults(stored.folder, stored.info, names=None)

    def digest_parents(self, store: Store) -> dict[str, str]:
        """Return digests of the stages that this one is made from, for its ``stage.json``."""
        return {need.key: store.digest(need.kind, need.key) for need in self.needs}

    def count_threads(self, training: int) -> int | None:
        """Return the number of threads to compute with, always the same one, because last digits depend on it.

        Args:
            training: the number of threads of a training.

        Returns:
            The number; None for as many as the process uses, if the work is that of a function of the user.
        """
        return 1

    @property
    def can_change(self) -> bool:
        """Return whether its result can change while its key stays the same, so that it has to be asked."""
        return False

    def check_unchanged(self, context: Context) -> None:  # noqa: B027  most results are determined by their keys
        """Check that a finished stage which can change still matches its key.

        Raises:
            ChangedModelError: it does not.
            RobenchError: it cannot be told.
        """

    @property
    def kind(self) -> StageKind:
        """Return its kind, which is also the name of a folder of the store."""
        return kind_of(self.info_type)

    @cached_property
    def key(self) -> str:
        """Return the hash of its identity."""
        return make_key(self.identity)

    def folder(self, store: Store) -> Path:
        """Return the folder of its result."""
        return store.folder(self.kind, self.label, self.key)

    def read_finished(self, store: Store) -> StoredStage[Any]:
        """Read its finished result, which another stage needs.

        Raises:
            RobenchError: it is not there, or its ``stage.json`` is broken.
        """
        folder = self.folder(store)
        if (stored := store.read(folder)) is None:
            raise RobenchError(f"{folder} was removed while it was needed; run again.")
        return stored

    def training_rows(self) -> list[tuple[int, Example]]:
        """Return the training rows of this setting, with their positions in the task's training split."""
        return sample(self.data.train, self.setting.train_limit, "train")

    @property
    def plugins(self) -> tuple[NamedPlugin, ...]:
        """Return the defense or attack whose options it has, but for those of what it needs."""
        return ()

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Return whose code the user allowed to run in the work, in a few words each."""
        encoder = self.setting.encoder
        return (f"the Python files of encoder {encoder.name}",) if encoder.trust_remote_code else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what readers of the result need to know about its rows."""
        return self.data.notes

    def common_info(self, context: Context) -> dict[str, Any]:
        """Return the fields of ``stage.json`` that all kinds of stages share.

        Raises:
            UnitError: the code of a plug-in has changed its fields, so that the key no longer belongs to it.
        """
        setting, data = self.setting, self.data
        for named in self.plugins:
            named.check_unchanged()
        return {
            "robench": VERSION,
            "label": self.label,
            "key": self.key,
            "task": data.task,
            "labels": data.labels,
            "data_options": data.options,
            "data": DataInfo(source=data.source, digest=data.digest, notes=self.notes),
            "encoder": EncoderInfo(name=setting.encoder.name, digest=setting.encoder.digest),
            "preset": setting.preset,
            "precision": setting.precision,
            "training": asdict(setting.training),
            "train_rows": len(self.training_rows()),
            "seed": self.seed,
            "identity": self.identity,
            "foreign_code": self.foreign_code,
            "parents": self.digest_parents(context.store),
            "environment": record_environment(context.device),
        }


class RecordsStage(Stage):
    """A stage whose result is a record for each attacked row."""

    attack: NamedAttack

    work_kind = "attack"

    @abstractmethod
    def read_records(self, store: Store) -> list[Record]:
        """Read the records, one for each row.

        Raises:
            RobenchError: some are missing, or the file is broken.
        """
