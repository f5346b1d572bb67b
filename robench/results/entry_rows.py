"""Whether the rows of an entry are those of the task's data, if this machine has them.

A task is looked up by the name that the entry gives, but only among robench's own and those of plug-in files that the
user loaded: what a stranger wrote decides about no import.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robench.data.load import Example, TaskData, load_task
from robench.data.task import Task
from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.entry import Entry as RegisteredTask
from robench.results.entries import digest_text
from robench.results.entry_form import Entry
from robench.results.entry_parts import Records
from robench.results.entry_row_checks import show_first

PUBLIC_SOURCES = ("index", "hub")
"""Sources of data that everybody can read, the quicker one first."""


class RowSource:
    """The rows of tasks, each read once.

    Args:
        data_dir: a folder with one folder per task, as ``--data`` takes it; None for ``ROBENCH_DATA``, if it is set.
        offline: read only what is on this machine.
    """

    def __init__(self, data_dir: Path | None = None, *, offline: bool = True) -> None:
        self._data_dir, self._offline = data_dir, offline
        self._read: dict[tuple[str, str], TaskData | None] = {}

    def find(self, task: str, digest: str, sources: Sequence[str] = ("local", *PUBLIC_SOURCES)) -> TaskData | None:
        """Return the data of a task that have a digest; None if no source has them."""
        for source in sources:
            data = self._load(task, source)
            if data is not None and data.digest == digest:
                return data
        return None

    def find_public_copy(self, task: str, digest: str) -> str:
        """Return how to get the public rows of a digest, as the task says it; empty if it knows of none."""
        declared = _load_task(task)
        return declared.public_copies.get(digest, "") if declared is not None else ""

    def explain(self, task: str) -> str:
        """Return why no source has the data that were asked for."""
        if _find_task(task) is None:
            return f"the task {task} is none of robench's own; --plugin FILE loads the one that declares it"
        others = [data for (name, _), data in self._read.items() if name == task and data is not None]
        if others:
            return (
                f"the data of {task} on this machine ({others[0].source}) are others; --data DIR names a folder with"
                " those of the entry"
            )
        return f"the data of {task} are not on this machine; --fetch fetches them, --data DIR names a folder of them"

    def _load(self, task: str, source: str) -> TaskData | None:
        if (task, source) not in self._read:
            self._read[task, source] = self._try_to_load(task, source)
        return self._read[task, source]

    def _try_to_load(self, task: str, source: str) -> TaskData | None:
        declared = _find_task(task)
        if declared is None:
            return None
        try:
            return load_task(task, declared.load(), data_dir=self._data_dir, offline=self._offline, order=(source,))
        except RobenchError:
            return None


def _find_task(name: str) -> RegisteredTask | None:
    """Return the task of a name, if it is robench's own or of a plug-in file that was loaded."""
    found = (entry for entry in registry.entries("tasks") if entry.name == name and not entry.argument)
    return next((entry for entry in found if entry.is_built_in or not isinstance(entry.target, str)), None)


def check_task(entry: Entry) -> list[str]:
    """Return how an entry contradicts what is known of its task without its rows, as sentences without an end."""
    found = _load_task(entry.task)
    if found is not None and entry.labels != found.labels:
        return [f"labels are others than those of the task {entry.task}: {', '.join(found.labels)}"]
    digest = entry.data.digest
    if found is None or digest in found.public_copies:
        return []
    others = [task.name for task in registry.entries("tasks") if task.name != entry.task]
    owner = next((name for name in others if (task := _load_task(name)) and digest in task.public_copies), "")
    return [f"data.digest is that of the rows of {owner}, not of {entry.task}"] if owner else []


def _load_task(name: str) -> Task | None:
    declared = _find_task(name)
    loaded = declared.load() if declared is not None else None
    return loaded if isinstance(loaded, Task) else None


def compare_rows(entry: Entry, data: TaskData) -> list[str]:
    """Return how the rows of an entry differ from the task's data, as sentences without an end."""
    if entry.labels != data.labels:
        return [f"labels are others than those of the task: {', '.join(data.labels)}"]
    faults = []
    if entry.clean.n != len(data.test):
        faults.append(f"clean counts {entry.clean.n:,} texts, the test split has {len(data.test):,}")
    if entry.predictions:
        pairs = zip(entry.predictions.id, entry.predictions.label, strict=True)
        wrong = [
            f"row {i} has the label {label}, which is not the data's"
            for i, label in pairs
            if not _has_label(data.test, i, label)
        ]
        faults += [f"predictions: {fault}" for fault in show_first(wrong)]
    for i, attack in enumerate(entry.attacks):
        if attack.records:
            wrong = _compare_texts(attack.records, data.test)
            faults += [f"attacks.{i} ({attack.label}): records: {fault}" for fault in show_first(wrong)]
    return faults


def _has_label(test: Sequence[Example], index: int, label: int) -> bool:
    return index < len(test) and test[index].label == label


def _compare_texts(records: Records, test: Sequence[Example]) -> list[str]:
    faults = []
    for i, label, original in zip(records.id, records.label, records.original, strict=True):
        if not _has_label(test, i, label):
            faults.append(f"row {i} is no row of the test split with the label {label}")
        elif digest_text(test[i].text) != original:
            faults.append(f"row {i} has another original text than the data")
    return faults
