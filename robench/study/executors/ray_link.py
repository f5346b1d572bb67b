"""The link to a worker of a Ray cluster, and what travels to its nodes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache, partial
from pathlib import Path
from typing import Any

import ray

from robench.errors import RobenchError, describe_error
from robench.paths import read_regular
from robench.resources.model_folder import list_chat_templates, list_model_files
from robench.results.store import Store
from robench.study.executors.job import AttackJob, Job
from robench.study.executors.link import Death
from robench.study.executors.messages import Begin, Data, Hello, RowPositions
from robench.study.executors.node_folders import identify_stage, read_folder, write_folder
from robench.study.executors.ray_cluster import find_living_nodes
from robench.study.executors.ray_relay import Assignment, Cargo, Placement, Relay, StageFiles, WorkerExit
from robench.study.executors.transport import ModelSource, find_model_sources

HELD_OBJECTS = 8
"""Number of folders that stay in Ray's object store for the next job that needs them."""
_END_SECONDS = 60
"""Most seconds that a worker may take to end; see :class:`robench.study.executors.processes.ProcessLink`."""


class Freight:
    """Folders and data in Ray's object store, where each is put once for all jobs that need it.

    Args:
        store: the runs folder.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._references: OrderedDict[str, Any] = OrderedDict()

    def assign(self, job: Job, messages: Sequence[Data | Begin]) -> Assignment:
        """Put what a job needs into the object store.

        Raises:
            RobenchError: a file cannot be read, or the object store has no room.
        """
        begins = [message for message in messages if isinstance(message, Begin)]
        try:
            return Assignment(
                begin=begins[0]._replace(folder=self._name(job.folder)),
                data=[(one.name, self._put(one.name, partial(_content, one))) for one in messages if type(one) is Data],
                stages=[self._load_stage(need.folder(self._store)) for need in job.stage.needs],
                models=[self._load_model(one) for one in find_model_sources(job.stage) if _is_folder(one)],
                contents=None if isinstance(job, AttackJob) else [ray.put(read_folder(job.folder))],
            )
        except OSError as error:
            raise RobenchError(f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}.") from error
        except ray.exceptions.RayError as error:
            raise RobenchError(
                f"Ray's object store does not take what {job.stage.title} needs ({describe_error(error)}); give its"
                " cluster more memory or disk, or use --executor processes."
            ) from error

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self._store.root).as_posix()

    def _load_stage(self, folder: Path) -> Cargo:
        name, digest = self._name(folder), identify_stage(folder)
        return Cargo(name, digest, self._put(f"{name} {digest}", lambda: read_folder(folder)))

    def _load_model(self, source: ModelSource) -> Cargo:
        folder, digest = Path(source.location), source.digest
        return Cargo(source.location, digest, self._put(digest, lambda: _read_model(source, folder)))

    def _put(self, name: str, read: Callable[[], Any]) -> Any:
        """Return a reference to an object, in a list, so that Ray hands it on as a reference."""
        if name not in self._references:
            self._references[name] = ray.put(read())
        self._references.move_to_end(name)
        while len(self._references) > HELD_OBJECTS:
            self._references.popitem(last=False)
        return [self._references[name]]


def _content(data: Data) -> bytes:
    return data.content


def _is_folder(source: ModelSource) -> bool:
    """Return whether a model is in a folder that other machines need not have."""
    return not getattr(source, "bundled", False) and bool(source.location) and Path(source.location).is_dir()


def _read_model(source: ModelSource, folder: Path) -> dict[str, bytes]:
    code = sorted(folder.glob("*.py")) if source.trust_remote_code else []
    files = (*list_model_files(folder), *list_chat_templates(folder), *code)
    return {path.name: read_regular(path) for path in files}


class RayLink:
    """A link to a worker of a Ray cluster.

    How it works: one call of the actor that returns the next messages is always under way. When it ends, a thread of
    Ray keeps what it returned and writes a byte into a pipe, which makes the link readable.

    Args:
        freight: puts what jobs need into the object store.
        run: stands for the runs folder.
        hello: what the worker needs to know.
        plugins: contents of the files of plug-ins.
        resources: what Ray reserves for the worker, as options of an actor.
    """

    exit_code: int | None

    def __init__(
        self, freight: Freight, run: str, hello: Hello, plugins: dict[str, bytes], resources: dict[str, Any]
    ) -> None:
        self._actor: Any = _actor_class().options(**resources).remote(run, hello, plugins)
        self._freight = freight
        self._readable, self._signal = os.pipe()
        self._lock, self._is_closed = threading.Lock(), False
        self._outcomes: deque[Future[list[Any]]] = deque()
        self._exit: WorkerExit | None = None
        self._is_silent = False
        self._farewell: Any = None
        self._job: Job | None = None
        self.place, self.exit_code = "", None
        self._call()

    def fileno(self) -> int:
        """Return the descriptor of the pipe."""
        return self._readable

    def begin(self, job: Job, messages: Sequence[Data | Begin]) -> None:
        """Send a job, and put what it needs into the object store."""
        self._job = job
        self._actor.begin.options(concurrency_group="inward").remote(self._freight.assign(job, messages))

    def send(self, message: RowPositions) -> None:
        """Send a message."""
        self._actor.send.options(concurrency_group="inward").remote(message)

    def receive(self) -> Sequence[Any]:
        """Return the messages of the call that ended, and make the next one.

        Raises:
            EOFError: the worker is dead.
            RobenchError: it cannot start on its node, or its result cannot be written.
        """
        os.read(self._readable, 1)
        if self._exit is not None:
            raise EOFError
        try:
            messages = self._outcomes.popleft().result()
        except ray.exceptions.RayError as error:
            if isinstance(error, ray.exceptions.RayActorError) and error.actor_init_failed:
                raise RobenchError(
                    f"a Ray worker cannot start ({_last_line(error)}); each node needs the same robench and the same"
                    " versions of all packages."
                ) from error
            # Until Ray knows that a node is gone, it says that nobody answers; of a dead process it knows at once.
            self._is_silent = isinstance(error, ray.exceptions.ActorUnavailableError)
            raise EOFError(str(error)) from error
        self._exit = next((message for message in messages if isinstance(message, WorkerExit)), None)
        if self._exit is None:
            self._call()
        else:
            os.write(self._signal, b".")  # the next call of this method tells of it
        return [message for message in messages if not self._take_in(message)]

    def terminate(self) -> None:
        """Ask the worker to leave, if it was placed on a node."""
        if self.place and ray.is_initialized():  # if it is not, a call would start a cluster
            self._farewell = self._actor.leave.options(concurrency_group="control").remote()

    def close(self) -> Death:
        """Wait for the worker to leave, and kill it; return how it died."""
        if ray.is_initialized():
            if self._farewell is not None:
                ray.wait([self._farewell], timeout=_END_SECONDS)
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(self._actor)
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._readable)
                os.close(self._signal)
        if self._exit is not None:
            self.exit_code = self._exit.exit_code
            return self._exit.death
        is_gone = self.place and ray.is_initialized() and self.place not in find_living_nodes()
        return Death.MACHINE_LOST if is_gone or self._is_silent else Death.KILLED

    def _take_in(self, message: Any) -> bool:
        """Return whether a message is for the link, and act on it."""
        if isinstance(message, Placement):
            self.place = message.node
        elif isinstance(message, StageFiles):
            assert self._job is not None, "only jobs have results"
            write_folder(self._job.folder, message.contents)
        return isinstance(message, Placement | StageFiles | WorkerExit)

    def _call(self) -> None:
        """Call the actor for the next messages."""
        reference = self._actor.receive.options(concurrency_group="outward").remote()
        future: Future[list[Any]] = reference.future()
        future.add_done_callback(self._tell)

    def _tell(self, future: Future[list[Any]]) -> None:
        """Keep what a call returned; a thread of Ray calls this."""
        self._outcomes.append(future)
        with self._lock:
            if not self._is_closed:
                os.write(self._signal, b".")


@cache
def _actor_class() -> Any:
    groups = {"inward": 1, "outward": 1, "control": 1}  # the calls of each group run one after another
    remote: Any = ray.remote
    return remote(concurrency_groups=groups, max_restarts=0)(Relay)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
