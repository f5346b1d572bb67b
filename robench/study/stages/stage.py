"""Stages: the kinds of work whose results are stored.

Each stage has an identity, which holds exactly what determines its result, and a key, the hash of the identity. A
stage that needs another holds the other's key in its identity. A kind of stage is a class with its identity, its needs
and its making in one file of this package; whoever runs stages knows nothing but this base class.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from robench.attacking.attack import Attack
from robench.data.load import Example, TaskData
from robench.models.encoders import EncoderSource
from robench.results.info import StageInfo, StageKind, kind_of
from robench.results.info_parts import DataInfo, EncoderInfo, PluginInfo
from robench.results.records import Record
from robench.results.store import Store, make_key
from robench.study.stages.context import Context
from robench.training.defense import Defense
from robench.training.settings import TrainingSettings
from robench.version import VERSION

if TYPE_CHECKING:
    from robench.models.devices import Precision

FORMAT = 4
"""Counts changes of robench that change results; part of every key but those of statistics."""


@dataclass(frozen=True)
class NamedPlugin:
    """A defense or attack with the name it was asked for by.

    Attributes:
        code: identity of a plug-in's code; empty for a built-in.
        changed: the fields that the user set, as pairs.
    """

    name: str
    code: str = ""
    changed: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class NamedDefense(NamedPlugin):
    """A defense by its registered name."""

    defense: Defense = field(kw_only=True)

    @property
    def identity(self) -> dict[str, Any]:
        """Return its class and hyper-parameters; two names for the same thing are one."""
        return {"class": class_path(self.defense), "fields": asdict(self.defense), "code": self.code}

    @property
    def info(self) -> PluginInfo:
        """Describe it for ``stage.json``."""
        return PluginInfo(**_plugin_fields(self, self.defense))


@dataclass(frozen=True)
class NamedAttack(NamedPlugin):
    """An attack by its registered name."""

    attack: Attack = field(kw_only=True)

    @property
    def title(self) -> str:
        """Return its name in tables, with the variant that its resources make of it."""
        return f"{self.name} ({self.attack.variant})" if self.attack.variant else self.name

    @property
    def identity(self) -> dict[str, Any]:
        """Return what it does, resources included."""
        return {**self.attack.identity(), "name": self.name, "code": self.code}

    @property
    def info(self) -> PluginInfo:
        """Describe it for ``stage.json``."""
        return PluginInfo(title=self.title, **_plugin_fields(self, self.attack))


def class_path(thing: object) -> str:
    """Return ``module:Class`` of an object."""
    return f"{type(thing).__module__}:{type(thing).__qualname__}"


def _plugin_fields(named: NamedPlugin, plugin: Any) -> dict[str, Any]:
    values = {field.name: getattr(plugin, field.name) for field in fields(plugin)}
    return {
        "name": named.name,
        "class_": class_path(plugin),
        "fields": values,
        "changed": dict(named.changed),
        "code": named.code,
    }


@dataclass(frozen=True)
class Setting:
    """What all cells of one run share.

    Attributes:
        attack_limit: most test samples to attack; None takes all.
        train_limit: most training rows; None takes all.
    """

    preset: str
    encoder: EncoderSource
    training: TrainingSettings
    precision: Precision
    train_limit: int | None
    attack_limit: int | None


def sample(rows: Sequence[Example], limit: int | None, name: str) -> list[tuple[int, Example]]:
    """Draw at most ``limit`` rows with their positions, by a random stream of that name alone, in order of position.

    A smaller limit draws a part of what a larger one draws, and the run's seed plays no part: every seed and every
    defense meets the same rows.
    """
    order = list(range(len(rows)))
    random.Random(f"sample/{name}").shuffle(order)
    return [(i, rows[i]) for i in sorted(order[:limit])]


@dataclass(frozen=True)
class Size:
    """How much work a stage is.

    Attributes:
        count: of what is worked on one after another.
        timing: the field of :class:`~robench.results.info_parts.Timing` that counts it.
        noun: for people.
    """

    count: int
    timing: Literal["steps", "examples", "texts"]
    noun: str


@dataclass(frozen=True)
class Stage(ABC):
    """A piece of work whose result is stored in a folder of its own."""

    setting: Setting
    data: TaskData
    seed: int

    info_type: ClassVar[type[StageInfo]]
    """The structure of its ``stage.json``, which also names the folder it goes to."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Say in a few words what it is about; the beginning of its folder's name."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Say what is done."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return exactly what determines its result."""

    @property
    @abstractmethod
    def size(self) -> Size:
        """Return how much work it is."""

    @abstractmethod
    def make(self, context: Context, folder: Path) -> None:
        """Compute the result and store it in ``folder``, ``stage.json`` last.

        Raises:
            RobenchError: something cannot be fetched, computed or stored.
        """

    @abstractmethod
    def resembles(self, info: StageInfo) -> bool:
        """Tell whether a finished stage does the same kind of work, so that its pace says how long this one takes."""

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds per unit of :attr:`size` before any stage has been timed; None if nobody knows."""
        return None

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the stages whose results it uses."""
        return ()

    def prepare(self, *, offline: bool) -> None:  # noqa: B027  most stages have nothing to fetch
        """Fetch what the work needs, so that what cannot be had is known before hours of training.

        Raises:
            RobenchError: it cannot be had.
        """

    def check_unchanged(self, context: Context) -> None:  # noqa: B027  most results are determined by their keys
        """Find out whether a finished stage is still what its key says.

        Raises:
            RobenchError: it is not.
        """

    @property
    def kind(self) -> StageKind:
        """Return the folder of the store that it goes to."""
        return kind_of(self.info_type)

    @cached_property
    def key(self) -> str:
        """Hash its identity."""
        return make_key(self.identity)

    def folder(self, store: Store) -> Path:
        """Return the folder of its result."""
        return store.folder(self.kind, self.label, self.key)

    def training_rows(self) -> list[tuple[int, Example]]:
        """Return the training rows of this setting, with their positions in the task's training split."""
        return sample(self.data.train, self.setting.train_limit, "train")

    def common_info(self) -> dict[str, Any]:
        """Return the fields of ``stage.json`` that all kinds of stages share."""
        setting, data = self.setting, self.data
        return {
            "robench": VERSION,
            "label": self.label,
            "key": self.key,
            "task": data.task,
            "labels": data.labels,
            "data": DataInfo(source=data.source, digest=data.digest, notes=data.notes),
            "encoder": EncoderInfo(name=setting.encoder.name, digest=setting.encoder.digest),
            "preset": setting.preset,
            "precision": setting.precision,
            "training": asdict(setting.training),
            "train_rows": len(self.training_rows()),
            "seed": self.seed,
            "identity": self.identity,
        }


class RecordsStage(Stage):
    """A stage whose result is a record of every row that an attack met."""

    attack: NamedAttack

    @abstractmethod
    def read_records(self, store: Store) -> list[Record]:
        """Read the records, of which there is one for every row.

        Raises:
            RobenchError: some are lost, or the file is broken.
        """
