"""One registered name of a defense, attack or task: who provides it, and how it is loaded."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal

from robench.errors import RobenchError, describe_error, translate_failures
from robench.plugins.option import check_values
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
        """Import it and return the instance: a class is called with ``values``, anything else is returned as it is."""
        found = self._imported()
        with self._translate_failures():
            made = self._make(found)
        if getattr(made, "plugin_kind", None) != self.kind:
            contract = self.kind.capitalize().removesuffix("s")
            raise RobenchError(f"{self.name} from {self.origin} is a {type(made).__name__}, not a {contract}.")
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
        with self._translate_failures():
            return list(found.members()) if hasattr(found, "members") else None

    @property
    def summary(self) -> str:
        """First line of its docstring, read from the source without importing it if possible."""
        if not isinstance(self.target, str):
            kind = self.target if isinstance(self.target, type) else type(self.target)
            return getattr(self.target, "summary", "") or first_line(inspect.getdoc(kind))
        return read_summary(self.target).line

    @property
    def argument(self) -> str:
        """For a family, the field that its members differ in; empty for all else, members included."""
        if self.values:
            return ""
        if isinstance(self.target, str):
            return read_summary(self.target).argument
        return vars(self.target).get("argument", "") if isinstance(self.target, type) else ""

    @property
    def reference(self) -> bool:
        """Whether it is the class of a defense that says ``reference: ClassVar[bool] = True`` itself."""
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
        """How it is named on the command line: ``textattack:RECIPE`` for a family."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    def _imported(self) -> Any:
        """Return what was registered: a class or an object."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # another's module may fail in any way
            raise RobenchError(
                f"{self.kind[:-1]} {self.name} from {self.origin} cannot be imported: {describe_error(error)}."
            ) from error

    def _make(self, found: Any) -> Any:
        """Return the instance of what was registered, with its fields checked even if its class forgot to.

        Raises:
            RobenchError: a method is missing, or a field has no default or refuses its value.
        """
        try:
            made = found(**dict(self.values)) if isinstance(found, type) else found
            if is_dataclass(made):
                check_values(made)
        except (TypeError, ValueError) as error:
            raise RobenchError(f"{self.name} from {self.origin} cannot be made: {error}.") from error
        return made

    def _translate_failures(self) -> contextlib.AbstractContextManager[None]:
        kind = self.target if isinstance(self.target, type) else type(self.target)
        return translate_failures(f"{self.kind[:-1]} {self.name} from {self.origin} failed", kind)
