"""The base class of attacks that are another attack with one thing changed."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from robench.attacking.attack import Attack
from robench.escaping import show_value
from robench.plugins import registry
from robench.plugins.option import option
from robench.plugins.settings import configure
from robench.resources import ForeignFile, Resource


@dataclass(frozen=True, kw_only=True)
class DerivedAttack(Attack):
    """An attack that is another one, its base, with one thing changed; a subclass builds it from :attr:`base`.

    What the user sets of the base, such as its query budget, holds for this attack as well, so the two can be compared.
    Data, protocol, limits and the sample of attacked texts are the base's.
    """

    uses = ()

    attack: str = option("", "registered name of the attack that is changed")
    options: str = option(
        "",
        'options that this attack alone has, as JSON such as {"max_candidates": 10}; those that the user sets of the'
        " attack itself are taken over",
    )

    def __post_init__(self) -> None:
        """Take over the values of the base, and reject options that it does not have.

        Raises:
            ValueError: an option is out of its range.
            RobenchError: there is no such attack or option.
        """
        registered: Attack = registry.entry("attacks", self.attack).load()
        for field in dataclasses.fields(Attack):  # the preset chooses the resources
            if field.name != "resources" and getattr(self, field.name) == field.default:
                object.__setattr__(self, field.name, getattr(registered, field.name))
        super().__post_init__()
        shared = {name: getattr(self, name) for name in _COMMON}
        base, _ = configure(self.attack, dataclasses.replace(registered, **shared), _read_options(self.options))
        object.__setattr__(self, "_base", base)

    @abstractmethod
    def build(self, victim: Any) -> Any:
        """Build a ``textattack.Attack`` on ``victim`` from that of the base."""

    @property
    def base(self) -> Attack:
        """Return the attack that is changed, with this one's options."""
        base: Attack = vars(self)["_base"]
        return base

    def inherit_settings(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the values of fields that follow from what the user set of the base."""
        registered: Attack = registry.entry("attacks", self.attack).load()
        _, changed = configure(self.attack, registered, settings.get(self.attack, {}))
        shared = {name: value for name, value in changed if name in _COMMON}
        own = {name: value for name, value in changed if name not in _COMMON}
        return shared | ({"options": json.dumps(own, sort_keys=True)} if own else {})

    @property
    def needs(self) -> tuple[Resource, ...]:
        """Return the data that the base needs."""
        return self.base.needs

    @property
    def foreign_files(self) -> tuple[ForeignFile, ...]:
        """Return the files of others that the base loads."""
        return self.base.foreign_files

    @property
    def variant(self) -> str:
        """Return the variant of the base."""
        return self.base.variant

    def budget(self, words: int) -> int | None:
        """Return the base's query budget."""
        return self.base.budget(words)

    def attacks(self, text: str) -> bool:
        """Return whether the base attacks such a text."""
        return self.base.attacks(text)

    def describe_left_out(self, texts: Sequence[str]) -> str:
        """Say which texts the base does not attack."""
        return self.base.describe_left_out(texts)

    def settle(self, *, offline: bool = False) -> Self:
        """Return the attack with the base settled; see :meth:`Attack.settle`."""
        settled = self.base.settle(offline=offline)
        before, after = dataclasses.asdict(self.base), dataclasses.asdict(settled)
        changed = {name: value for name, value in after.items() if value != before[name]}
        if not changed:
            return self
        options = json.dumps(_read_options(self.options) | changed, sort_keys=True)
        return dataclasses.replace(self, options=options)

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the data of the base; see :meth:`Attack.prepare`."""
        self.base.prepare(offline=offline)

    def pins(self) -> dict[str, str]:
        """Return the pins of the base."""
        return self.base.pins()

    def identity(self) -> dict[str, object]:
        """Return the identity of the base, its code, and the fields that this attack adds."""
        own = {name: value for name, value in dataclasses.asdict(self).items() if name not in _BASE_FIELDS}
        code = registry.entry("attacks", self.attack).identify_code()
        return super().identity() | {"fields": own, "of": self.base.identity(), "code_of": code}


_COMMON = tuple(field.name for field in dataclasses.fields(Attack))
_BASE_FIELDS = {field.name for field in dataclasses.fields(DerivedAttack)}
"""Fields whose values are part of the base's identity."""


def _read_options(text: str) -> dict[str, Any]:
    """Read the JSON of options.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ValueError(f'options is JSON such as {{"max_candidates": 10}}, not {show_value(text)}')
    return values
