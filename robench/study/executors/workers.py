"""The executor that runs jobs in workers, one for each slot, wherever they are.

How it works: workers start when first needed. Stages are sent to them pickled
(:mod:`robench.study.executors.transport`); records and progress come back, and only this process writes records. It
knows a worker by its :class:`~robench.study.executors.link.Link` alone. A job whose stage cannot be sent runs in this
process.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from robench.errors import RobenchError, UnitError
from robench.progress import Work
from robench.study.executors.inline import InlineJobs
from robench.study.executors.job import AttackJob, Job, JobEnd
from robench.study.executors.link import Death, Link
from robench.study.executors.messages import Begin, Data, End, Log, More, Ready, Report, RowPositions, RowRecord
from robench.study.executors.transport import NotPortableError, dump_stage
from robench.study.stages.context import Context

_NO_START = "a worker process did not start; its own message is above. --jobs 1 works in one process."


@dataclass(eq=False)
class WorkerHandle:
    """What the executor knows of a worker process.

    Attributes:
        link: the link to it.
        job: the job that it runs.
        unsent: the messages of its first job, until it has started and reads them.
        is_ready: whether it has started.
        data: names of the data that it has.
        works: pieces of work that it reports, by number.
    """

    link: Link
    job: Job | None = None
    unsent: list[Data | Begin] = field(default_factory=list)
    is_ready: bool = False
    data: set[str] = field(default_factory=set)
    works: dict[int, tuple[contextlib.ExitStack, Work]] = field(default_factory=dict)


class WorkerExecutor:
    """An executor that runs jobs in workers.

    Args:
        context: store, reporter and device; also runs what cannot be sent.
        jobs: number of workers.
        start: starts a worker.

    Attributes:
        jobs: the same number.
    """

    def __init__(self, context: Context, jobs: int, start: Callable[[], Link]) -> None:
        self.jobs = jobs
        self._context, self._start_link = context, start
        self._workers: list[WorkerHandle] = []
        self._inline = InlineJobs(context)
        self._logged: set[Log] = set()

    @property
    def slots(self) -> int:
        """Return the number of workers."""
        return self.jobs

    def submit(self, job: Job) -> None:
        """Send a job to a free worker; start one if there is none."""
        try:
            content, data = dump_stage(job.stage)
        except NotPortableError as reason:
            self._context.reporter.warn(f"note: {reason}; what uses it runs in this process alone.")
            self._inline.submit(job)
            return
        worker = self._find_free() or self._start()
        worker.job = job
        for name in data.keys() - worker.data:
            worker.unsent.append(Data(name, pickle.dumps(data[name], protocol=5)))
            worker.data.add(name)
        worker.unsent.append(Begin(content, str(job.folder), job.threads or 1, isinstance(job, AttackJob)))
        if worker.is_ready:
            self._send_job(worker)

    def wait(self, timeout: float | None) -> list[JobEnd]:
        """Answer the workers until a job ends or the time is over."""
        descriptors = {worker.link.fileno(): worker for worker in self._workers}
        ends: list[JobEnd] = []
        if self._inline.is_busy:
            ends, timeout = self._inline.run(lambda: bool(wait(descriptors, 0)), timeout), 0
        for descriptor in wait(descriptors, timeout):
            assert isinstance(descriptor, int), "only descriptors are waited for"
            worker = descriptors[descriptor]
            try:
                messages = worker.link.receive()
            except (EOFError, OSError):
                ends += [end] if (end := self._bury(worker)) else []
                continue
            ends += [end for message in messages if (end := self._take_in(worker, message))]
        return ends

    def close(self) -> None:
        """End all workers, even in the middle of a job."""
        for worker in self._workers:
            worker.link.terminate()
        for worker in self._workers:
            self._close_works(worker)
            worker.link.close()
        self._workers.clear()
        self._inline.close()

    def _find_free(self) -> WorkerHandle | None:
        """Return a worker without a job: one that has started, on the machine whose jobs occupy the fewest slots."""
        load = Counter[str]()
        for worker in self._workers:
            load[worker.link.place] += worker.job.slots if worker.job else 0
        free = [worker for worker in self._workers if worker.job is None]
        return min(free, key=lambda worker: (not worker.is_ready, load[worker.link.place]), default=None)

    def _take_in(self, worker: WorkerHandle, message: Ready | Log | Report | RowRecord | More | End) -> JobEnd | None:
        """Act on a message of a worker; return the end of its job, if that is what it says."""
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
        elif isinstance(message, RowRecord) and isinstance(job, AttackJob):
            job.rows.keep(message.record)
        elif isinstance(message, More) and isinstance(job, AttackJob):
            rows = RowPositions(job.rows.take())
            with contextlib.suppress(ConnectionError):  # it died, which wait() finds
                worker.link.send(rows)
        elif isinstance(message, End) and job is not None:
            worker.job = None
            self._close_works(worker)
            return JobEnd(job, _read_error(message, worker) if message.error else None)
        elif isinstance(message, End):
            raise _read_error(message, worker)
        return None

    def _send_job(self, worker: WorkerHandle) -> None:
        messages, worker.unsent = worker.unsent, []
        if worker.job is not None:
            with contextlib.suppress(ConnectionError):  # it died, which wait() finds
                worker.link.begin(worker.job, messages)

    def _report(self, worker: WorkerHandle, report: Report) -> None:
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

    def _bury(self, worker: WorkerHandle) -> JobEnd | None:
        """Remove a worker that died, and return the end of its job."""
        self._workers.remove(worker)
        self._close_works(worker)
        death = worker.link.close()
        if worker.job is None:
            return None
        if not worker.is_ready and death is Death.ENDED:
            return JobEnd(worker.job, RobenchError(_NO_START))
        return JobEnd(
            worker.job, lost=True, is_machine_lost=death is Death.MACHINE_LOST, exit_code=worker.link.exit_code
        )

    def _close_works(self, worker: WorkerHandle) -> None:
        for stack, _ in worker.works.values():
            stack.close()
        worker.works.clear()

    def _start(self) -> WorkerHandle:
        worker = WorkerHandle(self._start_link())
        self._workers.append(worker)
        return worker


def _read_error(end: End, worker: WorkerHandle) -> RobenchError:
    """Return why a job failed, or why a worker cannot start, which is the fault of no job."""
    return (UnitError if end.spares_others and worker.is_ready else RobenchError)(end.error, end.frames)
