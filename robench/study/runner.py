"""The runner, which makes the stages of a plan; finished stages are not made again, interrupted ones are continued."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.resources.missing_packages import gather_missing
from robench.results.info import CellInfo
from robench.results.redo import Redo
from robench.results.request_log import RequestLog
from robench.results.store import Store, StoredStage
from robench.study.base_request import BaseRequest
from robench.study.coordinator import Coordinator
from robench.study.estimate import Estimator, schedule_stage
from robench.study.executors.capacity import choose_threads
from robench.study.executors.choice import SERIAL, ExecutorChoice
from robench.study.failures import StageFailure, UnfinishedRunError
from robench.study.options import THREADS
from robench.study.plan import order_stages
from robench.study.presets import Existing
from robench.study.schedule import find_levels
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from robench.study.stages.stage import ChangedModelError, Stage
from robench.study.stages.victim import VictimStage
from robench.study.text_estimate import estimate_texts
from robench.study.time_left import TimeLeft
from robench.victims.answers import drop_new_answers, replace_answers
from robench.victims.source import VictimSource


def run_requests(
    requests: Sequence[BaseRequest],
    store: Store,
    reporter: Reporter,
    existing: Existing,
    *,
    retry_errors: bool = False,
    command: str = "",
) -> list[StoredStage[CellInfo]]:
    """Plan requests and run them; stages of several requests run side by side.

    Args:
        requests: requests that differ at most in their encoders.
        store: the runs folder.
        reporter: shows the progress.
        existing: what to do with results that are there.
        retry_errors: whether to attack the rows again that ended in an error.
        command: the command that makes the same, for ``robench status``; empty if there is none.

    Returns:
        The finished cells.

    Raises:
        UnfinishedRunError: some stages failed; what does not need them is finished, and with the error.
        RobenchError: an option is out of range, or something cannot be fetched, computed or stored.
    """
    if existing not in get_args(Existing):
        raise RobenchError(f"unknown --existing {existing!r}: there are {', '.join(get_args(Existing))}.")
    if retry_errors and existing == "only-cache":
        raise RobenchError(
            "--retry-errors attacks rows again, and --existing only-cache computes nothing: leave one out."
        )
    for request in requests:
        request.check()
    if existing != "only-cache" and _is_writable(store):  # if not, the runner says so if anything has to be made
        for request in requests:
            request.fetch_published()
    from robench.attacking.engine.workers import Workers, choose_worker_count
    from robench.models import devices

    redo = Redo(store) if existing == "always" else None
    log = RequestLog(store.root, command, again=redo is not None)
    common = requests[0]
    device = devices.choose_device(common.device)
    with Workers(choose_worker_count(common.workers, device)) as workers:
        context = Context(store, reporter, device, common.offline, workers, retry_errors, again=redo is not None)
        choice = ExecutorChoice.of(common)
        runner = Runner(context, existing=existing, redo=redo, executor=choice, threads=common.threads, log=log)
        with contextlib.closing(context), contextlib.ExitStack() as preserved:
            stages = [stage for request in requests for stage in request.stages(reporter)]
            for source in _find_victims(stages).values():
                preserved.enter_context(source.preserve())
            failure: UnfinishedRunError | None = None
            try:
                stored = runner.run(stages)
            except UnfinishedRunError as error:
                stored, failure = error.stored, error
    if redo is not None and failure is None:
        replace_answers(store.root, _find_victims(stages))
        redo.finish()  # last, so that the same command repeats what failed before
    cells = [stage for stage in stored if isinstance(stage.info, CellInfo)]
    for cell in cells:  # those of results that were there before are shown, too
        for warning in cell.info.warnings:
            reporter.warn(f"warning: {warning}")
    if failure is not None:
        raise failure
    return cells


def _is_writable(store: Store) -> bool:
    try:
        store.check_writable()
    except RobenchError:
        return False
    return True


def _find_victims(stages: Sequence[Stage]) -> dict[str, VictimSource]:
    """Return the user's models among stages and all that they need, by digest."""
    return {stage.source.digest: stage.source for stage in order_stages(stages) if isinstance(stage, VictimStage)}


