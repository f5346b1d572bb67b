"""The identity of code in keys: a hash of the source of a class or function and of all the user's code that it uses.

How it works: from the statement that defines a class, the names that it uses are followed to the statements that bind
them, through the user's modules (:func:`~robench.plugins.modules.find_owner`) and those of robench's own plug-ins, and
so on. What is reached is written as canonical text (:mod:`robench.plugins.syntax`) and hashed. Statements that are
neither definitions nor imports are part of every module that is reached, since they may act on anything. Installed
packages that robench does not depend on enter by name and version. Code that stands in no file, as in a notebook, is
followed through the objects themselves (:mod:`robench.plugins.live_source`). Nothing is imported for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from robench.errors import RobenchError
from robench.plugins.live_source import LiveSource, UnknownSourceError
from robench.plugins.modules import ROOMS, USER, ModulePlace, find_owner, find_place, public_name, read_source
from robench.plugins.statements import Module

_HEAP = 1 << 9
"""CPython's flag of a class that was made while it runs."""
_modules: dict[str, tuple[bytes, Module]] = {}


def identify_class(kind: type) -> str:
    """Return 16 hexadecimal digits that identify the code of a class and of what it uses.

    Raises:
        RobenchError: its source cannot be had, and it has no attribute ``version``.
    """
    version = getattr(kind, "version", "")
    version = version if isinstance(version, str) else ""
    walk = SourceWalk(lenient=bool(version))
    try:
        walk.add_class(kind)
    except UnknownSourceError as error:
        raise RobenchError(
            f"the code of {kind.__qualname__} cannot be told from another's, because {error}; give the class an"
            ' attribute version: ClassVar[str] = "1", and a new one whenever the code changes.'
        ) from error
    return walk.digest(version)[:16]


def identify_function(function: Callable[..., Any], module: str, path: str, *, lenient: bool) -> str:
    """Return the sha256 of the code of a function, or of an object that can be called, and of what it uses.

    Args:
        function: the function.
        module: the name of its module.
        path: its name there, which may have dots.
        lenient: accept a source that can be had only in part.

    Raises:
        UnknownSourceError: the source cannot be had.
    """
    walk = SourceWalk(lenient=lenient)
    if walk.add_named(module, path):
        walk.live.add_cells(function)
    else:
        walk.live.add(function, path)
    return walk.digest()


