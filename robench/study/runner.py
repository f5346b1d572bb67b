"""The runner, which makes the stages of a plan; finished stages are not made again, interrupted ones are continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.progress import Reporter
from robench.results import integrity, records
from robench.results.aside import bring_records_back, set_aside
from robench.results.info import REMEDY, CellInfo
from robench.results.info_parts import Outcome
from robench.results.redo import Redo
from robench.results.request_log import RequestLog
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store, StoredStage
from robench.study.plan import order_stages
from robench.study.presets import Existing
from robench.study.request import BaseRequest
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage


def run_requests(
    requests: Sequence[BaseRequest],
    store: Store,
    reporter: Reporter,
    existing: Existing,
    *,
    retry_errors: bool = False,
    command: str = "",
) -> list[StoredStage[CellInfo]]:
    """Plan requests and run them.

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

    stored: list[StoredStage[Any]] = []
    redo = Redo(store) if existing == "always" else None
    log = RequestLog(store.root, command, again=redo is not None)
    for request in requests:
        device = devices.choose_device(request.device)
        with Workers(choose_worker_count(request.workers, device)) as workers:
            context = Context(store, reporter, device, request.offline, workers, retry_errors)
            stored += Runner(context, existing=existing, redo=redo, log=log).run(request.stages(reporter))
    if redo is not None:
        redo.finish()
    cells = [stage for stage in stored if isinstance(stage.info, CellInfo)]
    for cell in cells:  # those of results that were there before are shown, too
        for warning in cell.info.warnings:
            reporter.warn(f"warning: {warning}")
    return cells


def _is_writable(store: Store) -> bool:
    try:
        store.check_writable()
    except RobenchError:
        return False
    return True


