"""The commands that robench prints: those that fill the gaps of a table, and those that show or make something.

How it works: each missing cell becomes a box: its options, and one defense, one task, one attack and one seed. Boxes
that agree in all but one of these are merged, so that a box has several names (:func:`_merge_boxes`). One
command makes exactly the combinations of a box's names, so each box becomes one command. What is set of an attack
changes nothing for others, so boxes of different attacks are merged whatever is set of each (:func:`_merge_settings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from robench.escaping import quote_words
from robench.paths import absolute_path
from robench.plugins import registry
from robench.plugins.lookup import find_plugin_files
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, read_results
from robench.results.folder_kind import holds_entries
from robench.results.info import CellInfo
from robench.results.info_parts import PluginInfo
from robench.results.paper_contents import Paper
from robench.results.selection import NoResultsError, Selection, leave_out_crossed
from robench.results.store import Store, StoredStage
from robench.results.transfer import leave_out_sources
from robench.study.command_options import find_length, find_options, train_as_preset
from robench.study.option_class import option_words, run_options
from robench.study.options import AttackOptions, CommonOptions, RunOptions, StoreOptions


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


class _Box(NamedTuple):
    """Cells that one command makes: the combinations of its names.

    Attributes:
        kind: the class that declares the options of the command.
        options: the options besides names and seeds, and those below.
        settings: the options that set what is changed of the attacks.
        trusts: whether code of others has to be allowed.
        defenses: names of defenses, or of the user's models.
        tasks: names of tasks; empty texts for rows of the user's own, which options name.
        attacks: names of attacks.
        seeds: the seeds.
    """

    kind: type[CommonOptions]
    options: tuple[str, ...]
    settings: tuple[str, ...]
    trusts: bool
    defenses: tuple[str, ...]
    tasks: tuple[str, ...]
    attacks: tuple[str, ...]
    seeds: tuple[int, ...]


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
    boxes: list[_Box] = []
    hopeless, task_length = 0, cache(find_length)
    for row, column, seed, named, crossed in gaps:
        options = find_options(row, column, task_length, crossed=crossed) if named else None
        if options is None:
            hopeless += 1
            continue
        task = "" if row.info.data_options else row.info.task  # rows of the user's own are named by options
        boxes.append(_Box(*options, (row.defense.name,), (task,), (column.attack.name,), (seed,)))
    return tuple(_command(box, extra) for box in _merge_boxes(boxes)), hopeless


def put_usual_first(commands: Iterable[str]) -> list[str]:
    """Return commands in their order, but those with the usual settings of defenses before those that change some."""
    return sorted(commands, key=lambda command: " --set " in command)


def _merge_boxes(boxes: list[_Box]) -> list[_Box]:
    """Merge boxes that differ in one kind of name only: first in seeds, then in attacks, defenses and tasks."""
    boxes = _merge_settings(_merge_names(boxes, ("seeds", "attacks")))
    return _merge_names(boxes, ("defenses", "tasks"))


def _merge_names(boxes: list[_Box], fields: Iterable[str]) -> list[_Box]:
    for field in fields:
        merged: dict[_Box, dict[Any, None]] = {}
        for box in boxes:
            merged.setdefault(_change(box, field, ()), {}).update(dict.fromkeys(getattr(box, field)))
        boxes = [_change(rest, field, tuple(names)) for rest, names in merged.items()]
    return boxes


def _merge_settings(boxes: list[_Box]) -> list[_Box]:
    """Merge boxes that differ in their attacks and in what is set of these, unless an attack has several settings."""
    merged: list[_Box] = []
    alike: dict[_Box, list[_Box]] = {}
    for box in boxes:
        alike.setdefault(box._replace(attacks=(), settings=(), trusts=False), []).append(box)
    for rest, found in alike.items():
        attacks = [attack for box in found for attack in box.attacks]
        if len(set(attacks)) < len(attacks):
            merged += found
            continue
        settings = tuple(word for box in found for word in box.settings)
        merged.append(rest._replace(attacks=tuple(attacks), settings=settings, trusts=any(b.trusts for b in found)))
    return merged


def _change(box: _Box, field: str, names: tuple[Any, ...]) -> _Box:
    changes: dict[str, Any] = {field: names}
    return box._replace(**changes)


def _command(box: _Box, extra: Sequence[str]) -> str:
    words = ["run", *option_words(RunOptions, defense=box.defenses)]
    if box.kind is AttackOptions:
        words = ["attack", *option_words(AttackOptions, name=box.defenses)]
    words += option_words(box.kind, task=[task for task in box.tasks if task], attack=box.attacks)
    words += [*box.options, *box.settings, *option_words(box.kind, trust_remote_code=box.trusts)]
    words += option_words(box.kind, seed=sorted(box.seeds))
    plugins = _plugin_words(extra, defenses=box.defenses, attacks=box.attacks, tasks=box.tasks)
    return format_command(*words, *plugins, *extra)


def _plugin_words(extra: Sequence[str], **names: Iterable[str]) -> list[str]:
    """Return the options that name the plug-in files of some names, by kind, unless ``extra`` names them already."""
    there = {absolute_path(Path(word)).resolve() for word in extra}
    files = find_plugin_files((kind, one) for kind in registry.KINDS for one in names.get(kind, ()))
    return [word for file in files if file not in there for word in option_words(StoreOptions, plugin=file)]


def rename_defense(result: Result, name: str) -> Result:
    """Return a copy of a result with another defense, one that has no results yet."""
    return replace(result, info=msgspec.structs.replace(result.info, victim=None, defense=PluginInfo(name=name)))


def train_beside(result: Result, name: str) -> Gap:
    """Return the gap that a defense leaves beside a result: on the same rows, under the same attack, with its seed.

    Beside a model of the user's, of whose training nothing is known, it is trained as the preset of the result says.
    """
    like = replace(result, info=train_as_preset(result.info)) if result.info.victim else result
    return Gap(rename_defense(like, name), result, result.seed)


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
    chosen = replace(selection, defenses=selection.defenses or ["all"])
    return format_command("run", *_selection_words(chosen, extra), *extra)


def make_table_run_command(paper: Paper, table: str, selection: Selection, extra: Sequence[str] = ()) -> str:
    """Return the ``robench run`` that makes what a table of a paper needs, as far as a selection takes it."""
    return format_paper_command(paper, "run", "--table", table, *_selection_words(selection, extra), *extra)


def make_table_command(table: str, selection: Selection, extra: Sequence[str] = ()) -> str:
    """Return the command that shows a table of a selection."""
    chosen = ((f"--{facet}", ",".join(map(str, values))) for facet, values in selection.values.items())
    plain = ["--plain"] if selection.plain else []
    return format_command("table", table, *chain.from_iterable(chosen), *plain, *extra)


def _selection_words(selection: Selection, extra: Sequence[str]) -> list[str]:
    """Return the options of ``robench run`` that name what a selection takes, and the plug-in files of the names."""
    words = option_words(
        RunOptions,
        defense=selection.defenses,
        task=selection.tasks,
        attack=selection.attacks,
        encoder=selection.encoders[:1],
        preset=selection.presets[:1],
        seed=selection.seeds,
    )
    return words + _plugin_words(extra, defenses=selection.defenses, attacks=selection.attacks, tasks=selection.tasks)


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
    selected = selection.keep(leave_out_sources(leave_out_crossed(everything), store, selection.seeds))
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
    makes_results = words[:1] in (("run",), ("attack",))
    return quote_words(["robench", *(_leave_out_entries(words) if makes_results else words)])


def _leave_out_entries(options: Sequence[str]) -> list[str]:
    """Leave out the folder of results if it holds entries: new results go to a runs folder."""
    flag = run_options(StoreOptions)["runs"].flag
    kept = list(options)
    if flag in kept[:-1] and holds_entries(Path(kept[place := kept.index(flag) + 1])):
        del kept[place - 1 : place + 1]
    return kept


def format_paper_command(paper: Paper, *words: str) -> str:
    """Return a command about a paper, such as ``robench table 5``; it names the paper if it is not the default."""
    return format_command(*words, *paper.options)
