"""What a run is made of: defenses and attacks by name, and the choices that all stages of a run share."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from robench.attacking.attack import Attack
from robench.errors import RobenchError, UnitError
from robench.escaping import show_value
from robench.frames import locate
from robench.models.encoders import EncoderSource
from robench.plugins.modules import class_path
from robench.results.info_parts import PluginInfo, select_training
from robench.study.values import Split
from robench.training.defense import Defense
from robench.training.settings import TrainingSettings

if TYPE_CHECKING:
    from robench.models.devices import Hardware, Precision


@dataclass(frozen=True)
class NamedPlugin:
    """A defense or attack with the name that the user gave.

    Attributes:
        name: the registered name.
        code: identity of its code, and of the user's code that it uses.
        changed: the fields that the user set, as pairs of name and value.
    """

    name: str
    code: str = ""
    changed: tuple[tuple[str, Any], ...] = ()
    _planned: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note the values of the plug-in's fields, of which keys are made."""
        object.__setattr__(self, "_planned", deepcopy(_read_fields(self.plugin)))

    @property
    def plugin(self) -> Any:
        """Return the defense or attack."""
        raise NotImplementedError

    def check_unchanged(self) -> None:
        """Check that the plug-in's code has left its fields as they were.

        Raises:
            UnitError: it has changed one.
        """
        found = _read_fields(self.plugin)
        if changed := [name for name, value in self._planned.items() if found[name] != value]:
            raise UnitError(
                f"{self.name} changed its field {changed[0]} while it was used; fields are its hyper-parameters, of"
                " which the key of a result is made: keep elsewhere what changes."
            )


@dataclass(frozen=True)
class NamedDefense(NamedPlugin):
    """A defense by its registered name."""

    defense: Defense = field(kw_only=True)

    @property
    def plugin(self) -> Defense:
        """Return the defense."""
        return self.defense

    @property
    def identity(self) -> dict[str, Any]:
        """Return its class, hyper-parameters and resources, but not its name.

        Two names of the same defense are one identity.
        """
        identity = {"class": class_path(type(self.defense)), "fields": asdict(self.defense), "code": self.code}
        resources = dict(self.defense.identify_resources())
        return {**identity, "resources": resources} if resources else identity

    @property
    def training_changes(self) -> dict[str, Any]:
        """Return its training settings that differ from those of the run."""
        return select_training(dict(self.changed))

    @property
    def info(self) -> PluginInfo:
        """Describe it for ``stage.json``."""
        return PluginInfo(
            adaptive_attack=self.defense.adaptive_attack,
            texts_read=self.defense.texts_read,
            **_plugin_fields(self),
        )


@dataclass(frozen=True)
class NamedAttack(NamedPlugin):
    """An attack by its registered name.

    Attributes:
        attack: the attack.
        base: the attack that it is with one thing changed; None for an attack of its own.
    """

    attack: Attack = field(kw_only=True)
    base: NamedAttack | None = field(default=None, kw_only=True)

    @property
    def plugin(self) -> Attack:
        """Return the attack."""
        return self.attack

    @property
    def title(self) -> str:
        """Return its name in tables, with its variant in brackets."""
        return f"{self.name} ({self.attack.variant})" if self.attack.variant else self.name

    @property
    def identity(self) -> dict[str, Any]:
        """Return everything that determines its behaviour, resources included."""
        identity = self.attack.identity()
        if not isinstance(identity, dict):
            place = locate(type(self.attack).identity)
            raise RobenchError(
                f"the identity of the attack {self.name}{place and f' ({place})'} is {show_value(identity)}, not a"
                " dictionary."
            )
        return {**identity, "name": self.name, "code": self.code}

    @property
    def info(self) -> PluginInfo:
        """Describe it for ``stage.json``."""
        base = self.base.name if self.base else ""
        return PluginInfo(title=self.title, base=base, **_plugin_fields(self))


def _read_fields(plugin: Any) -> dict[str, Any]:
    return {field.name: getattr(plugin, field.name) for field in fields(plugin)}


def _plugin_fields(named: NamedPlugin) -> dict[str, Any]:
    return {
        "name": named.name,
        "class_": class_path(type(named.plugin)),
        "fields": _read_fields(named.plugin),
        "changed": dict(named.changed),
        "code": named.code,
    }


@dataclass(frozen=True)
class Setting:
    """The setting that all cells of one run share.

    Attributes:
        preset: name of the preset.
        encoder: the pre-trained encoder.
        training: the training settings.
        precision: precision of matrix products.
        hardware: what a trained model depends on besides; see :func:`~robench.models.devices.identify_hardware`.
        train_limit: largest number of training rows; None takes all.
        attack_limit: largest number of attacked samples; None takes all.
        clean_limit: largest number of test rows that clean accuracy is measured on; None takes all.
        split: the split whose rows are attacked.
    """

    preset: str
    encoder: EncoderSource
    training: TrainingSettings
    precision: Precision
    hardware: Hardware
    train_limit: int | None
    attack_limit: int | None
    clean_limit: int | None = None
    split: Split = "test"
