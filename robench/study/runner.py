"""Run the stages of a plan: what is finished is not done again, what was interrupted goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from robench.results.store import StoredStage
from robench.study.plan import order_stages
from robench.study.presets import Existing
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage

if TYPE_CHECKING:
    pass


class Runner:
    """Runs stages one after another.

    Args:
        context: what stages are made with.
        existing: what to do with results that are there.
    """

    def __init__(self, context: Context, *, existing: Existing = "only-missing") -> None:
        self._context, self._existing = context, existing

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and all that they need; return those that are there in the end, in the same order.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        context = self._context
        if self._existing != "only-cache":
            context.store.check_writable()
            missing = order_stages(stages, done=self.is_done)
            for needed in {needed.key: needed for stage in stages for needed in stage.needs}.values():
                if self.is_done(needed):
                    needed.check_unchanged(context)
            for stage in missing:  # what cannot be had is told before hours of training
                stage.prepare(offline=context.offline)
            for number, stage in enumerate(missing, start=1):
                context.reporter.announce_stage(number, len(missing), f"{stage.title} ({stage.key})")
                self._make(stage)
        stored = (context.store.read(stage.folder(context.store)) for stage in stages)
        return [stage for stage in stored if stage is not None]

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage's result is there and is to be used."""
        store = self._context.store
        return self._existing != "always" and store.read(stage.folder(store)) is not None

    def _make(self, stage: Stage) -> None:
        store, reporter = self._context.store, self._context.reporter
        folder = stage.folder(store)
        with store.lock(folder, lambda: reporter.say("    another process is at it: waiting")):
            if self._existing == "always":
                store.remove(folder)
            elif store.read(folder):  # another process made it meanwhile
                return
            stage.make(self._context, folder)