class Runner:
    """Runs stages one after another.

    Args:
        context: store, reporter, device and models in memory, which stages are made with.
        existing: what to do with existing results.
        redo: what was made again already, if existing results are to be; by default nothing.
        log: receives the stages that are to be made; by default nothing does.
    """

    def __init__(
        self,
        context: Context,
        *,
        existing: Existing = "only-missing",
        redo: Redo | None = None,
        log: RequestLog | None = None,
    ) -> None:
        self._context, self._existing, self._log = context, existing, log
        self._redo = (redo or Redo(context.store)) if existing == "always" else None
        self._stored: dict[str, StoredStage[Any] | None] = {}

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and everything that they need, and return the finished ones in the same order.

        What is there and does not fit is set aside and made again; with ``only-cache``, it is named and left out. With
        ``always``, an old result stays until the new one is whole.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        context = self._context
        if self._existing == "only-cache":
            return [stored for stage in stages if (stored := self._find(stage))]
        missing = self.find_missing(stages)
        if missing:
            context.store.check_writable()
            context.store.sweep()
        try:
            self._check_unchanged(stages)
        except RobenchError:
            if self._redo is None:
                raise
            self._redo.forget()  # a function's weights changed while the redo was interrupted
            missing = order_stages(stages)
        for stage in stages:
            self._report_changed_parents(stage)
        for stage in missing:  # a resource that cannot be fetched fails here rather than after hours of training
            stage.prepare(offline=context.offline)
        self._log_request(stages, missing)
        for number, stage in enumerate(missing, start=1):
            context.reporter.announce_stage(number, len(missing), f"{stage.title} ({stage.key})")
            self._make(stage)
        if context.retry_errors and missing:
            for stage in order_stages(stages):
                if stage not in missing and self._find(stage):
                    self._report_changed_parents(stage)
        return [stored for stage in stages if (stored := self._stored[stage.key])]

    def find_missing(self, stages: Sequence[Stage]) -> list[Stage]:
        """Return the stages to make, each after its needs; to retry errors, those that finished stages need, too."""
        if self._redo is not None:
            self._redo.begin(stage.key for stage in order_stages(stages))
        retry = order_stages(stages) if self._context.retry_errors and self._redo is None else []
        return order_stages([*filter(self._has_errors, retry), *stages], done=self.is_done)

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has a result that should be used: all its files are as they were stored."""
        if self._redo is not None and not self._redo.is_done(stage.key):
            return False
        if (stored := self._find(stage)) is None:
            return False
        if self._redo is not None:
            return not self._find_changed_parents(stage, stored)
        return not (self._context.retry_errors and self._has_errors(stage))

    def _log_request(self, stages: Sequence[Stage], missing: Sequence[Stage]) -> None:
        if self._log is not None and missing:
            done = len(order_stages(stages)) - len(missing)
            self._log.add(done, {f"{stage.kind}/{stage.label}-{stage.key}": stage.size.count for stage in missing})

    def _has_errors(self, stage: Stage) -> bool:
        """Return whether rows of a finished stage ended in an error."""
        stored = self._find(stage)
        outcome: Outcome | None = getattr(stored.info, "attacked", None) if stored else None
        return outcome is not None and outcome.errors > 0

    def _check_unchanged(self, stages: Sequence[Stage]) -> None:
        for need in {need.key: need for stage in stages for need in stage.needs}.values():
            if need.can_change and self.is_done(need):
                need.check_unchanged(self._context)

    def _find(self, stage: Stage) -> StoredStage[Any] | None:
        """Return the result of a stage, which is checked once; None if there is none that fits."""
        if stage.key not in self._stored:
            self._stored[stage.key] = self._check(stage)
        return self._stored[stage.key]

    def _check(self, stage: Stage) -> StoredStage[Any] | None:
        store = self._context.store
        sound: list[StoredStage[Any]] = []
        for folder in store.twins(stage.kind, stage.key):
            try:
                stored = store.read(folder)
            except RobenchError as error:
                store.tell(str(error))
                continue
            if stored and (faults := stage.find_faults(stored)):
                store.tell(f"{folder}: {'; '.join(faults)}; {REMEDY}.")
            elif stored:
                sound.append(stored)
        return store.choose(sound)

    def _report_changed_parents(self, stage: Stage) -> None:
        stored = self._stored.get(stage.key)
        if stored is None:
            return
        for key in self._find_changed_parents(stage, stored):
            self._context.reporter.warn(
                f"note: {stored.folder.name} was made from {key}, which has changed since; `--existing always` makes"
                " both again."
            )

    def _find_changed_parents(self, stage: Stage, stored: StoredStage[Any]) -> list[str]:
        now = stage.digest_parents(self._context.store)
        return integrity.find_changed_parents(stored.info, lambda key: now.get(key, ""))

    def _make(self, stage: Stage) -> None:
        store, reporter = self._context.store, self._context.reporter
        with store.lock(stage.folder(store), lambda: reporter.say("    another process is making this stage: waiting")):
            if self._redo is not None:
                self._redo.refresh()
            stored = None
            if self._redo is None or self._redo.is_done(stage.key):
                stored = self._stored[stage.key] = self._check(stage)
                if self.is_done(stage):  # another process made it while this one waited for the lock
                    return
            if self._redo is not None or stored is not None:
                self._replace(stage, stored)
            else:
                self._set_aside(stage)
                stage.make(self._context, stage.folder(store))
            self._stored[stage.key] = store.read(stage.folder(store))

    def _replace(self, stage: Stage, stored: StoredStage[Any] | None) -> None:
        """Make a stage in another place, and put it in the place of the old result when it is whole.

        Args:
            stage: the stage.
            stored: the old result. Its records are kept, unless it is to be made again from the beginning.
        """
        store, redo = self._context.store, self._redo or Redo(self._context.store)
        folder = stage.folder(store)
        place = redo.place(folder, stage.digest_parents(store))
        try:
            if self._redo is None and stored and not (place / RECORDS_FILE).exists():
                records.add_lines(place / RECORDS_FILE, read_regular(stored.folder / RECORDS_FILE))
            stage.make(self._context, place)
            redo.install(place, folder)
        finally:
            redo.tidy(place)

    def _set_aside(self, stage: Stage) -> None:
        """Move finished folders of a stage that do not fit; their records come back, to be judged one by one."""
        store = self._context.store
        for folder in store.twins(stage.kind, stage.key):
            if not (folder / STAGE_FILE).exists():
                continue
            place = set_aside(folder)
            self._context.reporter.warn(f"    {folder} is moved to {place}, and made again")
            bring_records_back(place, stage.folder(store))
