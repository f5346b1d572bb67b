"""Searches in several processes, for a model that is faster than the searches of one process.

How it works: a search is Python code, so one process requests at most some thousand texts a second. If the model can
compute more (a GPU, a machine with many cores), several worker processes run the searches, each with a team of its own,
and the process that started them runs the model. A :class:`RemoteTeam` looks like one team: it starts each search in
the worker that has fewest, and passes requests, logits and records over pipes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from robench.attacking.engine.failures import TextFailure
from robench.attacking.engine.parking import DirectLogits
from robench.attacking.engine.search import AttackInput
from robench.attacking.engine.team import Event, SearchResult, SearchSettings
from robench.attacking.engine.worker import BuildDone, Failure, PickledSettings, run_worker
from robench.errors import RobenchError, UnitError
from robench.machine import count_cores
from robench.plugins import plugin_files
from robench.plugins.source import identify_class
from robench.process import change_environment

_NAME = "robench-worker-"
_JOIN_SECONDS = 5
_MAX_EVENTS = 256
"""Most events that are received before the model runs again."""

_DEATH = (
    "a search worker ended unexpectedly, possibly out of memory. Finished examples are kept: run again with fewer"
    " --workers."
)
_NO_START = (
    "a search worker did not start; its own message is above. A script that uses workers needs `if __name__ =="
    ' "__main__":` around its code; fewer --workers need less memory.'
)


class Workers:
    """Processes that run searches; a context manager. They start when first needed, and stay for the next attack.

    ``multiprocessing`` starts them as new interpreters that import the main script, so a script that uses workers needs
    ``if __name__ == "__main__":``.

    Args:
        count: number of processes; with 0 there is no :meth:`team`.

    Raises:
        RobenchError: this process is a worker that runs the script of the process that started it.
    """

    def __init__(self, count: int) -> None:
        if multiprocessing.current_process().name.startswith(_NAME):
            raise RobenchError('a script that uses workers needs `if __name__ == "__main__":` around its code.')
        self.count = count
        self._processes: list[tuple[Any, Connection]] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def team(self, settings: SearchSettings, direct: DirectLogits) -> RemoteTeam:
        """Build the attack in all processes, and return the team of their searches.

        Args:
            settings: what the searches share.
            direct: returns the model's logits while the attack is built.

        Raises:
            RobenchError: the attack cannot be built, or cannot be sent to the processes.
        """
        try:
            message = _pickle_settings(settings)
            if not self._processes:
                self._start()
            return RemoteTeam([connection for _, connection in self._processes], message, direct, abandon=self.close)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes, even in the middle of a search."""
        for process, connection in self._processes:
            connection.close()
            process.terminate()
        for process, _ in self._processes:
            process.join(_JOIN_SECONDS)
            process.kill()
        self._processes = []

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        with _worker_environment():
            for number in range(self.count):
                ours, theirs = context.Pipe()
                name = f"{_NAME}{number + 1}"
                process = context.Process(target=run_worker, args=(theirs,), name=name, daemon=True)
                process.start()
                theirs.close()
                self._processes.append((process, ours))


def _pickle_settings(settings: SearchSettings) -> PickledSettings:
    try:
        content = pickle.dumps(settings)
    except Exception as error:  # the fields of a plug-in may hold any object
        raise UnitError(
            f"{settings.attack_name} cannot be sent to other processes ({error}); run it with --workers 0."
        ) from error
    kind = type(settings.attack)
    code = identify_class(kind) if kind.__module__ != "__main__" else ""  # a worker's script has another name
    return PickledSettings([str(path) for path in plugin_files.list_files()], content, code)


def choose_worker_count(requested: int | None, device: torch.device) -> int:
    """Return the number of worker processes: the requested one, else up to 8 with a GPU, and 0 with a CPU.

    On a CPU the model takes nine tenths of the time and all cores. A GPU computes more than one process can request.

    Args:
        requested: the user's choice, or None.
        device: the device of the model.
    """
    if requested is not None:
        return requested
    return min(8, max(1, count_cores() - 1)) if device.type == "cuda" else 0


