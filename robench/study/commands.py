"""The commands that fill the gaps of a table.

How it works: each missing cell becomes a box: its options, and one defense, one task, one attack and one seed. Boxes
that agree in all but one of these are merged, so that a box holds several names (:func:`_merged`). A box is a product
of its names, which is just what one command makes; each box becomes one command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from robench.results.cells import Result
from robench.results.info import CellInfo
from robench.results.info_parts import PluginInfo, VictimInfo
from robench.results.labels import option_text
from robench.results.selection import NoResultsError, Selection
from robench.results.store import Store
from robench.study.presets import PRESETS, Preset
from robench.victims import FunctionSource


class Gap(NamedTuple):
    """A missing cell.

    Attributes:
        row: a result of the same block and defense.
        column: a result of the same attack.
        seed: the seed of the cell.
        named: whether names identify its defense and attack; False if only a key distinguishes them from others.
    """

    row: Result
    column: Result
    seed: int
    named: bool = True


def commands(gaps: Iterable[Gap], extra: Sequence[str] = ()) -> tuple[tuple[str, ...], int]:
    """Return the commands that make exactly some missing cells, and the number of cells that no command can make.

    No command can make a cell if its row was made by another version of robench or of a plug-in, with settings that no
    preset has, or of a model that a program passed as an object.

    Args:
        gaps: the missing cells, in the order in which names should appear.
        extra: options to add to each command.
    """
    boxes: list[tuple[Any, ...]] = []
    hopeless = 0
    for row, column, seed, named in gaps:
        options = _options(row, column) if named else None
        if options is None:
            hopeless += 1
            continue
        names = row.defense.name, row.info.task, column.attack.name, seed
        boxes.append((options, *((name,) for name in names)))
    return tuple(_command(box, extra) for box in _merged(boxes)), hopeless


def _merged(boxes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Merge boxes that differ in one kind of name only: first in seeds, then in attacks, defenses and tasks."""
    for axis in (4, 3, 1, 2):
        found: dict[tuple[Any, ...], dict[Any, None]] = {}
        for box in boxes:
            found.setdefault((*box[:axis], *box[axis + 1 :]), {}).update(dict.fromkeys(box[axis]))
        boxes = [(*rest[:axis], tuple(names), *rest[axis:]) for rest, names in found.items()]
    return boxes


def _command(box: tuple[Any, ...], extra: Sequence[str]) -> str:
    options, defenses, tasks, attacks, seeds = box
    given = options[0] == "--model"
    words = ["attack", "--name", *defenses] if given else ["run", "--defense", ",".join(defenses)]
    names = ["--task", ",".join(tasks), "--attack", ",".join(attacks)]
    return shlex.join(["robench", *words, *names, *options, "--seed", ",".join(map(str, sorted(seeds))), *extra])


def renamed(result: Result, name: str) -> Result:
    """Return a copy of a result with another defense, one that has no results yet."""
    return replace(result, info=msgspec.structs.replace(result.info, victim=None, defense=PluginInfo(name=name)))


def _options(row: Result, column: Result) -> tuple[str, ...] | None:
    """Return the options besides names and seeds; None if no options make a result comparable with the row's."""
    preset = PRESETS.get(row.info.preset)
    victim = row.info.victim
    if victim is None:
        return _training_options(row, column)
    if not victim.command or preset is None:
        return None
    return *victim.command, *_given_options(row, column, preset, victim)


def _given_options(row: Result, column: Result, preset: Preset, victim: VictimInfo) -> list[str]:
    """Return the options of ``robench attack``: the preset, and everything that differs from it."""
    info = row.info
    options = ["--preset", info.preset, *_attack_limit(row, preset)]
    options += ["--precision", info.precision] if victim.kind != FunctionSource.kind else []
    for name, value in sorted(info.defense.changed.items()):
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else option_text(value)
        options += [f"--{name.replace('_', '-')}", text]
    return [*options, *_data(info), *_attack_settings(column, preset)]


