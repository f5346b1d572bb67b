"""Repair of a runs folder: what does not fit is moved to ``.aside/``, and the commands that make it again are named.

How it works: nothing is deleted. A stage is moved under its lock, unless another process holds it, or made the stage
anew since it was inspected. The records of a cell or an adversarial training set come back as an unfinished stage, of
which a run keeps the good lines; those that contradict their model do not. The command of a cell follows from its own
``stage.json``, that of any other stage from a cell that was made with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.plugins.settings import CERTIFICATE
from robench.results import locks, papers
from robench.results.cells import read_results
from robench.results.info import CellInfo, CertificatesInfo, StageInfo, StatisticsInfo, TransferInfo
from robench.results.inspection import Fault
from robench.results.integrity import find_key
from robench.results.misfits import set_aside, set_aside_but_records
from robench.results.store import STAGE_FILE, Store, StoredStage
from robench.study.commands import Gap, make_commands, repeat
from robench.study.option_class import option_words
from robench.study.options import StoreOptions
from robench.training.certificate import CertificateSettings

AGAIN = option_words(StoreOptions, existing="always")


@dataclass(frozen=True)
class BrokenStage:
    """A folder to set aside.

    Attributes:
        folder: the folder.
        keeps_records: whether a run should judge its records one by one, and keep the good ones.
        state: what identifies the ``stage.json`` that was inspected.
        info: the content of ``stage.json``; None if it cannot be read.
    """

    folder: Path
    keeps_records: bool
    state: tuple[int, ...]
    info: StageInfo | None


def find_broken(store: Store, faults: Sequence[Fault], *, keeps_records: bool) -> list[BrokenStage]:
    """Return the folders to set aside for some faults, each once.

    Args:
        store: the runs folder.
        faults: what does not fit.
        keeps_records: whether their records can be good although the stages are not.
    """
    folders = dict.fromkeys(folder for fault in faults for folder in fault.folders)
    return [BrokenStage(folder, keeps_records, _identify(folder), _read(store, folder)) for folder in folders]


def repair(store: Store, broken: Sequence[BrokenStage]) -> Iterator[str]:
    """Set stages aside, and yield a sentence for each of them."""
    for stage in broken:
        folder = stage.folder
        try:
            with locks.hold_lock(folder.parent, find_key(folder.name)) as held:
                if not held:
                    yield f"{folder} stays: another process is making it now."
                elif _identify(folder) != stage.state:
                    yield f"{folder} stays: it was made anew in the meantime."
                else:
                    place, back = (
                        set_aside_but_records(folder, folder) if stage.keeps_records else (set_aside(folder), False)
                    )
                    yield f"{folder} is moved to {place}{'; a run keeps its good records' if back else ''}."
        except (RobenchError, OSError) as error:
            yield f"{folder} stays: {str(error).rstrip('.')}."


def find_commands(
    broken: Sequence[BrokenStage], sound: Mapping[str, StoredStage[Any]], options: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the commands that make stages again, and the names of the folders whose command is not known.

    Args:
        broken: the stages.
        sound: the stages of the runs folder that fit, by key.
        options: options to add to each command, such as those that name the runs folder.
    """
    cells = {stage.key: stage for stage in sound.values() if isinstance(stage.info, CellInfo)}
    cells |= {one.info.key: StoredStage(one.folder, one.info) for one in broken if isinstance(one.info, CellInfo)}
    graph = {**sound, **cells}
    gaps: dict[tuple[str, ...], list[Gap]] = {}
    unknown = []
    for one in broken:
        gap: Gap | None = None
        extra: tuple[str, ...] = ()
        if (cell := _find_cell(one, cells, graph)) is not None:
            extra = _choose_options(one, cell, sound)
            with contextlib.suppress(RobenchError):
                (result,) = read_results([cell])
                (gap,) = repeat([result])
        if gap is None or not make_commands([gap])[0]:
            unknown.append(one.folder.name)
        else:
            gaps.setdefault(extra, []).append(gap)
    made = (command for extra, some in gaps.items() for command in make_commands(some, [*extra, *options])[0])
    return tuple(dict.fromkeys(made)), unknown


def _find_cell(
    one: BrokenStage, cells: Mapping[str, StoredStage[CellInfo]], graph: Mapping[str, StoredStage[Any]]
) -> StoredStage[CellInfo] | None:
    """Return the cell of which a command makes a stage: itself, or one that was made with it and little else."""
    key = find_key(one.folder.name)
    if key in cells:
        return cells[key]
    if isinstance(one.info, StatisticsInfo | TransferInfo):
        source = one.info.pairs if isinstance(one.info, StatisticsInfo) else one.info.texts
        fitting = (cell for cell in cells.values() if _is_measured(cell.info, one.info))
        return next(fitting, cells.get(source))
    if isinstance(one.info, CertificatesInfo):
        return next((cell for cell in cells.values() if cell.info.model == one.info.model), None)
    ancestors = {cell.key: _find_ancestors(cell.info, graph) for cell in cells.values()}
    fitting = (cell for cell in cells.values() if key in ancestors[cell.key])
    return min(fitting, key=lambda cell: len(ancestors[cell.key]), default=None)


def _is_measured(cell: CellInfo, other: StatisticsInfo | TransferInfo) -> bool:
    return cell.model == other.model and cell.attack.title == other.attack.title


def _find_ancestors(info: StageInfo, graph: Mapping[str, StoredStage[Any]]) -> set[str]:
    """Return the keys of all stages that a stage was made from, as far as they are known."""
    found: set[str] = set()
    stack = [info]
    while stack:
        one = stack.pop()
        keys = {getattr(one, "model", ""), getattr(one, "adversarial", None) or "", *one.parents} - found - {""}
        found |= keys
        stack += [graph[key].info for key in keys if key in graph]
    return found


def _choose_options(
    one: BrokenStage, cell: StoredStage[CellInfo], sound: Mapping[str, StoredStage[Any]]
) -> tuple[str, ...]:
    """Return the options with which the command of a cell makes a stage again."""
    if isinstance(one.info, StatisticsInfo):
        tables = (table for table in papers.find_paper().tables.values() if table.kind == "high-order")
        return tuple(word for table in tables for word in ("--table", table.number))[:2]
    if isinstance(one.info, TransferInfo):
        return ("--table", one.info.kind)
    if isinstance(one.info, CertificatesInfo):
        changed = {
            field.name: getattr(one.info, field.name)
            for field in fields(CertificateSettings)
            if getattr(one.info, field.name) not in (0, field.default)  # an early version knew no queries
        }
        words = (word for name, value in changed.items() for word in ("--set", f"{CERTIFICATE}.{name}={value}"))
        return ("--table", one.info.kind, *words)
    # A run does not make again what only finished cells need.
    return tuple(AGAIN) if cell.folder != one.folder and cell.key in sound else ()


def _read(store: Store, folder: Path) -> StageInfo | None:
    try:
        stage = store.read(folder)
    except RobenchError:
        return None
    return stage.info if stage else None


def _identify(folder: Path) -> tuple[int, ...]:
    """Return what changes if a process writes ``stage.json`` anew; empty if it is not there."""
    try:
        about = (folder / STAGE_FILE).stat()
    except OSError:
        return ()
    return about.st_dev, about.st_ino, about.st_mtime_ns
