"""Workers that are processes of this machine, and the executor that runs jobs in them.

How it works: a worker is a new interpreter that imports robench, never the user's main script, so that it needs no
guard around it. Messages go over a socket, with which the worker ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from robench.plugins import plugin_files
from robench.plugins.modules import name_plugin
from robench.study.executors.job import Job
from robench.study.executors.link import Death
from robench.study.executors.messages import Begin, Data, Hello, RowPositions
from robench.study.executors.workers import WorkerExecutor
from robench.study.stages.context import Context

_END_SECONDS = 60
"""Most seconds that a worker may take to end: one that trains stores its state at the end of a step."""


class ProcessExecutor(WorkerExecutor):
    """An executor that runs jobs in worker processes.

    Args:
        context: store, reporter and device; also runs what cannot be sent.
        jobs: number of workers.
    """

    def __init__(self, context: Context, jobs: int) -> None:
        super().__init__(context, jobs, partial(_start, context))


class ProcessLink:
    """A link to a worker process."""

    place = ""
    exit_code: int | None = None

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs, _block_interrupts():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "robench.study.executors.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=_find_errors(),
                stderr=_find_errors(),
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
            )
        self._connection = Connection(ours.detach())

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._connection.fileno()

    def begin(self, job: Job, messages: Sequence[Data | Begin]) -> None:
        """Send a job."""
        for message in messages:
            self.send(message)

    def send(self, message: Hello | Data | Begin | RowPositions) -> None:
        """Send a message."""
        self._connection.send(message)

    def receive(self) -> Sequence[Any]:
        """Return the next message."""
        return (self._connection.recv(),)

    def terminate(self) -> None:
        """Ask the process to end; it can send messages until it has."""
        self._process.terminate()

    def close(self) -> Death:
        """Wait for the process to end; kill it if it does not. Return how it died."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._connection.close()
        self._process.kill()
        self.exit_code = self._process.wait()
        return Death.KILLED if self.exit_code < 0 else Death.ENDED


def _start(context: Context) -> ProcessLink:
    """Start a worker, and tell it what it needs to know."""
    link = ProcessLink()
    with contextlib.suppress(ConnectionError):  # it died, which the executor finds
        link.send(make_hello(context))
    return link


def make_hello(context: Context) -> Hello:
    """Return what a worker on this machine needs to know."""
    return Hello(
        sys_path=[path for path in sys.path if path],
        plugins={str(path): name_plugin(path) for path in plugin_files.list_files()},
        runs=str(context.store.root),
        device=str(context.device),
        offline=context.offline,
        retry_errors=context.retry_errors,
    )


def _find_errors() -> int:
    """Return the descriptor of standard error, to which workers print: standard output is for results."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # it was replaced, as in a notebook or a test
        return 2


@contextlib.contextmanager
def _block_interrupts() -> Iterator[None]:
    """Let processes that are started inside the block never see ctrl-C, which the terminal sends to all of a command.

    This process gets a ctrl-C of the meantime after the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
