"""The base of the classes whose fields are options of a run, and what is made from the fields of such a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from robench.plugins.option import KEY
from robench.study.run_option import RunOption
from robench.study.values import Paths, as_tuple, read_value

ORDER = (
    *("model", "defense", "test", "task", "text", "label", "labels", "attack", "against"),
    *("name", "label_order", "sigmoid", "max_length", "version"),
    *("prompt", "label_words", "label_score", "chat", "endpoint", "api_key_variable"),
    *("concurrency", "texts_per_call", "call_timeout", "retries", "max_queries"),
    *("preset", "encoder", "seed", "plain", "train_limit", "attack_limit", "clean_limit", "split", "settings", "data"),
    *("runs", "plugin", "existing", "retry_errors"),
    *(
        "precision",
        "device",
        "jobs",
        "executor",
        "ray_address",
        "ray_any_processor",
        "threads",
        "workers",
        "trust_remote_code",
        "offline",
        "progress",
    ),
)
"""The order in which options are listed."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The base of the classes whose fields are options: it reads their values, see :mod:`robench.study.values`."""

    def __post_init__(self) -> None:
        """Read the values of all options.

        Raises:
            RobenchError: one is not of its option's type.
        """
        for name, option in run_options(type(self)).items():
            object.__setattr__(self, name, read_value(name, option.hint, getattr(self, name), option.default))


def run_options(*kinds: type) -> Mapping[str, RunOption]:
    """Return the options that dataclasses declare, by name, in :data:`ORDER`."""
    return _run_options(kinds)  # in a tuple, as mypy takes no dataclass for an argument that can be hashed


@cache
def _run_options(kinds: tuple[type, ...]) -> Mapping[str, RunOption]:
    options = [
        RunOption(one.name, hints[one.name], one.default, one.metadata[KEY])
        for kind, hints in ((kind, get_type_hints(kind)) for kind in kinds)
        for one in fields(kind)
        if KEY in one.metadata
    ]
    return {one.name: one for one in sorted(options, key=lambda one: ORDER.index(one.name))}


def changed_words(options: Options) -> list[str]:
    """Return the words that set, in a command, the options whose values differ from their defaults."""
    words = []
    for name, option in run_options(type(options)).items():
        value = getattr(options, name)
        if option.required or option.words(value) != option.words(option.default):  # a path may be a text, too
            several = as_tuple(value) if option.hint == Paths else (value,)
            words += [word for one in several for word in option.words(one)]
    return words


def option_words(kind: type, **values: Any) -> list[str]:
    """Return the words that set options in a command, in the order of the arguments.

    Args:
        kind: the dataclass that declares the options.
        values: values by name; see :meth:`RunOption.words`.
    """
    known = run_options(kind)
    return [word for name, value in values.items() for word in known[name].words(value)]
