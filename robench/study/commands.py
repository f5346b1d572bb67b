"""The commands that robench prints: those that fill the gaps of a table, and those that show or make something.

How it works: each missing cell becomes a box: its options, and one defense, one task, one attack and one seed. Boxes
that agree in all but one of these are merged, so that a box has several names (:func:`_merge_boxes`). One
command makes exactly the combinations of a box's names, so each box becomes one command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import msgspec

from robench.errors import RobenchError
from robench.escaping import quote_words
from robench.paths import absolute_path
from robench.plugins import registry
from robench.plugins.lookup import find_plugin_files
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, read_results
from robench.results.info import CellInfo
from robench.results.info_parts import PluginInfo, VictimInfo
from robench.results.paper_contents import Paper
from robench.results.selection import NoResultsError, Selection, leave_out_crossed
from robench.results.store import Store, StoredStage
from robench.results.transfer import leave_out_sources
from robench.study.option_class import option_words, run_options
from robench.study.options import THREADS, AttackOptions, CommonOptions, RunOptions, StoreOptions
from robench.study.presets import PRESETS, TRAINING, Preset
from robench.training.settings import TrainingSettings

TRUST = run_options(AttackOptions)["trust_remote_code"].flag


class Gap(NamedTuple):
    """A missing cell.

    Attributes:
        row: a result of the same block and defense.
        column: a result of the same attack.
        seed: the seed of the cell.
        named: whether names identify its defense and attack; False if only a key distinguishes them from others.
        crossed: whether the attack that the model was trained against is named beside the one that it meets.
    """

    row: Result
    column: Result
    seed: int
    named: bool = True
    crossed: bool = False


def repeat(results: Sequence[Result]) -> list[Gap]:
    """Return the gaps that some results would leave, so that their commands make these results again.

    A model that met attacks that it was not trained against is trained against the same one again, for all of them.
    """
    crossed = {r.info.model for r in results if r.info.is_crossed}
    return [Gap(r, r, r.seed, crossed=r.info.model in crossed) for r in results]


def make_commands(gaps: Iterable[Gap], extra: Sequence[str] = ()) -> tuple[tuple[str, ...], int]:
    """Return the commands that make exactly some missing cells, and the number of cells that no command can make.

    No command can make a cell if its row was made by another version of robench or of a plug-in, with settings that no
    preset has, or of a model that a program passed as an object.

    Args:
        gaps: the missing cells, in the order in which names should appear.
        extra: options to add to each command.
    """
    boxes: list[tuple[Any, ...]] = []
    hopeless = 0
    find_length = cache(_find_length)
    for row, column, seed, named, crossed in gaps:
        options = _options(row, column, find_length, crossed=crossed) if named else None
        if options is None:
            hopeless += 1
            continue
        task = "" if row.info.data_options else row.info.task  # rows of the user's own are named by options
        names = row.defense.name, task, column.attack.name, seed
        boxes.append((options, *((name,) for name in names)))
    return tuple(_command(box, extra) for box in _merge_boxes(boxes)), hopeless


def _merge_boxes(boxes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Merge boxes that differ in one kind of name only: first in seeds, then in attacks, defenses and tasks."""
    for axis in (4, 3, 1, 2):
        merged: dict[tuple[Any, ...], dict[Any, None]] = {}
        for box in boxes:
            merged.setdefault((*box[:axis], *box[axis + 1 :]), {}).update(dict.fromkeys(box[axis]))
        boxes = [(*rest[:axis], tuple(names), *rest[axis:]) for rest, names in merged.items()]
    return boxes


def _command(box: tuple[Any, ...], extra: Sequence[str]) -> str:
    options, defenses, tasks, attacks, seeds = box
    kind: type[CommonOptions] = RunOptions
    words = ["run", *option_words(RunOptions, defense=defenses)]
    if options[0] == run_options(AttackOptions)["model"].flag:
        kind, words = AttackOptions, ["attack", *option_words(AttackOptions, name=defenses)]
    named = option_words(kind, task=[task for task in tasks if task], attack=attacks)
    words += [*named, *options, *option_words(kind, seed=sorted(seeds))]
    return format_command(*words, *_plugin_words(extra, defenses=defenses, attacks=attacks, tasks=tasks), *extra)


def _plugin_words(extra: Sequence[str], **names: Iterable[str]) -> list[str]:
    """Return the options that name the plug-in files of some names, by kind, unless ``extra`` names them already."""
    there = {absolute_path(Path(word)).resolve() for word in extra}
    files = find_plugin_files((kind, one) for kind in registry.KINDS for one in names.get(kind, ()))
    return [word for file in files if file not in there for word in option_words(StoreOptions, plugin=file)]


def rename_defense(result: Result, name: str) -> Result:
    """Return a copy of a result with another defense, one that has no results yet."""
    return replace(result, info=msgspec.structs.replace(result.info, victim=None, defense=PluginInfo(name=name)))


def _options(
    row: Result, column: Result, find_length: Callable[[str], int | None], *, crossed: bool
) -> tuple[str, ...] | None:
    """Return the options besides names and seeds; None if no options make a result comparable with the row's."""
    preset = PRESETS.get(row.info.preset)
    victim = row.info.victim
    if victim is None:
        length = None if row.info.data_options else find_length(row.info.task)
        return _training_options(row, column, length, row.info.training_attack if crossed else None)
    if not victim.command or preset is None:
        return None
    return *victim.command, *row.info.data_options, *_victim_options(row, column, preset, victim)