class RemoteTeam:
    """The teams of all worker processes as one; see :class:`robench.attacking.engine.team.Team`.

    Args:
        connections: the connections to the processes.
        settings: what the searches share, pickled.
        direct: returns the model's logits while the attack is built.
        abandon: ends the processes; called if the team is stopped in the middle of searches.

    Raises:
        RobenchError: the attack cannot be built.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        settings: PickledSettings,
        direct: DirectLogits,
        abandon: Callable[[], None],
    ) -> None:
        self._connections, self._abandon = connections, abandon
        self._connection_of: dict[int, Connection] = {}
        self._running: set[int] = set()
        for connection in connections:
            _send(connection, settings)
        for connection in connections:
            while not isinstance(message := _receive(connection, _NO_START), BuildDone):
                _send(connection, direct(message.texts))

    @property
    def live(self) -> int:
        """Return the number of searches that have not ended."""
        return len(self._connection_of)

    @property
    def all_parked(self) -> bool:
        """Return whether every search waits for the model."""
        return not self._running

    def start(self, example: AttackInput) -> None:
        """Begin the search of an example, in the process with the fewest searches."""
        connections = list(self._connection_of.values())
        self._connection_of[example[0]] = min(self._connections, key=connections.count)
        self._call(example[0], "start", example)

    def wake(self, id: int, rows: Any, seconds: float) -> None:
        """Give a search the logits that it requested; see :meth:`robench.attacking.engine.team.Team.wake`."""
        self._call(id, "wake", id, rows, seconds)

    def fail(self, id: int, failure: TextFailure) -> None:
        """End a search; see :meth:`robench.attacking.engine.team.Team.fail`."""
        self._call(id, "fail", id, failure)

    def events(self, timeout: float | None = None) -> list[Event]:
        """Return the events since the last call.

        Args:
            timeout: most seconds to wait for the first event; None waits without limit.

        Raises:
            RobenchError: a process failed or died.
        """
        events: list[Event] = []
        while len(events) < _MAX_EVENTS and (ready := wait(self._connections, 0 if events else timeout)):
            for connection in ready:
                assert isinstance(connection, Connection), "only connections are waited for"
                event = _receive(connection)
                self._running.discard(event.record.id if isinstance(event, SearchResult) else event.id)
                if isinstance(event, SearchResult):
                    del self._connection_of[event.record.id]
                events.append(event)
        return events

    def stop(self) -> None:
        """End the team; if searches are still running, end the processes with it."""
        if self._connection_of:
            self._abandon()
        else:
            for connection in self._connections:
                _send(connection, None)

    def _call(self, id: int, method: str, *arguments: object) -> None:
        self._running.add(id)
        _send(self._connection_of[id], (method, arguments))


def _send(connection: Connection, message: Any) -> None:
    with _report_death():
        connection.send(message)


def _receive(connection: Connection, sentence: str = _DEATH) -> Any:
    with _report_death(sentence):
        message = connection.recv()
    if isinstance(message, Failure):
        raise (UnitError if message.spares_others else RobenchError)(message.reason)
    return message


@contextlib.contextmanager
def _report_death(sentence: str = _DEATH) -> Iterator[None]:
    """Raise the sentence if the process at the other end of a connection has ended."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise RobenchError(sentence) from error


@contextlib.contextmanager
def _worker_environment() -> Iterator[None]:
    """Let processes that are started inside the block use one thread each, ignore ctrl-C, and import safely.

    The process that starts them handles ctrl-C, and ends them. A new interpreter imports ``multiprocessing`` first of
    all, and would take a file of that name in the working directory for it; ``PYTHONSAFEPATH`` prevents that. Then it
    gets the ``sys.path`` of the process that starts it, so modules of the user are found where they are found here.
    """
    settings = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    settings["PYTHONSAFEPATH"] = "1"
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None  # inherited by the processes
    try:
        with change_environment(settings):
            yield
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
