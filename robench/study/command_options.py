"""The options of the command that makes a result again, besides the names of its defense, task, attack and seed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.settings import TRAINING
from robench.results.cells import Result
from robench.results.info import CellInfo
from robench.results.info_parts import EncoderInfo, PluginInfo, VictimInfo
from robench.study.option_class import option_words, run_options
from robench.study.options import THREADS, AttackOptions, RunOptions
from robench.study.presets import PRESETS, Preset
from robench.training.settings import TrainingSettings

TRUST = run_options(AttackOptions)["trust_remote_code"].flag
TEST = run_options(AttackOptions)["test"].flag
ANY_FOLDER = "DIR"
"""Stands in a command for a folder that its reader has to name."""
DIGITS = 12
"""Digits of the digest of rows that a run and a command show."""


class OptionWords(NamedTuple):
    """The options of a command besides names and seeds.

    Attributes:
        kind: the class that declares the options of the command: of ``robench run`` or of ``robench attack``.
        words: the options as they stand in it, but for those below.
        settings: the options that set what the attack itself has changed; they change nothing for other attacks.
        trusts: whether it needs ``--trust-remote-code`` behind them.
    """

    kind: type[RunOptions] | type[AttackOptions]
    words: tuple[str, ...]
    settings: tuple[str, ...]
    trusts: bool


def find_options(
    row: Result, column: Result, task_length: Callable[[str], int | None], *, crossed: bool
) -> OptionWords | None:
    """Return the options besides names and seeds; None if no options make a result comparable with the row's.

    There are none for private rows of an entry of counts alone, which does not say where they are.

    Args:
        row: a result of the same block and defense.
        column: a result of the same attack.
        task_length: returns what :func:`find_length` does; a caller with many results gives one with a memory.
        crossed: whether the attack that the model was trained against is named beside the one that it meets.
    """
    if row.info.data.source == "local":
        return None
    preset = PRESETS.get(row.info.preset)
    victim = row.info.victim
    if victim is None:
        length = None if row.info.data_options else task_length(row.info.task)
        return _training_options(row, column, length, row.info.training_attack if crossed else None)
    if not victim.command or preset is None:
        return None
    return _victim_options(row, column, preset, victim)


def _victim_options(row: Result, column: Result, preset: Preset, victim: VictimInfo) -> OptionWords:
    """Return the options of ``robench attack``: the preset, and everything that differs from it."""
    info, command = row.info, victim.command or ()
    look = preset.first_look if TEST in info.data_options else None
    words = option_words(
        AttackOptions,
        preset=info.preset,
        attack_limit=_attack_limit(row, look.attack_limit if look else preset.attack_limit),
        clean_limit=_clean_limit(row, look.clean_limit if look else None),
        split=_split(info),
        precision=info.precision if victim.max_length is not None else None,  # robench runs the network itself
        **dict(sorted(info.defense.changed.items())),
        data=_data(info),
    )
    settings = option_words(AttackOptions, settings=_attack_settings(column.attack, preset))
    trusts = bool(column.info.foreign_code) and TRUST not in command
    return OptionWords(AttackOptions, (*command, *info.data_options, *words), tuple(settings), trusts)


def _training_options(
    row: Result, column: Result, max_length: int | None, against: PluginInfo | None
) -> OptionWords | None:
    """Return the options of ``robench run``: the preset, and everything that differs from it; None if none fits."""
    info = row.info
    found = _preset(info, max_length)
    if found is None:
        return None
    name, preset, training = found
    settings = {TRAINING: training, info.defense.name: info.defense.changed}
    own = _attack_settings(column.attack, preset)
    if against:  # what the model was trained against is part of the model, whichever attack it meets
        settings |= _attack_settings(against, preset)
        if against.name == column.attack.name:
            settings, own = settings | own, {}
    words = option_words(
        RunOptions,
        against=against.name if against else None,
        preset=name,
        encoder=info.encoder.name if info.encoder.name != preset.encoder else None,
        train_limit=info.train_rows if info.train_rows != preset.train_limit else None,
        attack_limit=_attack_limit(row, preset.attack_limit),
        clean_limit=_clean_limit(row, None),
        split=_split(info),
        precision=info.precision or None,
        threads=_threads(info),
        data=_data(info),
        settings=settings,
    )
    trusts = bool(info.foreign_code or column.info.foreign_code)
    return OptionWords(RunOptions, (*info.data_options, *words), tuple(option_words(RunOptions, settings=own)), trusts)


def _attack_limit(row: Result, limit: int | None) -> int | None:
    """Return the number of attacked rows, if it is not the one that a limit gives; None takes all rows."""
    tested = row.info.clean.n
    usual = min(limit or tested, tested) if row.info.clean_limit is None else limit  # then there are more rows
    return row.attacked_n if row.attacked_n != usual else None


def _clean_limit(row: Result, limit: int | None) -> int | None:
    """Return the number of rows that clean accuracy is measured on, if it is not the one that a limit gives."""
    tested, own = row.info.clean.n, row.info.clean_limit
    if limit is not None and own is None:  # all rows, which the limit may not give
        return tested if tested > limit else None
    return own if own != limit else None


def _split(info: CellInfo) -> str | None:
    return None if info.split == "test" else info.split


def _threads(info: CellInfo) -> int | None:
    """Return the number of threads of the training, if it is not the usual one; of early models it is not known."""
    threads = info.model_environment.threads if info.model_environment else None
    return threads if threads != THREADS else None


def _data(info: CellInfo) -> PurePath | None:
    """Return the folder with the rows, which of an entry is somebody else's; see :func:`describe_folder`."""
    origin, _, folder = info.data.source.partition(":")
    if origin == "public":
        return PurePath(ANY_FOLDER)
    return PurePath(folder).parent if origin == "local" and not info.data_options else None


