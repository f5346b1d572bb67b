"""``RUNS/.requests.jsonl``: the last commands that made stages in a runs folder, and the stages that each had to make.

How it works: a run that has something to make appends one line with one write, so that two processes do not mix their
lines. Of several lines of one command, the last counts. When the file is longer than :data:`LIMIT`, its last
:data:`KEPT` commands are written anew. Nothing depends on this file but what ``robench status`` can say: if it is
missing, broken or cannot be written, a run goes on as if it were not there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from robench.errors import RobenchError
from robench.paths import absolute_path, atomic_write_bytes, open_unlinked, read_regular
from robench.results.info_parts import Amount, Count
from robench.results.locks import hold_lock
from robench.syncing import make_folder

REQUESTS = ".requests.jsonl"
LIMIT = 2_000_000
"""Bytes of the file above which old commands are dropped."""
LARGEST = 4 * LIMIT
"""Bytes of the file above which it is none of robench's."""
KEPT = 20
"""Number of commands that are kept then."""
_LOCK = "0" * 16
"""The key of the lock under which the file is written anew; no stage has it."""


class StoredRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command that made stages.

    Attributes:
        id: equal in all lines of one run, which has several if its requests differ in their encoders.
        time: when it began, in seconds since 1970.
        command: the command; empty if a Python program made the request.
        directory: the working directory, from which relative paths in the command are taken.
        again: whether results that were there were to be made again.
        done: number of stages that were finished when it began.
        stages: the others: their amount of work (rows, steps or texts) by ``<kind>/<label>-<key>``.
    """

    id: str
    time: Amount
    command: str = ""
    directory: str = ""
    again: bool = False
    done: Count = 0
    stages: dict[str, Count] = {}


class RequestLog:
    """The log of a runs folder, for one run.

    Args:
        root: the runs folder.
        command: the command of the run; empty if it has none.
        again: whether results that are there are made again.
    """

    def __init__(self, root: Path, command: str = "", *, again: bool = False) -> None:
        self._root, self._command, self._again = root, command, again
        self._id, self._time = f"{time.time_ns():x}-{os.getpid()}", time.time()

    def add(self, done: int, stages: Mapping[str, int]) -> None:
        """Append a line; if that is not possible, do nothing.

        Args:
            done: number of finished stages.
            stages: the stages to make, see :class:`StoredRequest`.
        """
        path = self._root / REQUESTS
        if path.exists() and not path.is_file():  # opening a pipe would wait for its reader
            return
        with contextlib.suppress(RobenchError, OSError, ValueError):
            request = StoredRequest(
                id=self._id,
                time=self._time,
                command=self._command,
                directory=str(absolute_path(Path())),
                again=self._again,
                done=done,
                stages=dict(stages),
            )
            make_folder(self._root)
            with open_unlinked(path, "ab") as file:
                file.write(_encode(request))  # the blank line before it ends a line that was torn off
            if path.stat().st_size > LIMIT:
                _shorten(self._root)


def read_requests(root: Path) -> list[StoredRequest]:
    """Read the commands of a runs folder, the oldest first; lines that are broken are left out."""
    try:
        path = root / REQUESTS
        lines = read_regular(path).split(b"\n") if path.stat().st_size <= LARGEST else []
    except OSError:
        return []
    by_command: dict[tuple[str, str], StoredRequest] = {}
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            request = msgspec.json.decode(line, type=StoredRequest)
            command = request.command, request.directory
            earlier = by_command.pop(command, None)
            by_command[command] = _merge(earlier, request) if earlier and earlier.id == request.id else request
    return list(by_command.values())


def _merge(one: StoredRequest, other: StoredRequest) -> StoredRequest:
    return msgspec.structs.replace(other, done=one.done + other.done, stages=one.stages | other.stages)


def _encode(request: StoredRequest) -> bytes:
    return b"\n" + msgspec.json.encode(request) + b"\n"


def _shorten(root: Path) -> None:
    """Drop old commands, unless another process does it; a line that is written meanwhile may be lost."""
    with hold_lock(root, _LOCK) as held:
        if held:
            kept = [_encode(request) for request in read_requests(root)[-KEPT:]]
            while sum(map(len, kept)) > LIMIT // 2:
                kept = kept[1:]
            atomic_write_bytes(root / REQUESTS, b"".join(kept))