def _victim_options(row: Result, column: Result, preset: Preset, victim: VictimInfo) -> list[str]:
    """Return the options of ``robench attack``: the preset, and everything that differs from it."""
    info = row.info
    return option_words(
        AttackOptions,
        preset=info.preset,
        attack_limit=_attack_limit(row, preset),
        **_row_options(row),
        precision=info.precision if victim.max_length is not None else None,  # robench runs the network itself
        **dict(sorted(info.defense.changed.items())),
        data=_data(info),
        settings=_attack_settings(column.attack, preset),
        trust_remote_code=bool(column.info.foreign_code) and TRUST not in (victim.command or ()),
    )


def _training_options(
    row: Result, column: Result, max_length: int | None, against: PluginInfo | None
) -> tuple[str, ...] | None:
    """Return the options of ``robench run``: the preset, and everything that differs from it; None if none fits."""
    info = row.info
    found = _preset(info, max_length)
    if found is None:
        return None
    name, preset, training = found
    settings = {TRAINING: training, info.defense.name: info.defense.changed}
    for attack in filter(None, (against, column.attack)):
        settings |= _attack_settings(attack, preset)
    words = option_words(
        RunOptions,
        against=against.name if against else None,
        preset=name,
        encoder=info.encoder.name if info.encoder.name != preset.encoder else None,
        train_limit=info.train_rows if info.train_rows != preset.train_limit else None,
        attack_limit=_attack_limit(row, preset),
        **_row_options(row),
        precision=info.precision,
        threads=_threads(info),
        data=_data(info),
        settings=settings,
        trust_remote_code=bool(info.foreign_code or column.info.foreign_code),
    )
    return *info.data_options, *words


def _row_options(row: Result) -> dict[str, Any]:
    """Return the options about the rows that are attacked and measured, which no preset chooses."""
    limit = row.info.clean_limit
    return {"clean_limit": limit, "split": None if row.info.split == "test" else row.info.split}


def _attack_limit(row: Result, preset: Preset) -> int | None:
    tested = row.info.clean.n
    usual = min(preset.attack_limit or tested, tested)
    return row.attacked_n if row.attacked_n != usual else None


def _threads(info: CellInfo) -> int | None:
    """Return the number of threads of the training, if it is not the usual one; of early models it is not known."""
    threads = info.model_environment.threads if info.model_environment else None
    return threads if threads != THREADS else None


def _data(info: CellInfo) -> PurePath | None:
    origin, _, folder = info.data.source.partition(":")
    return PurePath(folder).parent if origin == "local" and not info.data_options else None


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


def _find_length(name: str) -> int | None:
    """Return the number of tokens that a task asks for; None if it asks for none, or is not registered any more."""
    with contextlib.suppress(RobenchError):
        length: int | None = registry.entry("tasks", name).load().max_length
        return length
    return None


def describe_commands(gaps: Iterable[tuple[str, Result]], options: Sequence[str]) -> str:
    """Return the commands that make some cells, as part of an error message.

    Args:
        gaps: for each cell, the name of its defense, and a result of the same setting, attack and seed.
        options: options to add to each command.
    """
    found, _ = make_commands([Gap(rename_defense(result, name), result, result.seed) for name, result in gaps], options)
    return " and ".join(f"`{command}`" for command in found) or "`robench run` with the settings of the others"


def make_run_command(selection: Selection, extra: Sequence[str] = ()) -> str:
    """Return the ``robench run`` that makes all results of a selection."""
    plugins = _plugin_words(extra, defenses=selection.defenses, attacks=selection.attacks, tasks=selection.tasks)
    words = option_words(
        RunOptions,
        defense=selection.defenses or ["all"],
        task=selection.tasks,
        attack=selection.attacks,
        encoder=selection.encoders[:1],
        preset=selection.presets[:1],
        seed=selection.seeds,
    )
    return format_command("run", *words, *plugins, *extra)


def read_selection(selection: Selection, store: Store, extra: Sequence[str] = ()) -> list[Result]:
    """Read the results of a selection.

    Args:
        selection: the selection.
        store: the runs folder.
        extra: options to add to the command of the error message.

    Raises:
        NoResultsError: there are none; the message contains the command that makes them.
        RobenchError: a cell's files are missing or broken.
    """
    everything = store.stages(CellInfo)
    selected = selection.keep(leave_out_sources(leave_out_crossed(everything), selection.seeds))
    cells = leave_out_adaptive(selected, everything) or selected
    if not cells:
        command = f"`{make_run_command(name_defenses(selection, everything), extra)}`"
        raise NoResultsError(f"{store.root} has no {selection.describe()} yet; {command} makes it.")
    return read_results(cells)


def name_defenses(selection: Selection, cells: Sequence[StoredStage[CellInfo]]) -> Selection:
    """Return a selection with the defenses that a runs folder has on its tasks, and with their preset if it is one.

    A command without them would train every defense that there is.

    Args:
        selection: the selection.
        cells: all cells of the runs folder; if there are none, nothing is added.
    """
    cells = Selection(tasks=selection.tasks).keep(cells) or list(cells)
    trained = [cell.info for cell in cells if cell.info.victim is None]
    presets = sorted({info.preset for info in trained})
    return replace(
        selection,
        defenses=selection.defenses or list(dict.fromkeys(info.defense.name for info in trained)),
        presets=selection.presets or (presets if len(presets) == 1 else ()),
    )


def format_command(*words: str) -> str:
    """Return a command of robench, quoted for a shell."""
    return quote_words(["robench", *words])


def format_paper_command(paper: Paper, *words: str) -> str:
    """Return a command about a paper, such as ``robench table 5``; it names the paper if it is not the default."""
    return format_command(*words, *paper.options)
