"""The stages of a run that failed, and the end of such a run: everything that does not need them is finished first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robench.errors import RobenchError
from robench.escaping import count_noun
from robench.results.info import CellInfo
from robench.results.store import StoredStage

SHOWN = 3
"""Most failures whose sentences end a run; those of all are told when they happen."""


@dataclass(frozen=True)
class StageFailure:
    """The failure of a stage.

    Attributes:
        title: the title of the stage.
        error: why it failed.
        dependents: number of stages that need it, directly or not, and so are not made.
    """

    title: str
    error: RobenchError
    dependents: int

    def __str__(self) -> str:
        """Return what happened, in sentences."""
        rest = f" Not made without it: {count_noun(self.dependents, 'stage')}." if self.dependents else ""
        return f"{self.title}: {str(self.error).rstrip('.')}.{rest}"


class UnfinishedRunError(RobenchError):
    """The end of a run in which stages failed.

    Args:
        failures: the failures, at least one.
        stored: those of the requested stages that are finished.
    """

    def __init__(self, failures: Sequence[StageFailure], stored: Sequence[StoredStage[Any]]) -> None:
        super().__init__(_describe(failures), failures[0].error.frames)
        self.stored = list(stored)

    @property
    def cells(self) -> list[StoredStage[CellInfo]]:
        """Return the finished cells."""
        return [stage for stage in self.stored if isinstance(stage.info, CellInfo)]


def _describe(failures: Sequence[StageFailure]) -> str:
    if len(failures) == 1:
        return str(failures[0])
    more = len(failures) - SHOWN
    lines = [f"- {failure}" for failure in failures[:SHOWN]]
    end = [f"and {more} more, which are told above"] if more > 0 else []
    return "\n".join([f"{len(failures)} stages failed:", *lines, *end])
