"""The runner, which makes the stages of a plan; finished stages are not made again, interrupted ones are continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.results import integrity, records
from robench.results.aside import set_aside
from robench.results.info import REMEDY, CellInfo
from robench.results.info_parts import Outcome
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
) -> list[StoredStage[CellInfo]]:
    """Plan requests and run them.

    Args:
        requests: requests that differ at most in their encoders.
        store: the runs folder.
        reporter: shows the progress.
        existing: what to do with results that are there.
        retry_errors: whether to attack the rows again that ended in an error.

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
    for request in requests:
        device = devices.choose_device(request.device)
        with Workers(choose_worker_count(request.workers, device)) as workers:
            context = Context(store, reporter, device, request.offline, workers, retry_errors)
            stored += Runner(context, existing=existing).run(request.stages(reporter))
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
    """

    def __init__(self, context: Context, *, existing: Existing = "only-missing") -> None:
        self._context, self._existing = context, existing
        self._stored: dict[str, StoredStage[Any] | None] = {}

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and everything that they need, and return the finished ones in the same order.

        What is there and does not fit is set aside and made again; with ``only-cache``, it is named and left out.

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
        for need in {need.key: need for stage in stages for need in stage.needs}.values():
            if need.can_change and self.is_done(need):
                need.check_unchanged(context)
        for stage in stages:
            self._report_changed_parents(stage)
        for stage in missing:  # a resource that cannot be fetched fails here rather than after hours of training
            stage.prepare(offline=context.offline)
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
        retry = order_stages(stages) if self._context.retry_errors and self._existing != "always" else []
        return order_stages([*filter(self._has_errors, retry), *stages], done=self.is_done)

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has a result that should be used: all its files are as they were stored."""
        if self._existing == "always" or self._find(stage) is None:
            return False
        return not (self._context.retry_errors and self._has_errors(stage))

    def _has_errors(self, stage: Stage) -> bool:
        """Return whether rows of a finished stage ended in an error."""
        stored = self._find(stage)
        outcome: Outcome | None = getattr(stored.info, "attacked", None) if stored else None
        return outcome is not None and outcome.errors > 0

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
        now = stage.digest_parents(self._context.store)
        for key in integrity.find_changed_parents(stored.info, lambda key: now.get(key, "")):
            self._context.reporter.warn(
                f"note: {stored.folder.name} was made from {key}, which has changed since; `--existing always` makes"
                " both again."
            )

    def _make(self, stage: Stage) -> None:
        store, reporter = self._context.store, self._context.reporter
        with store.lock(stage.folder(store), lambda: reporter.say("    another process is at it: waiting")):
            if self._existing == "always":
                for folder in store.twins(stage.kind, stage.key):
                    store.remove(folder)
            else:
                stored = self._check(stage)  # another process may have made it while this one waited for the lock
                self._stored[stage.key] = stored
                if stored is None or not self.is_done(stage):
                    self._set_aside(stage)
                    self._stored[stage.key] = None
            if self._stored.get(stage.key) is None:
                stage.make(self._context, stage.folder(store))
                self._stored[stage.key] = store.read(stage.folder(store))

    def _set_aside(self, stage: Stage) -> None:
        """Move finished folders of a stage that do not fit; their records come back, to be judged one by one."""
        store = self._context.store
        for folder in store.twins(stage.kind, stage.key):
            if not (folder / STAGE_FILE).exists():
                continue
            place = set_aside(folder)
            self._context.reporter.warn(f"    {folder} is moved to {place}, and made again")
            if (place / RECORDS_FILE).is_file():
                records.add_lines(stage.folder(store) / RECORDS_FILE, (place / RECORDS_FILE).read_bytes())
