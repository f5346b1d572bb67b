"""Command lines in processes of their own, to be interrupted, killed, starved and run at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.workers import workers_of

TESTS = Path(__file__).parents[1]


class Processes:
    """Starts ``robench`` in forks of a process that has imported everything."""

    def __init__(self, folder: Path) -> None:
        import torch

        threads = str(torch.get_num_threads())  # as many as here, since keys of models have them
        self._folder, self._count, self._asked = folder, 0, 0
        paths = [path for path in [os.environ.get("PYTHONPATH")] if path]
        self._server = subprocess.Popen(
            [sys.executable, "-m", "support.warm_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join([str(TESTS), *paths])},
        )

    def ask(self, request: dict[str, Any]) -> int:
        """Ask the server; an answer that an interrupted test did not wait for is skipped."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._asked += 1
        self._server.stdin.write(json.dumps(request | {"number": self._asked}) + "\n")
        self._server.stdin.flush()
        while True:
            number, answer = map(int, self._server.stdout.readline().split())
            if number == self._asked:
                return answer

    def start(
        self,
        *arguments: object,
        largest_file: int = 0,
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
        checkpoint_always: bool = False,
        warm_workers: bool = False,
        packages: Path | None = None,
    ) -> Run:
        """Start a command.

        Args:
            arguments: the words after ``robench``.
            largest_file: bytes of a file that fit on the disk; 0 for any number.
            folder: the working directory.
            environment: more variables.
            checkpoint_always: whether trainings write a checkpoint after each step; not those of workers.
            warm_workers: whether workers are forks, which start at once (:mod:`support.warm_workers`).
            packages: a folder with installed packages.
        """
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        job = {
            "arguments": [str(argument) for argument in arguments],
            "out": str(out),
            "err": str(err),
            "folder": str(folder or self._folder),
            "largest_file": largest_file,
            "environment": environment or {},
            "checkpoint_always": checkpoint_always,
            "warm_workers": warm_workers,
            "packages": str(packages or ""),
        }
        return Run(self, self.ask({"start": job}), out, err)

    def stop(self) -> None:
        self._server.communicate()


@dataclass(frozen=True)
class Run:
    """A started command line."""

    processes: Processes
    id: int
    out: Path
    err: Path

    def wait(self) -> int:
        """Its exit code when it has ended; negative where a signal ended it."""
        return self.processes.ask({"wait": self.id})

    @property
    def is_alive(self) -> bool:
        return bool(self.processes.ask({"alive": self.id}))

    def signal_when(self, ready: Callable[[], bool], number: signal.Signals, seconds: float = 60) -> int:
        """Send a signal as soon as ``ready`` says so; give the exit code."""
        self._wait_until(ready, seconds)
        os.kill(self.id, number)
        return self.wait()

    def kill_worker_when(self, ready: Callable[[], bool]) -> None:
        """Kill the oldest worker of this command as soon as ``ready`` says so."""
        self._wait_until(ready, 240)
        os.kill(workers_of(self.id)[0], signal.SIGKILL)

    def _wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end and self.is_alive, f"never ready: {self.stderr}"
            time.sleep(0.002)

    @property
    def stderr(self) -> str:
        return self.err.read_text(encoding="utf-8")

    @property
    def stdout(self) -> str:
        return self.out.read_text(encoding="utf-8")
