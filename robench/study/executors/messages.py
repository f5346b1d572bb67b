"""The messages between the coordinator's process and a worker.

To a worker: :class:`Hello` once, then :class:`Data`, :class:`Begin` and :class:`RowPositions`. From a worker:
:class:`Ready` once, or :class:`End` if it cannot start; then :class:`More`, :class:`RowRecord`, :class:`Report`,
:class:`Log` and :class:`End`. A worker works on one job at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from robench.results.info_origin import Environment
from robench.results.records import Record


class Origin(NamedTuple):
    """The process that started a worker, if that may be on another machine.

    Attributes:
        environment: its environment, which results depend on.
        accepts_any_processor: whether the worker's processor may have other instructions.
    """

    environment: Environment
    accepts_any_processor: bool


class Hello(NamedTuple):
    """What a worker needs to know before anything else.

    Attributes:
        sys_path: where modules are found.
        plugins: the files of plug-ins, with the names of their modules.
        runs: the runs folder.
        device: the device that models run on.
        offline: whether to forbid downloads.
        retry_errors: whether rows are attacked again that ended in an error.
        origin: the process that started the worker; None on the same machine.
    """

    sys_path: list[str]
    plugins: dict[str, str]
    runs: str
    device: str
    offline: bool
    retry_errors: bool
    origin: Origin | None = None


class Ready(NamedTuple):
    """The worker can begin a job."""


class Data(NamedTuple):
    """The data that stages refer to by this name."""

    name: str
    content: bytes


class Begin(NamedTuple):
    """Begin a job.

    Attributes:
        stage: the pickled stage.
        folder: the folder to store its result in.
        threads: number of torch's threads.
        attacks: whether to attack rows of the stage, which come by :class:`RowPositions`; else the whole stage is made.
        places: folders of models that the stage names, each with the copy of it that the worker's machine has.
    """

    stage: bytes
    folder: str
    threads: int
    attacks: bool
    places: tuple[tuple[str, str], ...] = ()


class RowPositions(NamedTuple):
    """The positions of the rows to attack next; see :meth:`robench.study.executors.job.JobRows.take`."""

    rows: Sequence[int] | None


class More(NamedTuple):
    """The worker has room for more rows."""


class RowRecord(NamedTuple):
    """The record of a row."""

    record: Record


class Report(NamedTuple):
    """A call of the reporter.

    Attributes:
        method: ``say``, ``warn``, ``track``, ``set_progress``, ``advance`` or ``end``.
        work: number of the piece of work that it is about; 0 if it is about none.
        arguments: the arguments of the call.
    """

    method: Literal["say", "warn", "track", "set_progress", "advance", "end"]
    work: int
    arguments: tuple[Any, ...]


class Log(NamedTuple):
    """A message to the log of the process that started the worker.

    Attributes:
        logger: name of the logger.
        level: its level, as a number.
        text: the message.
    """

    logger: str
    level: int
    text: str


class End(NamedTuple):
    """The end of a job.

    Attributes:
        error: a sentence that says why it failed; empty if it is finished.
        frames: the frames of code of others that failed.
        spares_others: see :func:`robench.errors.spares_others`.
    """

    error: str
    frames: str = ""
    spares_others: bool = False
