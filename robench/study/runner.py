"""The runner, which makes the stages of a plan; finished stages are not made again, interrupted ones are continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.results.info import CellInfo
from robench.results.store import Store, StoredStage
from robench.study.plan import order_stages
from robench.study.presets import Existing
from robench.study.request import BaseRequest
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage


def run_requests(
    requests: Sequence[BaseRequest], store: Store, reporter: Reporter, existing: Existing
) -> list[StoredStage[CellInfo]]:
    """Plan requests and run them.

    Args:
        requests: requests that differ at most in their encoders.
        store: the runs folder.
        reporter: shows the progress.
        existing: what to do with results that are there.

    Returns:
        The finished cells.

    Raises:
        RobenchError: an option is out of range, or something cannot be fetched, computed or stored.
    """
    if existing not in get_args(Existing):
        raise RobenchError(f"unknown --existing {existing!r}: there are {', '.join(get_args(Existing))}.")
    for request in requests:
        request.check()
    if existing != "only-cache":
        store.check_writable()
        for request in requests:
            request.fetch_published()
    from robench.attacking.engine.workers import Workers, choose_worker_count
    from robench.models import devices

    stored: list[StoredStage[Any]] = []
    for request in requests:
        device = devices.choose_device(request.device)
        with Workers(choose_worker_count(request.workers, device)) as workers:
            context = Context(store, reporter, device, offline=request.offline, workers=workers)
            stored += Runner(context, existing=existing).run(request.stages(reporter))
    cells = [stage for stage in stored if isinstance(stage.info, CellInfo)]
    for cell in cells:  # those of results that were there before are shown, too
        for warning in cell.info.warnings:
            reporter.warn(f"warning: {warning}")
    return cells


class Runner:
    """Runs stages one after another.

    Args:
        context: store, reporter, device and models in memory, which stages are made with.
        existing: what to do with existing results.
    """

    def __init__(self, context: Context, *, existing: Existing = "only-missing") -> None:
        self._context, self._existing = context, existing

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and everything that they need, and return the finished ones in the same order.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        context = self._context
        if self._existing != "only-cache":
            context.store.check_writable()
            missing = order_stages(stages, done=self.is_done)
            for need in {need.key: need for stage in stages for need in stage.needs}.values():
                if self.is_done(need):
                    need.check_unchanged(context)
            for stage in missing:  # a resource that cannot be fetched fails here rather than after hours of training
                stage.prepare(offline=context.offline)
            for number, stage in enumerate(missing, start=1):
                context.reporter.announce_stage(number, len(missing), f"{stage.title} ({stage.key})")
                self._make(stage)
        stored = (context.store.read(stage.folder(context.store)) for stage in stages)
        return [stage for stage in stored if stage is not None]

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has a result that should be used."""
        store = self._context.store
        return self._existing != "always" and store.read(stage.folder(store)) is not None

    def _make(self, stage: Stage) -> None:
        store, reporter = self._context.store, self._context.reporter
        with store.lock(stage.folder(store), lambda: reporter.say("    another process is at it: waiting")):
            folder = stage.folder(store)  # another process may have given it another label
            if self._existing == "always":
                store.remove(folder)
            elif store.read(folder):  # another process made it while this one waited for the lock
                return
            stage.make(self._context, folder)