def _training_options(row: Result, column: Result) -> tuple[str, ...] | None:
    """Return the options of ``robench run``: the preset, and everything that differs from it; None if none fits."""
    info = row.info
    found = _preset(info)
    if found is None:
        return None
    name, preset, training = found
    options = ["--preset", name]
    if info.encoder.name != preset.encoder:
        options += ["--encoder", info.encoder.name]
    if info.train_rows != preset.train_limit:
        options += ["--train-limit", str(info.train_rows)]
    options += [*_attack_limit(row, preset), "--precision", info.precision, *_data(info)]
    for field, value in sorted(training.items()):
        options += ["--set", f"training.{field}={option_text(value)}"]
    options += _settings(info.defense)
    return *options, *_attack_settings(column, preset)


def _attack_limit(row: Result, preset: Preset) -> list[str]:
    tested = row.info.clean.n
    usual = min(preset.attack_limit or tested, tested)
    return ["--attack-limit", str(row.attacked_n)] if row.attacked_n != usual else []


def _data(info: CellInfo) -> list[str]:
    origin, _, folder = info.data.source.partition(":")
    return ["--data", str(PurePath(folder).parent)] if origin == "local" else []


def _attack_settings(column: Result, preset: Preset) -> list[str]:
    attack = column.attack
    options = []
    form = attack.fields.get("resources", preset.resources)
    if form != preset.resources and attack.title != attack.name and "resources" not in attack.changed:
        options += ["--set", f"{attack.name}.resources={form}"]
    return options + _settings(attack)


def _settings(plugin: PluginInfo) -> list[str]:
    """Return the options that set the changed fields of a defense or attack."""
    fields = sorted(plugin.changed.items())
    return [word for name, v in fields for word in ("--set", f"{plugin.name}.{name}={option_text(v)}")]


def _preset(info: CellInfo) -> tuple[str, Preset, dict[str, Any]] | None:
    """Find a preset with the training settings of a result, else its own preset and the settings to change in it."""
    for name in sorted(PRESETS, key=lambda name: name != info.preset):
        if asdict(PRESETS[name].training) == info.training:
            return name, PRESETS[name], {}
    preset = PRESETS.get(info.preset)
    if preset is None or asdict(preset.training).keys() != info.training.keys():  # of another version
        return None
    usual = asdict(preset.training)
    return info.preset, preset, {name: v for name, v in info.training.items() if v != usual[name]}


def missing_commands(gaps: Iterable[tuple[str, Result]], options: Sequence[str]) -> str:
    """Return the commands that make some cells, as part of an error message.

    Args:
        gaps: for each cell, the name of its defense, and a result of the same setting, attack and seed.
        options: options to add to each command.
    """
    found, _ = commands([Gap(renamed(result, name), result, result.seed) for name, result in gaps], options)
    return " and ".join(f"`{command}`" for command in found) or "`robench run` with the settings of the others"


def run_command(selection: Selection) -> str:
    """Return the ``robench run`` that makes all results of a selection."""
    names = ["--defense", ",".join(selection.defenses or ["all"]), "--task", selection.task]
    names += ["--attack", ",".join(selection.attacks)] if selection.attacks else []
    names += ["--encoder", selection.encoders[0]] if selection.encoders else []
    names += ["--preset", selection.presets[0]] if selection.presets else []
    names += ["--seed", ",".join(map(str, selection.seeds))] if selection.seeds else []
    return f"`{shlex.join(['robench', 'run', *names, *selection.options])}`"


def read_selection(selection: Selection, store: Store) -> list[Result]:
    """Read the results of a selection.

    Raises:
        NoResultsError: there are none; the message contains the command that makes them.
        RobenchError: a cell's files are missing or broken.
    """
    try:
        return selection.read(store)
    except NoResultsError as error:
        raise NoResultsError(f"{error}; {run_command(selection)} makes it.") from error
