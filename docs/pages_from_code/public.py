"""The reference of Python: every public name of robench and of the faces of its rooms, from the docstrings."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

from sphinx.pycode import ModuleAnalyzer

FACES = ("robench", "robench.training", "robench.attacking", "robench.data", "robench.models", "robench.resources")


def render_public_names() -> str:
    """Return a section for each face, with each of its names; one that two faces share stands in the first."""
    parts, seen = [], dict[int, str]()
    for face in FACES:
        module = import_module(face)
        parts += [f"## {face}\n", (inspect.getdoc(module) or "").partition("\n\n")[0] + "\n"]
        parts += [_render(module, name, seen) for name in module.__all__]
    return "\n".join(parts)


def _render(face: ModuleType, name: str, seen: dict[int, str]) -> str:
    thing, place = getattr(face, name), f"{face.__name__}.{name}"
    if inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, ModuleType):
        if (first := seen.setdefault(id(thing), place)) != place:
            return f"`{place}` is {{py:obj}}`{first}`.\n"
        if isinstance(thing, ModuleType):
            return _directive(f"automodule:: {thing.__name__}", "   :members:")
        if inspect.isclass(thing):
            return _directive(f"autoclass:: {place}", "   :members:")
        return _directive(f"autofunction:: {place}")
    return _directive(f"py:data:: {place}", f"   :value: {thing!r}", "", *_read_comment(face, name))


def _read_comment(face: ModuleType, name: str) -> list[str]:
    """Return the text below the line that assigns a constant or an alias, which is not part of the object."""
    tree = ast.parse(Path(str(face.__file__)).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    (home,) = {str(node.module) for node in imports for alias in node.names if alias.name == name}
    return [f"   {line}" for line in ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name), [])]


def _directive(*lines: str) -> str:
    return "```{eval-rst}\n.. " + "\n".join(lines) + "\n```\n"
