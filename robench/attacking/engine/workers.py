"""Searches in other processes, for a model that answers faster than one process can ask.

A search is Python, so one process asks some thousand questions a second at most. Where the model answers more (a GPU, a
machine of many cores), several processes search, and the one that started them runs the model.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from robench.attacking.engine.parking import DirectLogits
from robench.attacking.engine.search import AttackInput
from robench.attacking.engine.team import Event, SearchResult, SearchSettings
from robench.attacking.engine.worker import BuildDone, Failure, PickledSettings, work
from robench.errors import RobenchError
from robench.plugins import registry

_NAME = "robench-worker-"
_JOIN_SECONDS = 5
_AT_ONCE = 256
"""Events that are looked at before the model goes on."""

_DIED = (
    "a search worker ended unexpectedly; was it killed for want of memory? What is finished is kept: run again with"
    " fewer --workers."
)
_UNBORN = (
    "a search worker did not start; its own words stand above. A script that uses workers needs `if __name__ =="
    ' "__main__":` around what it does; fewer --workers need less memory.'
)


class Workers:
    """Processes that search; a context manager. They start when they are first needed, and stay for the next attack.

    They are started as ``multiprocessing`` starts processes anew, so a script that uses them needs
    ``if __name__ == "__main__":``.

    Args:
        count: processes; with 0 there is no :meth:`team`.

    Raises:
        RobenchError: a worker begins the work of the script that started it.
    """

    def __init__(self, count: int) -> None:
        if multiprocessing.current_process().name.startswith(_NAME):
            raise RobenchError('a script that uses workers needs `if __name__ == "__main__":` around what it does.')
        self.count = count
        self._processes: list[tuple[Any, Connection]] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def team(self, task: SearchSettings, direct: DirectLogits) -> RemoteTeam:
        """Let all processes build the attack.

        Raises:
            RobenchError: it cannot be built, or not be sent to them.
        """
        try:
            sent = _packed(task)
            if not self._processes:
                self._start()
            return RemoteTeam([connection for _, connection in self._processes], sent, direct, abandon=self.close)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for process, connection in self._processes:
            connection.close()
            process.terminate()
        for process, _ in self._processes:
            process.join(_JOIN_SECONDS)
            process.kill()
        self._processes = []

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        with _background():
            for number in range(self.count):
                ours, theirs = context.Pipe()
                name = f"{_NAME}{number + 1}"
                process = context.Process(target=work, args=(theirs,), name=name, daemon=True)
                process.start()
                theirs.close()
                self._processes.append((process, ours))


def _packed(task: SearchSettings) -> PickledSettings:
    try:
        return PickledSettings([str(path) for path in registry.plugin_files()], pickle.dumps(task))
    except Exception as error:  # a plug-in's fields may hold anything
        raise RobenchError(
            f"{task.attack_name} cannot be sent to other processes ({error}); run it with --workers 0."
        ) from error


def choose_worker_count(asked: int | None, device: torch.device) -> int:
    """Processes to search in: what is asked for, or beside a GPU up to 8, and none where the CPU runs the model.

    On a CPU the model takes nine tenths of the time and all cores; a GPU answers more than one process can ask.
    """
    if asked is not None:
        return asked
    return min(8, max(1, (os.cpu_count() or 1) - 1)) if device.type == "cuda" else 0


class RemoteTeam:
    """A team that is spread over processes; see :class:`robench.attacking.engine.team.Team`.

    Args:
        connections: to the processes.
        task: what the searches have in common, packed.
        direct: answers who asks the model while the attack is built.
        abandon: ends the processes when they are to be stopped in the middle of searches.

    Raises:
        RobenchError: the attack cannot be built.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        task: PickledSettings,
        direct: DirectLogits,
        abandon: Callable[[], None],
    ) -> None:
        self._connections, self._abandon = connections, abandon
        self._at: dict[int, Connection] = {}
        self._thinking: set[int] = set()
        self.encoder_seconds = 0.0
        for connection in connections:
            _send(connection, task)
        for connection in connections:
            while not isinstance(message := _receive(connection, _UNBORN), BuildDone):
                _send(connection, direct(message.texts))

    @property
    def live(self) -> int:
        """Searches that have not ended."""
        return len(self._at)

    @property
    def parked(self) -> bool:
        """Whether every search waits for the model."""
        return not self._thinking

    def start(self, example: AttackInput) -> None:
        """Begin a search where there are fewest."""
        at = list(self._at.values())
        self._at[example[0]] = min(self._connections, key=at.count)
        self._tell(example[0], "start", example)

    def wake(self, id: int, rows: Any, seconds: float) -> None:
        """Hand the model's rows to the search that asked for them."""
        self._tell(id, "wake", id, rows, seconds)

    def events(self, timeout: float | None = None) -> list[Event]:
        """What has happened since the last call.

        Args:
            timeout: seconds to wait for the first event; None waits as long as it takes.

        Raises:
            RobenchError: the attack's own code failed, or a process died.
        """
        found: list[Event] = []
        while len(found) < _AT_ONCE and (ready := wait(self._connections, 0 if found else timeout)):
            for connection in ready:
                assert isinstance(connection, Connection), "there is nothing else to wait for"
                event = _receive(connection)
                self._thinking.discard(event.record.id if isinstance(event, SearchResult) else event.id)
                if isinstance(event, SearchResult):
                    del self._at[event.record.id]
                found.append(event)
        return found

    def stop(self) -> None:
        """Make room for the next task; searches that have not ended are lost, and the processes with them."""
        if self._at:
            self._abandon()
        else:
            for connection in self._connections:
                _send(connection, None)

    def _tell(self, id: int, method: str, *arguments: object) -> None:
        self._thinking.add(id)
        _send(self._at[id], (method, arguments))


def _send(connection: Connection, message: Any) -> None:
    with _death_told():
        connection.send(message)


def _receive(connection: Connection, told: str = _DIED) -> Any:
    with _death_told(told):
        message = connection.recv()
    if isinstance(message, Failure):
        raise RobenchError(message.reason)
    return message


@contextlib.contextmanager
def _death_told(told: str = _DIED) -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise RobenchError(told) from error


@contextlib.contextmanager
def _background() -> Iterator[None]:
    """Let processes that are started here use one thread each, and leave ctrl-C to the one that starts them."""
    settings = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    before = {name: os.environ.get(name) for name in settings}
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None  # which they inherit
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if in_main:
            signal.signal(signal.SIGINT, handler)
