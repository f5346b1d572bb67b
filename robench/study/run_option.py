"""One option of a run: what the command line and Python call it, its type, default and meaning.

Each option is a field of a dataclass in :mod:`robench.study.options`, and everything else is made from that field: the
parameter of a command, the keyword and the documentation of a function, and the words of the commands that robench
prints. This module is imported for ``robench --help``, so it imports nothing that takes time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from robench.errors import RobenchError
from robench.plugins.option import KEY, Option, option_text


@dataclass(frozen=True, kw_only=True)
class RunOptionText(Option):
    """What is said of an option of a run beside its name, type and default.

    Attributes:
        in_help: sentences that only the command line's help adds to the meaning.
        in_python: sentences that only Python's documentation adds to it.
        flag: what the command line calls it; by default ``--`` and the field's name.
        letter: a short form for the command line, such as ``-d``.
        metavar: what stands for its value in the command line's help; by default its type decides.
        default: what the default means, if the value does not say it.
        variable: the environment variable that the command line reads if the option is not given.
        excess: what a number out of its range does, for the error.
    """

    in_help: str = ""
    in_python: str = ""
    flag: str = ""
    letter: str = ""
    metavar: str = ""
    default: str = ""
    variable: str = ""
    excess: str = "is out of range"


def run_option(meaning: str, **more: Any) -> dict[str, Any]:
    """Say what an option of a run means: the ``metadata`` of its field.

    For example ``device: str = field(default="auto", metadata=run_option("auto, cpu, cuda."))``.

    Args:
        meaning: in whole sentences, for the command line and for Python.
        more: other attributes of :class:`RunOptionText`.
    """
    return {KEY: RunOptionText(meaning=meaning, **more)}


@dataclass(frozen=True)
class RunOption:
    """An option of a run.

    Attributes:
        name: what Python calls it.
        hint: its type.
        default: ``dataclasses.MISSING`` if it has none.
        text: what is said of it.
    """

    name: str
    hint: Any
    default: Any
    text: RunOptionText

    @property
    def flag(self) -> str:
        """What the command line calls it."""
        return self.text.flag or f"--{self.name.replace('_', '-')}"

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    @property
    def help(self) -> str:
        """What the command line says of it."""
        return " ".join(filter(None, (self.text.meaning, self.text.in_help)))

    @property
    def documentation(self) -> str:
        """What Python's documentation says of it."""
        default = f"Default: {self.text.default}." if self.text.default else ""
        return " ".join(filter(None, (self.text.meaning, self.text.in_python, default)))

    def check(self, value: Any) -> None:
        """Check that a value, or each of several, lies in the option's range.

        Raises:
            RobenchError: one does not.
        """
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, int) and not self.text.allows(one):
                raise RobenchError(f"{self.flag} {one} {self.text.excess}; it should be {self.text.range}.")

    def words(self, value: Any) -> list[str]:
        """Return what a command needs to give the option this value; nothing for None, False and no names.

        Args:
            value: a sequence is joined by commas; settings are given one by one, in order of their names.
        """
        if value is None or value is False or (isinstance(value, list | tuple) and not value):
            return []
        if value is True:
            return [self.flag]
        if isinstance(value, Mapping):
            changes = ((name, field, v) for name, values in value.items() for field, v in sorted(values.items()))
            return [word for name, field, v in changes for word in (self.flag, f"{name}.{field}={option_text(v)}")]
        return [self.flag, ",".join(map(str, value)) if isinstance(value, list | tuple) else option_text(value)]
