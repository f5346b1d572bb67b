"""The link to a worker, wherever it runs; an executor needs nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

from robench.study.executors.job import Job
from robench.study.executors.messages import Begin, Data, RowPositions


class Death(Enum):
    """The way in which a worker died."""

    ENDED = "it ended by itself"
    KILLED = "somebody killed it"
    MACHINE_LOST = "its machine is gone"


class Link(Protocol):
    """A link to a worker, which has been told what it needs to know before anything else.

    Links of one kind can be waited for with :func:`multiprocessing.connection.wait`.

    Attributes:
        place: the name of the machine that the worker is on; empty if that is not known yet, or does not matter.
        exit_code: of the worker's process once it is dead, the negative number of a signal that killed it; None if it
            is not known.
    """

    place: str
    exit_code: int | None

    def fileno(self) -> int:
        """Return the descriptor that can be read as soon as there is a message, or the worker is dead."""

    def begin(self, job: Job, messages: Sequence[Data | Begin]) -> None:
        """Send a job, and the data that it needs.

        Args:
            job: the job.
            messages: data, and the beginning of the job.

        Raises:
            OSError: the worker is dead.
        """

    def send(self, message: RowPositions) -> None:
        """Send a message about the job that runs.

        Raises:
            OSError: the worker is dead.
        """

    def receive(self) -> Sequence[Any]:
        """Return the messages that have come; wait for one if there is none.

        Raises:
            EOFError, OSError: the worker is dead.
        """

    def terminate(self) -> None:
        """Begin to end the worker, even in the middle of a job; a training ends with a checkpoint after its step."""

    def close(self) -> Death:
        """Wait for the end of the worker, release everything that the link holds, and return how the worker died."""