class SourceWalk:
    """A walk over all code that something uses.

    Args:
        lenient: leave out what cannot be identified.

    Attributes:
        live: what stands in no file.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.live = LiveSource(self, lenient=lenient)
        self._parts: dict[str, tuple[Module, set[int]]] = {}
        self._files: dict[str, str] = {}
        self._packages: set[str] = set()
        self._todo: list[tuple[Module, int]] = []

    def digest(self, *added: str) -> str:
        """Return the sha256 of all that was reached."""
        self._run()
        texts = [f"package {name}" for name in self._packages] + [f"file {one}" for one in self._files.values()]
        texts += [f"module {module.name}\n{_text(module, numbers)}" for module, numbers in self._parts.values()]
        return hashlib.sha256("\0".join([*sorted(texts), *self.live.texts(), *added]).encode()).hexdigest()

    def add_class(self, kind: type) -> None:
        """Add a class, and those of its bases that are neither robench's core's nor its dependencies'.

        Raises:
            UnknownSourceError: the source of one cannot be had.
        """
        for base in reversed(kind.__mro__):
            place = find_place(base.__module__)
            if place is None or self.is_typed_in(base):
                self.live.add(base, base.__qualname__)
            elif owner := find_owner(place):
                if owner != USER:
                    self._packages.add(owner)
                if self.add_named(base.__module__, base.__qualname__):
                    self.live.add_captured(base)

    def add_named(self, module_name: str, path: str) -> bool:
        """Add what a module binds to the first part of a dotted name, or the whole module if that is unknown.

        Returns:
            Whether the module has a source file.
        """
        place = find_place(module_name)
        if place is None or place.file is None:
            return False
        module, name = self._read(place), path.partition(".")[0]
        if module is None:
            return place.name in self._files
        if module.is_script and not module.binding(name):  # typed in after the script ran
            return False
        self._reach(module, name)
        return True

    def is_typed_in(self, thing: Any) -> bool:
        """Tell whether a class or function stands in no file and is none that is written in C."""
        place = find_place(thing.__module__ or "builtins")
        if place is None:
            return True
        if place.name == "__main__":
            module = self._read(place) if place.file is not None else None
            return module is None or not module.binding(thing.__qualname__.partition(".")[0])
        if place.name == "builtins":  # made by exec without a name
            return not isinstance(thing, type) or bool(thing.__flags__ & _HEAP)
        return False

    def add_module(self, path: str) -> bool:
        """Add what ``module``, ``module:name`` or ``module:*`` stands for, if it is the user's or a plug-in of robench.

        Returns:
            Whether there is such a module.
        """
        name, _, attribute = path.partition(":")
        module = self._open(name)
        if attribute and attribute != "*" and (module is None or not module.binding(attribute)):
            if self.add_module(f"{name}.{attribute}"):
                return True
        if module is not None:
            self._reach(module, attribute or "*")
        return module is not None

    def add_attribute(self, path: str) -> None:
        """Add the modules that lead to a dotted path such as ``package.module.function``, and what it stands for."""
        parts = path.split(".")
        for count in range(1, len(parts)):
            if not self.add_module(f"{'.'.join(parts[:count])}:{parts[count]}"):
                return

    def _open(self, name: str) -> Module | None:
        """Read a module, and note the packages that contain it; None if it is not the user's."""
        if name.startswith("robench.") and not name.startswith(ROOMS):
            return None
        parts, module = name.split("."), None
        for count in range(1, len(parts) + 1):
            place = find_place(".".join(parts[:count]))
            if place is None:
                return None
            owner = find_owner(place)
            if owner not in ("", USER):
                self._packages.add(owner)
            if owner != USER and place.file is not None and parts[0] != "robench":
                return None
            module = self._read(place) if owner == USER and place.file is not None else None
        return module

    def _read(self, place: ModulePlace) -> Module | None:
        """Read a module and add what its import does; a file that is not Python is hashed as a whole."""
        if place.name not in self._parts and place.name not in self._files:
            assert place.file is not None
            try:
                content = read_source(place)
            except OSError:
                return None
            try:
                known = _modules.get(place.name)
                module = known[1] if known and known[0] == content else Module(place)
            except (SyntaxError, ValueError):
                self._files[place.name] = f"{public_name(place.name)} {hashlib.sha256(content).hexdigest()}"
                return None
            _modules[place.name] = (content, module)
            self._parts[place.name] = (module, set())
            self._add_actions(module)
        return self._parts[place.name][0] if place.name in self._parts else None

    def _add_actions(self, module: Module) -> None:
        """Add the statements that may act on anything; all of a module that can reach what it does not name."""
        if module.is_script:
            return
        for number, one in enumerate(module.statements):
            own = any(not path or self._is_users(path) for path in module.decorators(number))
            if module.is_dynamic or one.kind == "action" or own:
                self._include(module, number)

    def _is_users(self, path: str) -> bool:
        place = find_place(path.partition(".")[0])
        return place is None or find_owner(place) == USER

    def _reach(self, module: Module, name: str) -> None:
        numbers = module.binding(name)
        if name == "*" or not numbers:
            numbers = list(range(len(module.statements)))
        for number in numbers:
            self._include(module, number)

    def _include(self, module: Module, number: int) -> None:
        included = self._parts[module.place.name][1]
        if number not in included:
            included.add(number)
            self._todo.append((module, number))

    def _run(self) -> None:
        """Follow the names and imports of all statements that were added."""
        while self._todo:
            module, number = self._todo.pop()
            written = module.written(number)
            for name in written.names:
                for found in module.binding(name):
                    self._include(module, found)
            for path in written.imports:
                if path.startswith("robench.") or not module.name.startswith("robench."):
                    self.add_module(path)
            if not self._todo and "__main__" in self._parts:
                self._add_mentions(*self._parts["__main__"])

    def _add_mentions(self, module: Module, included: set[int]) -> None:
        """Add a script's statements that name what was reached: they may act on it; its other calls are the study."""
        names = {
            name
            for number in included
            if not any(path.startswith("robench") for path in module.written(number).imports)
            for name in module.statements[number].binds
        }
        for number, one in enumerate(module.statements):
            if one.kind == "action" and not names.isdisjoint(module.written(number).names):
                self._include(module, number)


def _text(module: Module, numbers: set[int]) -> str:
    """Write the statements of a module; their order counts if one acts, or if a name is bound twice."""
    imports = sorted(module.written(n).text for n in numbers if module.statements[n].kind == "import")
    others = [n for n in sorted(numbers) if module.statements[n].kind != "import"]
    bound = [name for n in others for name in module.statements[n].binds]
    texts = [module.written(n).text for n in others]
    if len(set(bound)) == len(bound) and all(module.statements[n].kind == "definition" for n in others):
        texts.sort()
    return "\n".join([*imports, *texts])
