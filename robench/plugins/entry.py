"""One registered name of a defense, attack or task: who provides it, and how it is loaded."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import Any, Literal

from robench.errors import RobenchError, describe_error, run_foreign_code
from robench.escaping import name_type, show_value
from robench.frames import find_frames, format_frames
from robench.plugins.contract import check_contract
from robench.plugins.style import Style
from robench.plugins.summaries import first_line, read_summary

Kind = Literal["defenses", "attacks", "tasks"]
KINDS: tuple[Kind, ...] = ("defenses", "attacks", "tasks")


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Attributes:
        origin: who provides it: ``robench``, ``package 1.2`` or a file.
        target: ``module:attribute`` of an entry point, or the object itself.
        values: of fields, by name, for a member of a family.
    """

    kind: Kind
    name: str
    origin: str
    target: Any
    values: tuple[tuple[str, str], ...] = ()

    def load(self) -> Any:
        """Import it and return the instance: a class is called with ``values``, anything else is returned as it is.

        Raises:
            RobenchError: it cannot be imported or made, or does not fit its contract.
        """
        found = self._imported()
        with self._run_foreign_code(found):
            made = self._make(found)
        if getattr(type(made), "plugin_kind", None) != self.kind:
            contract = self.kind.capitalize().removesuffix("s")
            raise RobenchError(f"{self.name} from {self.origin} is {name_type(made)}, not a {contract}.")
        with self._run_foreign_code(found):
            self._check(made)
        return made

    def implementation(self) -> type:
        """Import it and return its class, which a family has without naming a member."""
        found = self._imported()
        return found if isinstance(found, type) else type(found)

    def identify_code(self) -> str:
        """Import it and identify its code in keys, with all of the user's code that it uses.

        Raises:
            RobenchError: it cannot be imported, or its source cannot be had.
        """
        from robench.plugins.source import identify_class

        return identify_class(self.implementation())

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with robench."""
        return self.origin == "robench"

    def members(self) -> list[str] | None:
        """Return the members that a family knows; None if it takes any."""
        found = self._imported()
        if not hasattr(found, "members"):
            return None
        with self._run_foreign_code(found):
            members = list(found.members())
        if not all(isinstance(member, str) for member in members):
            raise RobenchError(
                f"the members of {self.name} from {self.origin} are not all texts: {show_value(members)}."
            )
        return members

    @property
    def summary(self) -> str:
        """First line of its docstring, read from the source without importing it if possible."""
        if not isinstance(self.target, str):
            kind = self.target if isinstance(self.target, type) else type(self.target)
            own: str = getattr(self.target, "summary", "")
            if own or self.kind == "tasks":  # whose class says nothing of the task
                return own
            return first_line(inspect.getdoc(kind))
        return read_summary(self.target).line

    @property
    def argument(self) -> str:
        """For a family, the field that its members differ in; empty for all else, members included."""
        if self.values:
            return ""
        if isinstance(self.target, str):
            return read_summary(self.target).argument
        argument = vars(self.target).get("argument", "") if isinstance(self.target, type) else ""
        return argument if isinstance(argument, str) else ""

    @property
    def reference(self) -> bool:
        """Whether it is the class of a defense that sets ``reference`` to True itself."""
        if isinstance(self.target, str):
            return read_summary(self.target).reference
        return isinstance(self.target, type) and vars(self.target).get("reference", False) is True

    @property
    def style(self) -> Style | None:
        """How figures draw it, for a defense whose class or whose registered instance says so itself."""
        if isinstance(self.target, str):
            return read_summary(self.target).style
        style = vars(self.target).get("style") if isinstance(self.target, type) else None
        return style if isinstance(style, Style) else None

    @property
    def pattern(self) -> str:
        """How it is named on the command line, such as ``textattack:RECIPE`` for a family."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    def _imported(self) -> Any:
        """Return what was registered: a class or an object."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        with run_foreign_code(f"{self.kind[:-1]} {self.name} from {self.origin} cannot be imported"):
            return getattr(importlib.import_module(module), attribute)

    def _make(self, found: Any) -> Any:
        """Return the instance of what was registered.

        Raises:
            RobenchError: a method is missing, or a field has no default or refuses its value.
        """
        try:
            return found(**dict(self.values)) if isinstance(found, type) else found
        except (TypeError, ValueError, NameError) as error:  # an annotation may have a name that is unknown
            frames = format_frames(find_frames(error, found))
            raise RobenchError(f"{self._place(found)} cannot be made: {error}.", frames) from error

    def _check(self, made: Any) -> None:
        """Check the instance against its contract, whatever its class has done when it was made.

        Raises:
            RobenchError: it does not fit.
        """
        try:
            check_contract(made, self.kind)
        except Exception as error:
            if find_frames(error, type(made)):
                raise
            reason = str(error) if isinstance(error, TypeError | ValueError) else describe_error(error)
            raise RobenchError(f"{self._place(made)} cannot be used: {reason}.") from error

    def _place(self, thing: Any) -> str:
        """Name the plug-in, with its file and the line of its class, if that is known."""
        kind = thing if isinstance(thing, type) else type(thing)
        try:
            line = f", line {inspect.getsourcelines(kind)[1]},"
        except (OSError, TypeError):
            line = ""
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        return f"{self.kind[:-1]} {self.name} from {self.origin}{line if file == self.origin else ''}"

    def _run_foreign_code(self, found: Any) -> contextlib.AbstractContextManager[None]:
        kind = found if isinstance(found, type) else type(found)
        return run_foreign_code(f"{self.kind[:-1]} {self.name} from {self.origin} failed", kind)
