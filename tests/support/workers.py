"""The worker processes of a command, as the system lists them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

import psutil

WORKER = "robench.study.executors.worker"
WARM_WORKER = "robench-worker"
"""How the system lists a worker that is a fork (:mod:`support.warm_workers`)."""


def is_alive(process: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    return False


def workers_of(parent: int) -> list[int]:
    """The living workers that a process started, the oldest first."""
    return [process for process, words in _list_children(parent).items() if _is_worker(words)]


def workers_below(ancestor: int) -> list[int]:
    """The living workers that a process started, be it by others, as those of a local Ray cluster."""
    return [process for process, words in processes_below(ancestor).items() if _is_worker(words)]


def processes_below(ancestor: int) -> dict[int, str]:
    """The living processes that a process started, be it by others: names and command lines, the oldest first."""
    return _list_children(ancestor, recursive=True)


def parent_of(process: int) -> int:
    return psutil.Process(process).ppid()


def _is_worker(words: str) -> bool:
    return words.startswith(WARM_WORKER) or WORKER in words


def _list_children(parent: int, *, recursive: bool = False) -> dict[int, str]:
    found = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(parent).children(recursive=recursive):
            with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie is, too
                found[child.pid] = " ".join([child.name(), *child.cmdline()])
    return dict(sorted(found.items()))


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.02)


def wait_for_end(processes: Iterable[int], seconds: float = 10) -> None:
    """Wait until processes have ended, which workers do by themselves."""
    wait_until(lambda: not any(map(is_alive, processes)), "workers end with the process that started them", seconds)
