"""A baseline in a process of its own, where nothing that robench does for its speed can serve it."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Step = TypeVar("Step")


@contextlib.contextmanager
def elsewhere(steps: Callable[..., Iterator[Step]], *arguments: Any) -> Iterator[Callable[[], Step | None]]:
    """What takes the next of the ``steps`` there and gives what it yields; None when there are no more.

    Args:
        steps: a function of a module, called there.
        arguments: of the function.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, steps, arguments))
    process.start()
    theirs.close()

    def step() -> Step | None:
        ours.send(None)
        found: Step | None = ours.recv()
        return found

    try:
        yield step
    finally:
        ours.close()
        process.join()


def _serve(connection: Connection, steps: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]) -> None:
    taken = steps(*arguments)
    with contextlib.suppress(EOFError, BrokenPipeError):  # nobody listens any more
        while True:
            connection.recv()
            connection.send(next(taken, None))
