"""One option of a run: its names on the command line and in Python, its type, default and meaning.

Each option is a field of a dataclass in :mod:`robench.study.options`, and everything else is made from that field: the
parameter of a command, the keyword and the documentation of a function, and the words of the commands that robench
prints. This module is imported for ``robench --help``, so it imports nothing slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal, get_args, get_origin

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.plugins.option import KEY, Option, option_text
from robench.victims.prompts import write_escapes


@dataclass(frozen=True, kw_only=True)
class RunOptionText(Option):
    """The texts of an option of a run, besides its name, type and default.

    Attributes:
        in_help: sentences that only the command line's help adds to the meaning.
        in_python: sentences that only Python's documentation adds to the meaning.
        flag: its name on the command line; by default ``--`` and the field's name.
        letter: a short form for the command line, such as ``-d``.
        metavar: placeholder of its value in the command line's help; by default its type decides.
        default: a description of the default, if the value alone is not clear.
        variable: the environment variable that the command line reads if the option is not given.
        excess: the consequence of a number out of range, for the error message.
        has_escapes: whether the command line reads and writes a new line in it as a backslash and an n.
    """

    in_help: str = ""
    in_python: str = ""
    flag: str = ""
    letter: str = ""
    metavar: str = ""
    default: str = ""
    variable: str = ""
    excess: str = "is out of range"
    has_escapes: bool = False


def run_option(meaning: str, **more: Any) -> dict[str, Any]:
    """Return the ``metadata`` of the field of an option.

    For example ``device: str = field(default="auto", metadata=run_option("auto, cpu, cuda."))``.

    Args:
        meaning: its meaning in whole sentences, for the command line and for Python.
        more: other attributes of :class:`RunOptionText`.
    """
    return {KEY: RunOptionText(meaning=meaning, **more)}


@dataclass(frozen=True)
class RunOption:
    """An option of a run.

    Attributes:
        name: its name in Python.
        hint: its type.
        default: its default; ``dataclasses.MISSING`` if it has none.
        text: its texts.
    """

    name: str
    hint: Any
    default: Any
    text: RunOptionText

    @property
    def flag(self) -> str:
        """Return its name on the command line."""
        return self.text.flag or f"--{self.name.replace('_', '-')}"

    @property
    def required(self) -> bool:
        """Return whether it has no default."""
        return self.default is MISSING

    @property
    def help(self) -> str:
        """Return its description for the command line."""
        return " ".join(filter(None, (self.text.meaning, self.text.in_help)))

    @property
    def documentation(self) -> str:
        """Return its description for Python's documentation."""
        default = f"Default: {self.text.default}." if self.text.default else ""
        return " ".join(filter(None, (self.text.meaning, self.text.in_python, default)))

    def check(self, value: Any) -> None:
        """Check that a value is one of the option's choices, and that it, or each of several, is in its range.

        Raises:
            RobenchError: one is not.
        """
        if get_origin(self.hint) is Literal and value not in get_args(self.hint):
            choices = ", ".join(get_args(self.hint))
            raise RobenchError(f"unknown {self.flag} {show_value(value)}: there are {choices}.")
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, int) and not self.text.allows(one):
                raise RobenchError(f"{self.flag} {show_value(one)} {self.text.excess}; it should be {self.text.range}.")

    def words(self, value: Any) -> list[str]:
        """Return the words that set the option in a command; none for None, False and an empty sequence.

        Args:
            value: the value. A sequence is joined by commas; settings are set one by one, in order of their names.
        """
        if value is None or value is False or (isinstance(value, list | tuple) and not value):
            return []
        if value is True:
            return [self.flag]
        if isinstance(value, Mapping):
            changes = ((name, field, v) for name, values in value.items() for field, v in sorted(values.items()))
            return [word for name, field, v in changes for word in (self.flag, f"{name}.{field}={option_text(v)}")]
        if self.text.has_escapes:
            value = write_escapes(value)
        return [self.flag, ",".join(map(str, value)) if isinstance(value, list | tuple) else option_text(value)]
