"""A worker process: it runs one job after another, as the process that started it says.

It is started as ``python -P -m robench.study.executors.worker FD``; FD is the number of an open socket. It keeps what
it has imported and loaded: TextAttack, resources, data, and the models that it used last. It ends when the socket is
closed, so it does not outlive the process that started it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from robench.data.load import TaskData
from robench.errors import RobenchError, describe_error
from robench.progress import Work
from robench.results.records import Record
from robench.study.executors.messages import Begin, Data, End, Hello, Kept, More, Ready, Report, Rows


class RemoteReporter:
    """A reporter that passes everything on to the process that started this one.

    Args:
        connection: the connection to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)

    def say(self, text: str) -> None:
        """Pass on a line."""
        self._connection.send(Report("say", 0, (text,)))

    def warn(self, text: str) -> None:
        """Pass on a note or warning."""
        self._connection.send(Report("warn", 0, (text,)))

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Do nothing: the coordinator announces stages."""

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Pass on the progress of some work."""
        number = next(self._numbers)
        self._connection.send(Report("track", number, (title, unit, total, done)))
        try:
            yield _RemoteWork(self._connection, number)
        finally:
            self._connection.send(Report("end", number, ()))


class _RemoteWork:
    def __init__(self, connection: Connection, number: int) -> None:
        self._connection, self._number = connection, number

    def set_progress(self, done: int, total: int) -> None:
        self._connection.send(Report("set_progress", self._number, (done, total)))

    def advance(self, count: int, outcome: str = "") -> None:
        self._connection.send(Report("advance", self._number, (count, outcome)))


class _LogHandler(logging.Handler):
    def __init__(self, reporter: RemoteReporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            send = self._reporter.warn if record.levelno >= logging.WARNING else self._reporter.say
            send(record.getMessage())


class Worker:
    """The state of a worker: its context and the data that it was sent.

    Args:
        connection: the connection to the process that started it.
        hello: its first message.
    """

    def __init__(self, connection: Connection, hello: Hello) -> None:
        import torch

        from robench.plugins import registry
        from robench.results.store import Store
        from robench.study.stages.context import Context

        for path in hello.plugins:
            registry.load_plugin(Path(path))
        self._connection, self._data = connection, dict[str, TaskData]()
        reporter = RemoteReporter(connection)
        logger = logging.getLogger("robench")
        logger.addHandler(_LogHandler(reporter))
        logger.setLevel(logging.INFO)
        store = Store(Path(hello.runs), on_fault=reporter.warn)
        device = torch.device(hello.device)
        self._context = Context(store, reporter, device, hello.offline, retry_errors=hello.retry_errors)

    def run(self) -> None:
        """Run jobs until the connection is closed."""
        self._connection.send(Ready())
        while True:
            message = self._connection.recv()
            if isinstance(message, Data):
                self._data[message.name] = pickle.loads(message.content)
                continue
            assert isinstance(message, Begin), "rows come when they are asked for"
            try:
                self._run_job(message)
            except (EOFError, ConnectionError):
                raise
            except RobenchError as error:
                self._connection.send(End(str(error)))
            except Exception as error:
                self._connection.send(End(f"a worker failed: {describe_error(error)}."))
            else:
                self._connection.send(End(""))

    def _run_job(self, begin: Begin) -> None:
        from robench.study.executors.run_job import attack_shards, use_threads
        from robench.study.executors.transport import load_stage
        from robench.study.stages.attack import AttackingStage

        stage = load_stage(begin.stage, self._data)
        with use_threads(begin.threads):
            if begin.attacks:
                assert isinstance(stage, AttackingStage), "only attacks have rows"
                attack_shards(self._context, stage, self._take, self._keep)
            else:
                stage.make(self._context, Path(begin.folder))

    def _take(self) -> list[int]:
        self._connection.send(More())
        message: Rows = self._connection.recv()
        return message.rows

    def _keep(self, record: Record) -> None:
        self._connection.send(Kept(record))


def main(arguments: list[str]) -> None:
    """Run a worker on the socket whose number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides what ctrl-C ends
    connection = Connection(int(arguments[0]))
    with contextlib.suppress(EOFError, ConnectionError):
        hello: Any = connection.recv()
        assert isinstance(hello, Hello)
        sys.path[:] = hello.sys_path
        Worker(connection, hello).run()
    os._exit(0)  # threads of foreign code must not keep the process alive


if __name__ == "__main__":
    main(sys.argv[1:])
