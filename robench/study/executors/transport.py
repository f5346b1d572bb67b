"""Stages on their way to other processes, and what keeps one from going there.

How it works: a stage is pickled, and its data, which many stages share, is sent once. Of a model in files, which the
other process may have in another place, the name and the place are sent. What lives in this process alone cannot be
sent: classes and functions of the main script or of a notebook, closures, models in memory. Nor is a function that is
the model, which may have a GPU or a rate limit of its own. The other process checks that it has the same code.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from types import FunctionType
from typing import Any, TypeAlias

from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.models.encoders import EncoderSource
from robench.plugins.source import identify_class
from robench.study.setting import NamedAttack, NamedDefense
from robench.study.stages.stage import Stage
from robench.study.stages.victim import VictimStage
from robench.victims.source import PretrainedSource, VictimSource

ModelSource: TypeAlias = EncoderSource | PretrainedSource
"""A model in files."""


class NotPortableError(Exception):
    """A stage cannot be sent to another process; the message says why, as a clause."""


class _Pickler(pickle.Pickler):
    """A pickler that leaves data out, and refuses what the main script defines."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.data: dict[str, TaskData] = {}

    def persistent_id(self, obj: Any) -> tuple[type, Any] | None:
        if isinstance(obj, TaskData):
            name = f"{obj.task}-{obj.digest}-{id(obj)}"
            self.data[name] = obj
            return TaskData, name
        if isinstance(obj, ModelSource):
            return type(obj), {field.name: getattr(obj, field.name) for field in fields(obj)}
        return None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type | FunctionType) and obj.__module__ == "__main__":
            raise NotPortableError(f"{obj.__qualname__} is defined in the main script or a notebook")
        if isinstance(obj, VictimSource) and not isinstance(obj, PretrainedSource):
            raise NotPortableError(f"the model {obj.shown} is a {obj.kind}")
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, data: Mapping[str, TaskData], locate: Callable[[Any], Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._data, self._locate = data, locate

    def persistent_load(self, persistent_id: tuple[type, Any]) -> Any:
        kind, content = persistent_id
        return self._data[content] if kind is TaskData else self._locate(kind(**content))


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


def load_stage(
    content: bytes, data: Mapping[str, TaskData], locate: Callable[[Any], Any] = lambda source: source
) -> Stage:
    """Unpickle a stage that this process was sent.

    Args:
        content: the bytes.
        data: by name the data that it refers to.
        locate: returns a :data:`ModelSource` with the place that this machine has its files in.
    """
    stage: Stage = _Unpickler(content, data, locate).load()
    return stage


def find_model_sources(stage: Stage) -> list[ModelSource]:
    """Return the models in files that a stage uses: its encoder, and a user's model with the base of an adapter."""
    sources: list[ModelSource] = [stage.setting.encoder]
    for one in (stage, *stage.needs):
        if isinstance(one, VictimStage) and isinstance(one.source, PretrainedSource):
            sources += filter(None, (one.source, one.source.base))
    return sources


def check_code(stage: Stage) -> None:
    """Check that the plug-ins of a stage have the code here that they have in the process that sent it.

    Raises:
        RobenchError: the file of one was edited meanwhile.
    """
    for named in _named_plugins(stage):
        if named.code and _identify(type(named.plugin)) != named.code:
            raise RobenchError(
                f"the source of {named.name} was edited while this run goes on, and workers would run the new one;"
                " start it again."
            )


def _named_plugins(stage: Stage) -> Iterator[NamedDefense | NamedAttack]:
    """Yield the plug-ins of a stage and of all stages that it refers to."""
    for field in fields(stage):
        value = getattr(stage, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, NamedDefense | NamedAttack):
                yield one
                if isinstance(one, NamedAttack) and one.base is not None:
                    yield one.base
            elif isinstance(one, Stage):
                yield from _named_plugins(one)


@cache
def _identify(kind: type) -> str:
    return identify_class(kind)
