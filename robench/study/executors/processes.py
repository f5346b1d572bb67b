"""The executor that runs jobs in worker processes, one for each slot.

How it works: workers are new interpreters that import robench, never the user's main script, so they need no guard
around it. They start when first needed. Stages are sent to them pickled (:mod:`robench.study.executors.transport`);
records and progress come back over a socket, and only this process writes records. A job whose stage cannot be sent
runs in this process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from robench.errors import RobenchError
from robench.plugins import registry
from robench.progress import Work
from robench.study.executors.job import AttackJob, Job, JobEnd
from robench.study.executors.messages import Begin, Data, End, Hello, Kept, Log, More, Ready, Report, Rows
from robench.study.executors.serial import SerialExecutor
from robench.study.executors.transport import NotPortableError, dump_stage
from robench.study.stages.context import Context

_END_SECONDS = 5
_NO_START = "a worker process did not start; its own message is above. --jobs 1 works in one process."


@dataclass(eq=False)
class _Worker:
    """A worker process.

    Attributes:
        process: the process.
        connection: the connection to it.
        job: the job that it runs.
        unsent: the messages of its first job, until it has started and reads them.
        is_ready: whether it has started.
        data: names of the data that it has.
        works: pieces of work that it reports, by number.
    """

    process: subprocess.Popen[bytes]
    connection: Connection
    job: Job | None = None
    unsent: list[Data | Begin] = field(default_factory=list)
    is_ready: bool = False
    data: set[str] = field(default_factory=set)
    works: dict[int, tuple[contextlib.ExitStack, Work]] = field(default_factory=dict)


class ProcessExecutor:
    """An executor that runs jobs in worker processes.

    Args:
        context: store, reporter and device; also runs what cannot be sent.
        jobs: number of workers.
        environment: variables that workers get in addition.
    """

    def __init__(self, context: Context, jobs: int, environment: dict[str, str] | None = None) -> None:
        self.slots = jobs
        self._context, self._environment = context, environment or {}
        self._workers: list[_Worker] = []
        self._inline = SerialExecutor(context)
        self._inline_jobs = 0
        self._logged: set[Log] = set()

    def submit(self, job: Job) -> None:
        """Send a job to a free worker; start one if there is none."""
        try:
            content, data = dump_stage(job.stage)
        except NotPortableError as reason:
            self._context.reporter.warn(f"note: {reason}; what uses it runs in this process alone.")
            self._inline.submit(job)
            self._inline_jobs += 1
            return
        worker = next((worker for worker in self._workers if worker.job is None), None) or self._start()
        worker.job = job
        for name in data.keys() - worker.data:
            worker.unsent.append(Data(name, pickle.dumps(data[name], protocol=5)))
            worker.data.add(name)
        worker.unsent.append(Begin(content, str(job.folder), job.threads or 1, isinstance(job, AttackJob)))
        if worker.is_ready:
            self._send_job(worker)

    def wait(self, timeout: float | None) -> list[JobEnd]:
        """Answer the workers until a job ends or the time is over."""
        if self._inline_jobs:
            self._inline_jobs -= 1
            return self._inline.wait(0)
        ends: list[JobEnd] = []
        connections = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(connections), timeout):
            assert isinstance(connection, Connection), "only connections are waited for"
            worker = connections[connection]
            try:
                end = self._receive(worker)
            except (EOFError, OSError):
                end = self._bury(worker)
            ends += [end] if end else []
        return ends

    def close(self) -> None:
        """End all workers, even in the middle of a job."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            self._close_works(worker)
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(_END_SECONDS)
            worker.process.kill()
            worker.process.wait()
        self._workers.clear()
        self._inline.close()

    def _receive(self, worker: _Worker) -> JobEnd | None:
        """Receive one message of a worker; return the end of its job, if that is what it says."""
        message = worker.connection.recv()
        job = worker.job
        if isinstance(message, Ready):
            worker.is_ready = True
            self._send_job(worker)
        elif isinstance(message, Log):
            if message not in self._logged:  # of several workers, which do the same
                self._logged.add(message)
                logging.getLogger(message.logger).log(message.level, "%s", message.text)
        elif isinstance(message, Report):
            self._report(worker, message)
        elif isinstance(message, Kept) and isinstance(job, AttackJob):
            job.keep(message.record)
        elif isinstance(message, More) and isinstance(job, AttackJob):
            worker.connection.send(Rows(list(job.take())))
        elif isinstance(message, End) and job is not None:
            worker.job = None
            self._close_works(worker)
            return JobEnd(job, RobenchError(message.error, message.frames) if message.error else None)
        return None

    def _send_job(self, worker: _Worker) -> None:
        messages, worker.unsent = worker.unsent, []
        with contextlib.suppress(ConnectionError):  # it died, which wait() finds
            for message in messages:
                worker.connection.send(message)

    def _report(self, worker: _Worker, report: Report) -> None:
        reporter = worker.job.reporter if worker.job else self._context.reporter
        if report.method == "track":
            stack = contextlib.ExitStack()
            worker.works[report.work] = stack, stack.enter_context(reporter.track(*report.arguments))
        elif report.method == "end":
            worker.works.pop(report.work)[0].close()
        elif report.work:
            getattr(worker.works[report.work][1], report.method)(*report.arguments)
        else:
            getattr(reporter, report.method)(*report.arguments)

    def _bury(self, worker: _Worker) -> JobEnd | None:
        """Remove a worker that died, and return the end of its job."""
        self._workers.remove(worker)
        self._close_works(worker)
        worker.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(_END_SECONDS)
        worker.process.kill()
        code = worker.process.wait()
        if worker.job is None:
            return None
        if not worker.is_ready and code >= 0:  # nobody killed it
            return JobEnd(worker.job, RobenchError(_NO_START))
        return JobEnd(worker.job, lost=True)

    def _close_works(self, worker: _Worker) -> None:
        for stack, _ in worker.works.values():
            stack.close()
        worker.works.clear()

    def _start(self) -> _Worker:
        """Start a worker, and tell it what it needs to know."""
        context = self._context
        ours, theirs = socket.socketpair()
        with theirs, _block_interrupts():
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "robench.study.executors.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=_find_errors(),
                stderr=_find_errors(),
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"} | self._environment,
            )
        worker = _Worker(process, Connection(ours.detach()))
        self._workers.append(worker)
        with contextlib.suppress(ConnectionError):
            worker.connection.send(
                Hello(
                    sys_path=[path for path in sys.path if path],
                    plugins=[str(path) for path in registry.plugin_files()],
                    runs=str(context.store.root),
                    device=str(context.device),
                    offline=context.offline,
                    retry_errors=context.retry_errors,
                )
            )
        return worker


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
