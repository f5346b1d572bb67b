"""The rows of a request: those of registered tasks, and those that the user brings without a task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from robench.data.load import TaskData, load_task
from robench.data.user_rows import HUB, UserData
from robench.errors import RobenchError
from robench.paths import absolute_path
from robench.plugins import registry
from robench.plugins.entry import Entry
from robench.study.option_class import option_words, run_options
from robench.study.options import AttackOptions, CommonOptions, RunOptions
from robench.study.presets import Preset

TaskChoice: TypeAlias = Entry | UserData
"""A registered task, or rows of the user's own."""


def choose_tasks(options: CommonOptions, test: str | Path | None = None) -> list[TaskChoice]:
    """Return the tasks that options name, each once; ``all`` stands for every registered one.

    Args:
        options: the options.
        test: test rows of the user's own, in place of a task; None if there are none.

    Raises:
        RobenchError: a name is unknown, there are none, or options contradict each other.
    """
    if test is not None and options.tasks:
        raise RobenchError("--test brings rows of your own, and --task names those of a task: give one of them.")
    chosen: dict[str, TaskChoice] = {}
    if test is not None:
        chosen[str(test)] = _bring_rows(options, str(test), test_only=True)
    for name in options.tasks:
        if _is_place(name):
            chosen[name] = _bring_rows(options, name, test_only=False)
        else:
            chosen |= {one: registry.entry("tasks", one) for one in (_all_names() if name == "all" else [name])}
    if not chosen:
        hint = ""
        if isinstance(options, AttackOptions):
            hint = "; --test FILE.csv attacks your model on rows of your own"
        raise RobenchError(f"no task was named; there are {', '.join(_all_names())}, or all{hint}.")
    if options.data is not None and all(isinstance(one, UserData) for one in chosen.values()):
        raise RobenchError("--data is for registered tasks, and these rows are your own: leave it out.")
    has_user_data = any(isinstance(one, UserData) for one in chosen.values())
    for name, value in (("text", options.text), ("label", options.label), ("labels", options.labels)):
        if value and not has_user_data:
            flag = run_options(CommonOptions)[name].flag
            raise RobenchError(f"{flag} is about rows of your own: --test FILE (robench attack), or --task ./FOLDER.")
    return list(chosen.values())


def load_rows(
    choice: TaskChoice, options: CommonOptions, chosen: Preset, *, needs_train: bool
) -> tuple[TaskData, Sequence[str]]:
    """Load the rows of a task, and return them with remarks on what was guessed.

    Args:
        choice: the task.
        options: the options of the request.
        chosen: its preset, which orders the sources.
        needs_train: whether rows of the user's own need training rows among them.

    Raises:
        RobenchError: they are not available, or malformed, or there is no row of the split to attack.
    """
    remarks: Sequence[str] = ()
    if isinstance(choice, UserData):
        found = choice.load(offline=options.offline, needs_train=needs_train)
        data, remarks = replace(found.data, options=_list_words(choice)), found.remarks
    else:
        data = load_task(
            choice.name,
            choice.load(),
            data_dir=options.data_dir,
            offline=options.offline,
            order=chosen.sources,
        )
    if not data.rows(options.split):
        raise RobenchError(f"{data.source} has no {options.split} rows to attack; leave --split {options.split} out.")
    return data, remarks


def _is_place(name: str) -> bool:
    """Return whether a name is a place of rows: a path, or a data set on the Hub; a registered name never is."""
    if registry.is_registered("tasks", name) or name == "all":
        return False
    has_path = name.startswith((HUB, ".", "~")) or "/" in name or os.sep in name
    return has_path or absolute_path(Path(name)).is_dir()


def _bring_rows(options: CommonOptions, place: str, *, test_only: bool) -> UserData:
    return UserData(
        place=place, test_only=test_only, text=options.text, label=options.label, labels=options.label_names
    )


def _list_words(data: UserData) -> tuple[str, ...]:
    """Return the options of a command that name rows, wherever it is given."""
    place = data.place if data.place.startswith(HUB) else str(absolute_path(Path(data.place)))
    named = {"text": data.text, "label": data.label, "labels": data.labels}
    words = option_words(AttackOptions, test=place) if data.test_only else option_words(RunOptions, task=(place,))
    return *words, *option_words(CommonOptions, **named)


def _all_names() -> list[str]:
    return registry.names("tasks")
