"""Whether the defenses and attacks of an entry are those that their names stand for.

How it works: a defense or attack of robench, or of a plug-in file that the user loaded, is made again with the fields
that the entry says, and described as a run describes it. The description is the entry's, or the entry says a name, a
title or changed fields that its key does not stand for. If its code has changed since, only the class is compared.
What a stranger registered is not imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from robench.attacking.attack import Attack
from robench.attacking.derived_attack import DerivedAttack
from robench.errors import RobenchError
from robench.escaping import show_value
from robench.plugins import registry
from robench.plugins.entry import Entry as Registered
from robench.plugins.entry import Kind
from robench.plugins.modules import class_path
from robench.plugins.settings import configure
from robench.results.cells import identity_text
from robench.results.entry_form import Entry
from robench.results.info_parts import TRAINING_PREFIX, PluginInfo
from robench.study.presets import PRESETS, Preset, find_preset
from robench.study.setting import NamedAttack, NamedDefense

_NOTHING = object()
"""Stands for the value of a field that is none."""


class _Part(NamedTuple):
    """A defense or attack of an entry, and where it stands.

    Attributes:
        preset: name of the preset that chose what the user did not; empty if the entry does not say it.
    """

    place: str
    kind: Kind
    info: PluginInfo
    preset: str


class PluginChecks:
    """Checks of the defenses and attacks of entries; what several entries share is checked once."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[list[str], list[str]]] = {}

    def check(self, entry: Entry) -> tuple[list[str], list[str]]:
        """Return what is wrong with the defenses and attacks of an entry, and what is not checked, without an end.

        Raises:
            RobenchError: one of robench's own, or of a plug-in file, cannot be imported.
        """
        faults: list[str] = []
        notes: list[str] = []
        for part in _list_parts(entry):
            key = identity_text([part.kind, msgspec.to_builtins(part.info), part.preset])
            if key not in self._found:
                self._found[key] = _check(part)
            wrong, unchecked = self._found[key]
            faults += [f"{part.place} {fault}" for fault in wrong]
            notes += [f"{part.place} {note}" for note in unchecked]
        return faults, notes


def _list_parts(entry: Entry) -> Iterator[_Part]:
    if entry.victim is None:
        yield _Part("defense", "defenses", entry.defense, entry.preset)
    for i, part in enumerate(entry.parts):
        yield _Part(f"parts.{i}.defense", "defenses", part.defense, "")
    if entry.trained_against:
        yield _Part("trained_against.attack", "attacks", entry.trained_against.attack, "")
    for i, met in enumerate(entry.attacks):
        yield _Part(f"attacks.{i}.attack", "attacks", met.attack, met.preset)
    for i, measured in enumerate(entry.statistics):
        yield _Part(f"statistics.{i}.attack", "attacks", measured.attack, measured.preset)


def _find_registered(kind: Kind, name: str) -> Registered | None:
    """Return what is registered under a name, if it is robench's own or of a plug-in file that was loaded."""
    family = name.partition(":")[0]
    found = [one for one in registry.entries(kind) if one.name in (name, family)]
    if not any(one.is_built_in or not isinstance(one.target, str) for one in found):
        return None
    try:
        return registry.entry(kind, name)
    except RobenchError:  # a member that this version of a family does not have
        return None


def _check(part: _Part) -> tuple[list[str], list[str]]:
    """Return what a description says wrongly, and what of it is not checked."""
    info, registered = part.info, _find_registered(part.kind, part.info.name)
    if registered is None:
        if not info.class_.startswith(f"robench.{part.kind}."):
            return [], []
        own = f"has the name {info.name}, which is none of robench's own for {info.class_}"
        return [], [f"{own}: neither it nor the changed fields are checked; --plugin FILE loads what declares it"]
    meant = class_path(registered.implementation())
    if meant != info.class_:
        return [f"has the name {info.name}, which is that of {meant}, not of {info.class_}"], []
    if registered.identify_code() != info.code:
        return [], []
    if part.preset and part.preset not in PRESETS:
        return [f"is of the preset {show_value(part.preset)}, which robench does not have"], []
    presets = [find_preset(part.preset)] if part.preset else list(PRESETS.values())
    return min((_compare(registered, info, preset) for preset in presets), key=len), []


def _compare(registered: Registered, info: PluginInfo, preset: Preset) -> list[str]:
    """Return what a description says that its fields do not mean."""
    try:
        expected = _describe(registered, info, preset)
    except RobenchError as error:
        return [f"cannot be made: {str(error).rstrip('.')}"]
    changed = {name: value for name, value in info.changed.items() if not name.startswith(TRAINING_PREFIX)}
    said = {field: getattr(info, field) for field in info.__struct_fields__} | {"changed": changed}
    meant = {field: getattr(expected, field) for field in info.__struct_fields__}
    return [
        f"has {field.rstrip('_')} {show_value(value)}, but its fields mean {show_value(meant[field])}"
        for field, value in said.items()
        if not _is_same(value, meant[field])
    ]


def _describe(registered: Registered, info: PluginInfo, preset: Preset) -> PluginInfo:
    """Return the description of what is registered, with the fields of an entry, as a run makes it.

    Raises:
        RobenchError: it does not have such fields.
    """
    usual = registered.load()
    usual = replace(usual, resources=preset.resources) if isinstance(usual, Attack) else preset.adapt(usual)
    other = {name: value for name, value in info.fields.items() if not _is_same(value, getattr(usual, name, _NOTHING))}
    made, changed = configure(info.name, usual, other)
    if not isinstance(made, Attack):
        return NamedDefense(info.name, info.code, changed, defense=made).info
    if type(made).settle is not Attack.settle:  # it may have set fields that the user left, such as to a commit
        changed = tuple((name, value) for name, value in changed if name in info.changed)
    base = NamedAttack(made.attack, attack=made.base) if isinstance(made, DerivedAttack) else None
    return NamedAttack(info.name, info.code, changed, attack=made, base=base).info


def _is_same(first: Any, second: Any) -> bool:
    """Return whether two values are one in JSON, which has no tuples."""
    return first == second or bool(_to_json(first) == _to_json(second))


def _to_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=repr))