class Runner:
    """Makes stages, and everything that they need.

    Args:
        context: store, reporter, device and models in memory, which stages are made with.
        existing: what to do with existing results.
        redo: what was made again already, if existing results are to be; by default nothing.
        executor: what runs the jobs; by default this process, one after another.
        threads: number of threads of a training on a CPU.
        log: receives the stages that are to be made; by default nothing does.
    """

    def __init__(
        self,
        context: Context,
        *,
        existing: Existing = "only-missing",
        redo: Redo | None = None,
        executor: ExecutorChoice = SERIAL,
        threads: int = THREADS,
        log: RequestLog | None = None,
    ) -> None:
        self._context, self._existing, self._log = context, existing, log
        self._folders = StageFolders(context, (redo or Redo(context.store)) if existing == "always" else None)
        self._choice, self._threads = executor, choose_threads(threads, context.device)

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and everything that they need, and return the finished ones in the same order.

        What is there and does not fit is set aside and made again; with ``only-cache``, it is named and left out. With
        ``always``, an old result stays until the new one is whole.

        Raises:
            UnfinishedRunError: some failed; it has those of the others that were asked for.
            RobenchError: something cannot be fetched, stored or computed.
        """
        context, folders = self._context, self._folders
        if self._existing == "only-cache":
            return [stored for stage in stages if (stored := folders.find(stage))]
        missing = self.find_missing(stages)
        if missing:
            context.store.check_writable()
        context.store.sweep()  # even if all is there: a process may have been killed when its last stage was whole
        try:
            self._check_unchanged(stages)
        except ChangedModelError:
            if folders.redo is None:
                raise
            folders.redo.forget()  # what was made again before the interruption is of other weights
            drop_new_answers(context.store.root, _find_victims(stages))
            missing = order_stages(stages)
        for stage in stages:
            self._report_changed_parents(stage)
        self.prepare(missing)
        self._log_request(stages, missing)
        for line in estimate_texts(missing, context):
            context.reporter.say(line)
        failures = self._make(missing) if missing else []
        if context.retry_errors and missing:
            for stage in order_stages(stages):
                if stage not in missing and folders.find(stage):
                    self._report_changed_parents(stage)
        if failures and folders.redo is not None:  # old results stay until they are made again
            stages = [stage for stage in stages if folders.is_done(stage)]
        found = [stored for stage in stages if (stored := folders.find(stage))]
        if failures:
            raise UnfinishedRunError(failures, found) from failures[0].error
        return found

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Fetch what stages need: what is not available fails here rather than after hours of training.

        Raises:
            RobenchError: something cannot be fetched; one error names all packages that are missing offline.
        """
        gather_missing(partial(stage.prepare, offline=self._context.offline) for stage in stages)

    def find_missing(self, stages: Sequence[Stage]) -> list[Stage]:
        """Return the stages to make, each after its needs; to retry errors, those that finished stages need, too."""
        folders = self._folders
        if folders.redo is not None:
            folders.redo.begin(stage.key for stage in order_stages(stages))
        retry = order_stages(stages) if self._context.retry_errors and folders.redo is None else []
        return order_stages([*filter(folders.has_errors, retry), *stages], done=folders.is_done)

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has a result that should be used."""
        return self._folders.is_done(stage)

    def _make(self, stages: Sequence[Stage]) -> list[StageFailure]:
        context = self._context
        estimator = Estimator(context.store)
        scheduled = [schedule_stage(stage, estimator.guess_seconds(stage), self._threads) for stage in stages]
        executor, jobs = self._choice.start(context, stages, sum(one.seconds for one in scheduled))
        ranks = {} if jobs == 1 else find_levels(scheduled, jobs)
        unknown = {stage.key for stage in stages if estimator.seconds(stage) is None}
        left = TimeLeft(scheduled, jobs, unknown)
        with contextlib.closing(executor):
            coordinator = Coordinator(self._folders, executor, context.reporter, threads=self._threads)
            return coordinator.make(stages, ranks, left)

    def _log_request(self, stages: Sequence[Stage], missing: Sequence[Stage]) -> None:
        if self._log is not None and missing:
            done = len(order_stages(stages)) - len(missing)
            self._log.add(done, {f"{stage.kind}/{stage.label}-{stage.key}": stage.size.count for stage in missing})

    def _check_unchanged(self, stages: Sequence[Stage]) -> None:
        for need in {need.key: need for stage in stages for need in stage.needs}.values():
            if need.can_change and self.is_done(need):
                need.check_unchanged(self._context)

    def _report_changed_parents(self, stage: Stage) -> None:
        stored = self._folders.find(stage)
        if stored is None:
            return
        for key in self._folders.find_changed_parents(stage, stored):
            self._context.reporter.warn(
                f"note: {stored.folder.name} was made from {key}, which has changed since; `--existing always` makes"
                " both again."
            )