def describe_folder(task: str, source: str, digest: str) -> str:
    """Return what has to be in the folder that stands for a reader's own in a command; empty if none does."""
    origin, _, rows = source.partition(":")
    if origin != "public":
        return ""
    return f"{ANY_FOLDER} is a folder of yours; {ANY_FOLDER}/{task} has the rows of {rows} (digest {digest[:DIGITS]})."


def _attack_settings(attack: PluginInfo, preset: Preset) -> dict[str, dict[str, Any]]:
    form = attack.fields.get("resources", preset.resources)
    resources = {"resources": form} if form != preset.resources and attack.title != attack.name else {}
    return {attack.name: resources | attack.changed}


def _preset(info: CellInfo, max_length: int | None) -> tuple[str, Preset, dict[str, Any]] | None:
    """Find a preset with the training settings of a result, else its own preset and the settings to change in it.

    A preset with another choice for defenses is none: what it chooses is no changed field, so no option would undo it.
    """
    preset = PRESETS.get(info.preset)
    for name in sorted(PRESETS, key=lambda name: name != info.preset):
        same_choice = preset is None or PRESETS[name].unsuccessful == preset.unsuccessful
        if same_choice and _describe_training(PRESETS[name].adapt_training(max_length)) == info.training:
            return name, PRESETS[name], {}
    if preset is None:
        return None
    usual = _describe_training(preset.adapt_training(max_length))
    if usual.keys() != info.training.keys():  # of another version
        return None
    return info.preset, preset, {name: v for name, v in info.training.items() if v != usual[name]}


@cache
def _describe_training(settings: TrainingSettings) -> Mapping[str, Any]:
    """Return the training settings of a preset, as ``stage.json`` has them; thousands of results ask for a few."""
    return asdict(settings)


def train_as_preset(info: CellInfo) -> CellInfo:
    """Return a copy of what is known of a model of the user's, as if its preset had trained it in the same precision.

    Of a preset that there is not any more the copy has no training settings, so that no options make it.
    """
    preset, victim = PRESETS.get(info.preset), info.victim
    settings: Mapping[str, Any] = {}
    if preset is not None:
        settings = _describe_training(preset.adapt_training(None if info.data_options else find_length(info.task)))
    runs_here = victim is not None and victim.max_length is not None and info.precision != "native"
    return msgspec.structs.replace(
        info,
        victim=None,
        training=settings,
        encoder=EncoderInfo(name=preset.encoder if preset else "", digest=""),
        train_rows=(preset and preset.train_limit) or 0,
        precision=info.precision if runs_here else "",
        foreign_code=(),
        model_environment=None,
    )


def find_length(name: str) -> int | None:
    """Return the number of tokens that a task asks for; None if it asks for none, or is not registered any more."""
    with contextlib.suppress(RobenchError):
        length: int | None = registry.entry("tasks", name).load().max_length
        return length
    return None
