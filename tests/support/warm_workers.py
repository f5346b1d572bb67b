"""Workers that are forks of the process that starts them, which has imported everything: they start at once.

They run what a worker runs and end as it ends; only their imports are not their own. Where many workers are killed, a
start of ten seconds each would be all that a test does.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

from robench.study.executors import processes, worker
from support.workers import WARM_WORKER


def use_warm_workers() -> None:
    """Let this process start its workers by forks."""
    replaced = SimpleNamespace(Popen=WarmWorker, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
    vars(processes)["subprocess"] = replaced


class WarmWorker:
    """A forked worker, with what the executor uses of :class:`subprocess.Popen`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int],
        stdin: int,
        stdout: int,
        stderr: int,
        env: Mapping[str, str],
    ) -> None:
        assert command[:3] == [sys.executable, "-P", "-m"] and command[3] == worker.__name__
        self._code: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become_worker(command[4:], pass_fds[0], stdout, stderr, env)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            ended, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if ended:
                self._code = os.waitstatus_to_exitcode(status)
            elif end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            else:
                time.sleep(0.005)
        return self._code

    def _signal(self, number: signal.Signals) -> None:
        if self._code is None:
            os.kill(self.pid, number)


def _become_worker(arguments: Sequence[str], socket: int, stdout: int, stderr: int, env: Mapping[str, str]) -> NoReturn:
    """Run the worker; of the files of the other process, above all its locks, it has none but the socket."""
    code = 1
    try:
        gc.freeze()  # objects of the other process must not end here, and close what is no longer theirs
        errors = os.dup(stderr)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        os.closerange(3, socket)
        os.closerange(socket + 1, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for name in ("", "robench"):
            logging.getLogger(name).handlers.clear()
        os.environ.clear()
        os.environ.update(env)
        Path("/proc/self/comm").write_text(WARM_WORKER, encoding="ascii")
        worker.main(list(arguments))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
