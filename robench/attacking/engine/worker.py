"""A worker process, and the messages between it and the process that started it.

How it works: the starting process sends :class:`PickledSettings`, from which the worker builds a team. While it builds,
the worker may send a :class:`BuildRequest`, which is answered with logits; then it sends :class:`BuildDone`. From then
on each message to the worker is the name and the arguments of a method of the team, and the worker sends the events
that follow. None ends the team, so that the next settings can come. :class:`Failure` reports an error at any time.
"""

from __future__ import annotations

import contextlib
import pickle
import queue
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from robench.attacking.engine.team import SearchSettings, Team
from robench.errors import ControlFlow, RobenchError, describe_error, spares_others
from robench.plugins import plugin_files
from robench.plugins.source import identify_class


class PickledSettings(NamedTuple):
    """The settings of a team's searches, and the plug-in files to load before they are unpickled.

    Attributes:
        plugins: paths of the plug-in files, one of which may define the attack.
        content: a pickled :class:`SearchSettings`.
        code: identity of the attack's code in the starting process; empty if a worker cannot identify it.
    """

    plugins: list[str]
    content: bytes
    code: str


class BuildRequest(NamedTuple):
    """The attack calls the model while it is built."""

    texts: list[str]


class BuildDone(NamedTuple):
    """The attack is built; the team accepts calls."""


class Failure(NamedTuple):
    """The team failed.

    Attributes:
        reason: a sentence that says why.
        spares_others: see :func:`robench.errors.spares_others`.
    """

    reason: str
    spares_others: bool = False


class _EndOfSearches(ControlFlow):
    """Raised when the message None arrives; no Exception, so that no attack's code catches it."""


def run_worker(connection: Connection) -> None:
    """Run one team after another, as the connection says, until the connection is closed."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # A thread reads, so that neither side blocks because the other one does not read.
    threading.Thread(target=_read, args=(connection, inbox), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            _run_team(connection, inbox)


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


def _run_team(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Run one team, from the arrival of its settings to the message that ends it."""

    def direct(texts: list[str]) -> Any:
        connection.send(BuildRequest(texts))
        return _next(inbox)

    team: Team | None = None
    try:
        settings = _next(inbox)
        for path in settings.plugins:
            plugin_files.load_plugin(Path(path))
        content: SearchSettings = pickle.loads(settings.content)
        if settings.code and identify_class(type(content.attack)) != settings.code:
            raise RobenchError(
                f"the source of {content.attack_name} was edited while this process runs, and workers would run the new"
                " one; start it again."
            )
        team = Team(content, direct)
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
        connection.send(Failure(str(error), spares_others(error)))
    except BaseException as error:
        connection.send(Failure(f"a search worker failed: {describe_error(error)}."))
