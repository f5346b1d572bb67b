"""Stages on their way to other processes, and what keeps one from going there.

How it works: a stage is pickled, and its data, which many stages share, is sent once. What lives in this process alone
cannot be sent: classes and functions of the main script or of a notebook, closures, models in memory.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

from robench.data.load import TaskData
from robench.study.stages.stage import Stage


class NotPortableError(Exception):
    """A stage cannot be sent to another process; the message says why, as a clause."""


class _Pickler(pickle.Pickler):
    """A pickler that leaves data out, and refuses what the main script defines."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.data: dict[str, TaskData] = {}

    def persistent_id(self, obj: Any) -> str | None:
        if isinstance(obj, TaskData):
            name = f"{obj.task}-{obj.digest}-{id(obj)}"
            self.data[name] = obj
            return name
        return None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and obj.__module__ == "__main__":
            raise NotPortableError(f"{obj.__qualname__} is defined in the main script or a notebook")
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, data: Mapping[str, TaskData]) -> None:
        super().__init__(io.BytesIO(content))
        self._data = data

    def persistent_load(self, name: str) -> TaskData:
        return self._data[name]


def dump_stage(stage: Stage) -> tuple[bytes, dict[str, TaskData]]:
    """Pickle a stage; return the bytes, and by name the data that it refers to.

    Raises:
        NotPortableError: it cannot be sent.
    """
    file = io.BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(stage)
    except NotPortableError:
        raise
    except Exception as error:  # the fields of a plug-in may hold any object
        raise NotPortableError(str(error)) from error
    return file.getvalue(), pickler.data


def load_stage(content: bytes, data: Mapping[str, TaskData]) -> Stage:
    """Unpickle a stage that this process was sent.

    Args:
        content: the bytes.
        data: by name the data that it refers to.
    """
    stage: Stage = _Unpickler(content, data).load()
    return stage
