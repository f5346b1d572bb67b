"""What a worker process does, and the messages between it and the process that started it."""

from __future__ import annotations

import contextlib
import pickle
import queue
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from robench.attacking.engine.team import Team
from robench.errors import RobenchError
from robench.plugins import registry


class PickledSettings(NamedTuple):
    """A task, to be unpacked when the plug-in files are loaded that its attack may be of."""

    plugins: list[str]
    task: bytes


class BuildRequest(NamedTuple):
    """The attack asks the model while it is built."""

    texts: list[str]


class BuildDone(NamedTuple):
    """The attack is built."""


class Failure(NamedTuple):
    """The team broke."""

    reason: str


class _EndOfSearches(BaseException):
    """Stands for the message that says so; no attack's code may take it for an error."""


def work(connection: Connection) -> None:
    """What a worker does: for each task, a team that is driven over the connection, until that is closed."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # A thread reads, so that neither side ever waits for the other to read.
    threading.Thread(target=_read, args=(connection, inbox), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            _drive(connection, inbox)


def _read(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    inbox.put(EOFError())


def _next(inbox: queue.SimpleQueue[Any]) -> Any:
    message = inbox.get()
    if message is None:
        raise _EndOfSearches
    if isinstance(message, EOFError):
        raise message
    return message


def _drive(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """One task, from its arrival to the word that it is over."""

    def direct(texts: list[str]) -> Any:
        connection.send(BuildRequest(texts))
        return _next(inbox)

    team: Team | None = None
    try:
        packed = _next(inbox)
        for path in packed.plugins:
            registry.load_plugin(Path(path))
        team = Team(pickle.loads(packed.task), direct)
        connection.send(BuildDone())
        while True:
            method, arguments = _next(inbox)
            getattr(team, method)(*arguments)
            for event in team.events():
                connection.send(event)
    except _EndOfSearches:
        if team is not None:
            team.stop()
    except (EOFError, OSError):
        raise
    except RobenchError as error:
        connection.send(Failure(str(error)))
    except BaseException as error:
        connection.send(Failure(f"a search worker failed: {type(error).__name__}: {error}."))
