"""An overview of a runs folder that may be in use: what is finished, unfinished, being made and left over.

How it works: only ``stage.json`` files and the names of others are read, the newlines of unfinished records are
counted, and complete records without a result are searched for errors. Nothing is written, and no lock is taken from
its holder, so that a run does not notice. Whether files are still what was stored is the question of
:mod:`robench.results.inspection`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from robench.errors import RobenchError
from robench.paths import open_regular
from robench.results import locks, records
from robench.results.info import StageKind, kind_of
from robench.results.info_parts import Outcome
from robench.results.inspection import KINDS
from robench.results.integrity import find_key
from robench.results.misfits import ASIDE
from robench.results.outcome import has_failed
from robench.results.redo import REDO
from robench.results.request_log import StoredRequest, read_requests
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store

CHUNK = 1 << 20
LARGEST = 1 << 30
"""Bytes of a records file above which its lines are not counted."""


@dataclass(frozen=True)
class UnfinishedStage:
    """A folder of a stage without ``stage.json``.

    Attributes:
        folder: the folder.
        rows: number of rows that are recorded; None if it has no records that can be counted.
        total: number of rows in all; None if that is not known.
        time: when a record was last added, in seconds since 1970; None if there is none.
        is_running: whether a process is making it now.
        has_failed: whether all its rows are recorded, and there is no result because all attacks ended in an error.
    """

    folder: Path
    rows: int | None
    total: int | None
    time: float | None
    is_running: bool
    has_failed: bool


@dataclass(frozen=True)
class RequestState:
    """A command that made stages, and how far it came.

    Attributes:
        request: the command.
        finished: number of its stages that are finished.
        failed: number of those that have failed, see :class:`UnfinishedStage`.
        missing: the stages that are not finished, as ``<kind>/<label>-<key>``.
    """

    request: StoredRequest
    finished: int
    failed: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Overview:
    """What a runs folder has and lacks.

    Attributes:
        finished: number of finished stages by kind.
        unreadable: a sentence for each ``stage.json`` that cannot be used.
        errors: number of rows that ended in an error, and of all rows, by the folder of an attack.
        unfinished: the folders without ``stage.json``, those of results that are made again included.
        running: the stages that processes are making now, as ``<kind>/<folder or key>``.
        leftovers: files and folders of killed processes, which the next run deletes.
        aside: number of things that were set aside.
        requests: the commands, the oldest first.
    """

    finished: Mapping[StageKind, int]
    unreadable: tuple[str, ...]
    errors: Mapping[Path, tuple[int, int]]
    unfinished: tuple[UnfinishedStage, ...]
    running: tuple[str, ...]
    leftovers: tuple[Path, ...]
    aside: int
    requests: tuple[RequestState, ...]


def survey_runs(root: Path) -> Overview:
    """Look at a runs folder, which may be in use."""
    store, unreadable = Store(root), []
    finished: dict[StageKind, int] = {}
    errors: dict[Path, tuple[int, int]] = {}
    times: dict[str, float] = {}
    for info in KINDS:
        finished[kind_of(info)] = 0
        for folder in store.folders(kind_of(info)):
            try:
                stage = store.read(folder)
            except RobenchError as error:
                unreadable.append(str(error))
                continue
            if stage is None:
                continue
            finished[kind_of(info)] += 1
            times[stage.key] = max(times.get(stage.key, 0.0), _read_time(folder / STAGE_FILE) or 0.0)
            outcome: Outcome | None = getattr(stage.info, "attacked", None)
            if outcome is not None and outcome.errors > 0:
                errors[folder] = outcome.errors, outcome.n
    requests = read_requests(store.root)
    held = {kind: locks.find_held(store.root / kind) for kind in get_args(StageKind)}
    names = {find_key(name): name for request in requests for name in request.stages}
    unfinished = tuple(_find_unfinished(store, held, requests))
    failed = {find_key(one.folder.name) for one in unfinished if one.has_failed}
    return Overview(
        finished=finished,
        unreadable=tuple(unreadable),
        errors=errors,
        unfinished=unfinished,
        running=tuple(_name_stage(store, kind, key, names) for kind, keys in held.items() for key in keys),
        leftovers=tuple(path for kind in held for path in locks.find_leftovers(store.root / kind)),
        aside=sum(len(_list(kind)) for kind in _list(store.root / ASIDE)),
        requests=tuple(_find_state(request, times, failed) for request in requests),
    )


def count_rows(path: Path) -> int | None:
    """Count the whole lines of a records file; None if there is none, or it is no such file, or too large.

    It is read piece by piece, because its process may be appending to it.
    """
    count = size = 0
    try:
        with open_regular(path) as file:
            while chunk := file.read(CHUNK):
                count, size = count + chunk.count(b"\n"), size + len(chunk)
                if size > LARGEST:
                    return None
    except OSError:
        return None
    return count


def _find_unfinished(
    store: Store, held: Mapping[StageKind, list[str]], requests: list[StoredRequest]
) -> Iterator[UnfinishedStage]:
    totals = {find_key(name): total for request in requests for name, total in request.stages.items()}
    for kind, keys in held.items():
        again = (Store(place).folders(kind) for place in _list(store.root / REDO))
        for folder in [*store.folders(kind), *(folder for folders in again for folder in folders)]:
            if (folder / STAGE_FILE).exists():
                continue
            path, key = folder / RECORDS_FILE, find_key(folder.name)
            rows = count_rows(path)
            total = totals.get(key) if rows is not None else None
            time, is_running = _read_time(path) if rows is not None else None, key in keys
            is_failed = rows is not None and rows == total and not is_running and _holds_errors_alone(path)
            yield UnfinishedStage(folder, rows, total, time, is_running, is_failed)


def _holds_errors_alone(path: Path) -> bool:
    try:
        return has_failed(records.read(path))
    except RobenchError:
        return False


def _name_stage(store: Store, kind: StageKind, key: str, names: Mapping[str, str]) -> str:
    """Return ``<kind>/<label>-<key>`` of a stage, if its label is known, else ``<kind>/<key>``."""
    twins = store.twins(kind, key)
    return f"{kind}/{twins[0].name}" if twins else names.get(key, f"{kind}/{key}")


def _find_state(request: StoredRequest, times: Mapping[str, float], failed: Collection[str]) -> RequestState:
    """Compare a command with the times at which stages were finished, by key, and the keys of those that failed."""

    def is_finished(key: str) -> bool:
        return key in times and (not request.again or times[key] >= request.time)

    missing = tuple(name for name in request.stages if not is_finished(find_key(name)))
    finished = request.done + len(request.stages) - len(missing)
    return RequestState(request, finished, sum(find_key(name) in failed for name in missing), missing)


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read_time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
