"""The connection to a Ray cluster: one that is there, or a local one that lives as long as the connection."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ray

from robench.errors import RobenchError, quote_message
from robench.machine import count_cores
from robench.process import change_environment
from robench.study.executors.capacity import estimate_worker_bytes
from robench.study.stages.stage import Stage

_TOKEN = secrets.token_hex(32)
"""What Ray asks for whoever uses a local cluster; Ray remembers it for all clusters of a process."""
_REMEDY = (
    "`ray start --head` starts one and prints its address; without --ray-address, robench starts one of this machine"
    " alone."
)
_CONNECT_SECONDS = 10.0
_LONGEST_TEMPORARY = 40
"""Most characters of a folder for Ray's sockets, whose paths may have 107."""


class RayCluster:
    """A connection to a Ray cluster.

    Args:
        address: of the cluster, or ``auto`` for the one that this machine belongs to; None starts a local one.
        cpus: number of CPUs of a local one; None for as many as the process may use.

    Raises:
        RobenchError: no cluster answers, or a local one does not start.
    """

    def __init__(self, address: str | None, cpus: int | None = None) -> None:
        if address is not None and "://" in address:
            raise RobenchError(
                f"--ray-address {address} is one of Ray Client; run robench on a machine of the cluster, and give the"
                " address that `ray start --head` prints, such as 10.0.0.1:6379, or auto."
            )
        if address is not None and ":" in address:
            _check_answer(address)
        self._folder: Path | None = None
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            with _keep_signals(), _silence_ray(), contextlib.nullcontext() if address else _set_defaults():
                self._connect(address, cpus)

    def _connect(self, address: str | None, cpus: int | None) -> None:
        options: dict[str, Any] = {}
        if address is None:
            place = tempfile.gettempdir()
            self._folder = Path(
                tempfile.mkdtemp(prefix="robench-ray-", dir=place if len(place) < _LONGEST_TEMPORARY else "/tmp")
            )
            options = {
                "num_cpus": cpus or count_cores(),
                "include_dashboard": False,
                "_temp_dir": str(self._folder),
            }
        try:
            ray.init(address=address or "local", configure_logging=False, **options)
        except Exception as error:  # the type depends on what fails, and on Ray's version
            self.close()
            reason = quote_message(error).rstrip(".")
            if address is None:
                raise RobenchError(f"Ray does not start on this machine ({reason}).") from error
            raise RobenchError(f"no Ray cluster can be used at {address} ({reason}). {_REMEDY}") from error

    def count_workers(self, stages: Sequence[Stage], device: str) -> int:
        """Return the number of workers that there is room for now; at least one.

        Args:
            stages: the stages that are to be made.
            device: the kind of device that models run on; a worker on a GPU has one of its own.
        """
        nodes = find_living_nodes().values()
        if device != "cpu":
            return max(1, sum(int(one.get("GPU", 0)) for one in nodes))
        size = estimate_worker_bytes(stages)
        room = (min(one.get("CPU", 0), one.get("memory", 0) // size) for one in nodes)
        return max(1, sum(map(int, room)))

    def close(self) -> None:
        """Disconnect; a local cluster ends, any other stays as it was."""
        try:
            if self._is_ours and ray.is_initialized():
                with _keep_signals():
                    ray.shutdown()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)


def _check_answer(address: str) -> None:
    """Check that a machine answers, since Ray tries for a minute before it says that none does.

    Raises:
        RobenchError: none does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise RobenchError(f"no Ray cluster can be used at {address} ({reason}). {_REMEDY}") from error


def find_living_nodes() -> dict[str, dict[str, float]]:
    """Return the resources of the nodes that are alive, by the nodes' names."""
    list_nodes: Any = ray.nodes
    return {node["NodeID"]: node["Resources"] for node in list_nodes() if node["Alive"]}


@contextlib.contextmanager
def _keep_signals() -> Iterator[None]:
    """Let Ray not decide what SIGTERM does: it would end this process without what is to be done before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _silence_ray() -> Iterator[None]:
    """Suppress Ray's messages except errors inside the block."""
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _set_defaults() -> contextlib.AbstractContextManager[None]:
    """Let a local cluster that is started inside the block report nothing, obey this process alone, and not be nice.

    Ray asks for a token, and would leave one in the home folder, which changes how the user's own clusters start. Its
    workers would get less of a busy machine than this process does.
    """
    defaults = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_TOKEN": _TOKEN, "RAY_worker_niceness": "0"}
    return change_environment(defaults | os.environ)
