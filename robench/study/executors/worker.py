"""A worker process: it runs one job after another, as the process that started it says.

It is started as ``python -P -m robench.study.executors.worker FD``; FD is the number of an open socket. It keeps what
it has imported and loaded: TextAttack, resources, data, and the models that it used last. It ends as soon as the other
end of the socket is closed, so it does not outlive the process that started it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

from robench.data.load import TaskData
from robench.errors import RobenchError, blame_foreign_code, describe_error, spares_others
from robench.plugins import plugin_files
from robench.progress import SilentReporter, Work
from robench.resources.textattack_finder import forbid_fetching
from robench.results.records import Record
from robench.run_line import RunWork
from robench.study.executors.messages import Begin, Data, End, Hello, Log, More, Ready, Report, RowPositions, RowRecord

_ALONE = "run it with --jobs 1"


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

    def track_run(self, count: int) -> contextlib.AbstractContextManager[RunWork]:
        """Show nothing: the coordinator shows the whole run."""
        return SilentReporter().track_run(count)

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


class _SafeConnection(Connection):
    """A connection on which several threads can send: those of a plug-in may log, too."""

    def __init__(self, handle: int) -> None:
        super().__init__(handle)
        self._lock = threading.RLock()

    def send(self, obj: Any) -> None:
        """Send an object."""
        with self._lock:
            super().send(obj)


class _LogHandler(logging.Handler):
    """A handler that passes messages on to the process that started this one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.INFO)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(Log(record.name, record.levelno, record.getMessage()))


def _pass_on_warnings(reporter: RemoteReporter) -> None:
    """Pass Python's warnings on, so that one that several workers give is shown once."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        with contextlib.suppress(OSError):
            reporter.warn(warnings.formatwarning(message, category, filename, lineno, line).rstrip())

    warnings.showwarning = show


class Worker:
    """The state of a worker: its context and the data that it was sent.

    Args:
        connection: the connection to the process that started it.
        hello: its first message.
    """

    def __init__(self, connection: Connection, hello: Hello) -> None:
        import torch

        from robench.results.store import Store
        from robench.study.executors.guest import Guest
        from robench.study.stages.context import Context

        self._connection, self._data = connection, dict[str, TaskData]()
        reporter = RemoteReporter(connection)
        logger = logging.getLogger("robench")
        logger.addHandler(_LogHandler(connection))
        logger.setLevel(logging.INFO)
        logger.propagate = False
        _pass_on_warnings(reporter)
        for path, name in hello.plugins.items():
            plugin_files.load_plugin(Path(path), name)
        store = Store(Path(hello.runs), on_fault=reporter.warn)
        device = torch.device(hello.device)
        self._guest = Guest(hello.origin, device, offline=hello.offline) if hello.origin else None
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
            self._connection.send(_run_to_end(partial(self._run_job, message)))

    def _run_job(self, begin: Begin) -> None:
        from robench.study.executors.run_job import attack_shards, use_threads
        from robench.study.executors.transport import check_code, load_stage
        from robench.study.stages.attack import AttackingStage

        try:
            stage = self._guest.load_stage(begin, self._data) if self._guest else load_stage(begin.stage, self._data)
        except RobenchError:
            raise
        except Exception as error:  # a module may be found by means that only the other process has
            remedy = "give what it lacks as --plugin FILE, or install it on every node" if self._guest else _ALONE
            raise RobenchError(f"a worker cannot load a stage ({describe_error(error)}); {remedy}.") from error
        check_code(stage)
        with use_threads(begin.threads):
            if begin.attacks:
                assert isinstance(stage, AttackingStage), "only attacks have rows"
                attack_shards(self._context, stage, self._take, self._keep)
            else:
                stage.make(self._context, Path(begin.folder))

    def _take(self) -> Sequence[int] | None:
        self._connection.send(More())
        message: RowPositions = self._connection.recv()
        return message.rows

    def _keep(self, record: Record) -> None:
        self._connection.send(RowRecord(record))


def _run_to_end(work: Callable[[], None]) -> End:
    """Do some work, and return its end: a failure is the sentence that would end the command in one process."""
    try:
        with blame_foreign_code(plugin_files.name_file):
            work()
    except RobenchError as error:
        return End(str(error), error.frames, spares_others(error))
    except Exception as error:
        return End(f"a worker failed: {describe_error(error)}.")
    return End("")


def _serve(connection: Connection, hello: Hello) -> None:
    """Start a worker, and let it run jobs until the connection is closed."""
    workers: list[Worker] = []
    end = _run_to_end(lambda: workers.append(Worker(connection, hello)))
    if end.error:
        connection.send(end)
    for worker in workers:
        worker.run()


def _end_with(descriptor: int) -> None:
    """End this process as soon as the other end of a socket is closed, whatever it computes."""
    hangup = select.poll()
    hangup.register(descriptor, 0)  # of no event but the end, which is always told
    hangup.poll()
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Run a worker on the socket whose number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides what ctrl-C ends
    connection = _SafeConnection(int(arguments[0]))
    threading.Thread(target=_end_with, args=(connection.fileno(),), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        hello: Any = connection.recv()
        assert isinstance(hello, Hello)
        if hello.origin is None:
            sys.path[:] = hello.sys_path
        else:
            sys.path += [path for path in hello.sys_path if path not in sys.path and Path(path).is_dir()]
        with forbid_fetching(hello.offline):  # also to jobs, whose code may import TextAttack as late as it likes
            _serve(connection, hello)
    os._exit(0)  # threads of foreign code must not keep the process alive


if __name__ == "__main__":
    main(sys.argv[1:])
