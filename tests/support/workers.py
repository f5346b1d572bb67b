"""The worker processes of a command, as the system lists them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

WORKER = "robench.study.executors.worker"
WARM_WORKER = "robench-worker"
"""How the system lists a worker that is a fork (:mod:`support.warm_workers`)."""


def is_alive(process: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def workers_of(parent: int) -> list[int]:
    """The living workers that a process started, the oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent_id = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
            if int(parent_id) == parent and state != "Z" and _is_worker(folder):
                found.append(int(folder.name))
    return sorted(found)


def _is_worker(folder: Path) -> bool:
    name = (folder / "comm").read_text(encoding="utf-8").strip()
    return name == WARM_WORKER or WORKER.encode() in (folder / "cmdline").read_bytes()


def workers_below(ancestor: int) -> list[int]:
    """The living workers that a process started, be it by others, as those of a local Ray cluster."""
    return [process for process, command in processes_below(ancestor).items() if WORKER.encode() in command]


def processes_below(ancestor: int) -> dict[int, bytes]:
    """The living processes that a process started, be it by others, with their command lines, the oldest first."""
    parents: dict[int, int] = {}
    commands: dict[int, bytes] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
            parents[int(folder.name)] = int(parent)
            if state != "Z":
                commands[int(folder.name)] = (folder / "cmdline").read_bytes()

    def is_below(process: int) -> bool:
        parent = parents.get(process, 0)
        return parent == ancestor or (parent > 1 and is_below(parent))

    return {process: command for process, command in sorted(commands.items()) if is_below(process)}


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.02)


def wait_for_end(processes: Iterable[int], seconds: float = 10) -> None:
    """Wait until processes have ended, which workers do by themselves."""
    wait_until(lambda: not any(map(is_alive, processes)), "workers end with the process that started them", seconds)
