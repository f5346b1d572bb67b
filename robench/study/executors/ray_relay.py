"""The actor of a Ray worker: it stands between a worker process of its node and the process that runs robench.

How it works: the worker is a process as on one machine (:mod:`robench.study.executors.processes`), so that Ray's own
threads take no time from it and both die together. The relay passes messages on, in both directions, and moves what
processes of one machine share on their disk: it lays out the stages that a job needs, and takes the finished one home.
Records and progress travel in batches; whatever the worker waits for travels at once.
"""

from __future__ import annotations

import contextlib
import platform
import threading
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from robench.errors import RobenchError, describe_error
from robench.paths import translate_os_errors
from robench.study.executors.link import Death
from robench.study.executors.messages import Begin, Data, End, Hello, More, Ready, RowPositions
from robench.study.executors.node_folders import Contents, NodeFolders, read_folder
from robench.study.executors.processes import ProcessLink

LINGER_SECONDS = 0.05
"""Seconds that a record waits for others to travel with."""
PATIENCE_SECONDS = 20.0
"""Seconds after which a call that receives messages ends without any."""


class Cargo(NamedTuple):
    """A folder in Ray's object store.

    Attributes:
        name: a stage's path in the runs folder, or the folder of a model on the machine that runs robench.
        digest: identifies its content.
        contents: its files by name, as a reference.
    """

    name: str
    digest: str
    contents: Any


class Assignment(NamedTuple):
    """A job, and what it needs.

    Attributes:
        begin: the beginning of the job, whose folder is a path in the runs folder.
        data: names and contents of data that the worker does not have, as references.
        stages: the finished stages that it needs.
        models: the folders of models that it needs.
        contents: the files that its folder begins with, as a reference; None if it makes no stage.
    """

    begin: Begin
    data: list[tuple[str, Any]]
    stages: list[Cargo]
    models: list[Cargo]
    contents: Any


class Placement(NamedTuple):
    """The relay runs on a node of this name."""

    node: str


class StageFiles(NamedTuple):
    """The files of the stage that was made."""

    contents: Contents


class WorkerExit(NamedTuple):
    """The worker process died; see :attr:`robench.study.executors.link.Link.exit_code`."""

    death: Death
    exit_code: int | None


class Outbox:
    """Messages on their way to the process that runs robench."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._is_urgent = False
        self._condition = threading.Condition()

    def put(self, message: Any) -> None:
        """Add a message."""
        with self._condition:
            self._messages.append(message)
            self._is_urgent |= isinstance(message, More | End | Ready | WorkerExit)
            self._condition.notify_all()

    def take(self) -> list[Any]:
        """Wait for messages, and take them out; none if none came in :data:`PATIENCE_SECONDS`."""
        with self._condition:
            if self._condition.wait_for(lambda: self._messages, PATIENCE_SECONDS):
                self._condition.wait_for(lambda: self._is_urgent, LINGER_SECONDS)
            messages, self._messages, self._is_urgent = self._messages, [], False
            return messages


class Relay:
    """A worker process of this node, and its folders.

    Args:
        run: stands for the runs folder.
        hello: what the worker needs to know; paths are those of the other machine.
        plugins: contents of the files of plug-ins.

    Raises:
        RobenchError: the folders cannot be made.
    """

    def __init__(self, run: str, hello: Hello, plugins: dict[str, bytes]) -> None:
        import ray

        self._outbox = Outbox()
        self._outbox.put(Placement(ray.get_runtime_context().get_node_id()))
        self._job: Begin | None = None
        self._folders = NodeFolders(run)
        copies = {str(self._folders.keep_plugin(path, plugins[path])): name for path, name in hello.plugins.items()}
        self._worker = ProcessLink()
        self._worker.send(hello._replace(runs=str(self._folders.store), plugins=copies))
        threading.Thread(target=self._listen, daemon=True).start()

    def receive(self) -> list[Any]:
        """Return the messages that have come, see :meth:`Outbox.take`."""
        return self._outbox.take()

    def begin(self, assignment: Assignment) -> None:
        """Lay out what a job needs, and begin it; whatever fails ends the job, as nobody reads what this returns."""
        try:
            self._begin(assignment)
        except RobenchError as error:
            self._outbox.put(End(f"on the node {platform.node()}: {error}"))
        except Exception as error:
            self._outbox.put(End(f"on the node {platform.node()}: {describe_error(error)}."))

    def send(self, message: RowPositions) -> None:
        """Pass a message on to the worker."""
        self._pass_on(message)

    def leave(self) -> None:
        """End the worker, and delete its folder."""
        self._worker.terminate()
        self._worker.close()
        self._folders.leave()

    def _begin(self, job: Assignment) -> None:
        folders, begin = self._folders, job.begin
        name = PurePosixPath(begin.folder)
        for data, content in job.data:
            self._pass_on(Data(data, _get(content)))
        folders.drop_stages({PurePosixPath(cargo.name) for cargo in job.stages})
        for cargo in job.stages:
            folders.keep_stage(PurePosixPath(cargo.name), cargo.digest, partial(_get, cargo.contents))
        places = [
            (cargo.name, str(folders.keep_model(cargo.digest, partial(_get, cargo.contents)))) for cargo in job.models
        ]
        place = folders.place(name)
        if job.contents is not None:
            folders.prepare_place(name, _get(job.contents))
        self._job = begin
        self._pass_on(begin._replace(folder=str(place), places=tuple(places)))

    def _pass_on(self, message: Data | Begin | RowPositions) -> None:
        try:
            self._worker.send(message)
        except OSError:
            return  # it died, which the thread that listens finds

    def _listen(self) -> None:
        """Pass on what the worker sends, to its end."""
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    for message in self._worker.receive():
                        self._outbox.put(self._take_home(message) if isinstance(message, End) else message)
        except Exception:  # nobody must wait for a message that cannot be read
            self._worker.terminate()
            raise
        finally:
            self._outbox.put(WorkerExit(self._worker.close(), self._worker.exit_code))

    def _take_home(self, end: End) -> End:
        """Add the files of the stage that was made to the messages; return the end of the job."""
        job, self._job = self._job, None
        if end.error or job is None or job.attacks:
            return end
        name = PurePosixPath(job.folder)
        try:
            with translate_os_errors(self._folders.place(name)):
                self._outbox.put(StageFiles(read_folder(self._folders.place(name))))
                self._folders.adopt_stage(name)
        except RobenchError as error:
            return End(f"on the node {platform.node()}: {error}")
        return end


def _get(reference: Any) -> Any:
    """Return an object of Ray's store, which comes to each node once."""
    import ray

    return ray.get(reference[0])
