"""What the source of a module says of one of its names; the module is not imported."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Declared(NamedTuple):
    """What can be told of a class or an object.

    Attributes:
        summary: first line of its docstring.
        argument: for a class that stands for a family of names, the field that tells its members apart.
    """

    summary: str = ""
    argument: str = ""


@cache
def declared(target: str) -> Declared:
    """Read what is said at ``module:attribute``; nothing, where there is no such source or it cannot be read."""
    module, _, attribute = target.partition(":")
    try:
        spec = importlib.util.find_spec(module)
        file = Path(spec.origin) if spec and spec.origin else Path()
        body = ast.parse(file.read_text(encoding="utf-8")).body if file.suffix == ".py" else []
        return Declared(first_line(_docstring(body, attribute)), _argument(body, attribute))
    except Exception:  # whatever is wrong with it, it can still be named; using it will tell
        return Declared()


def first_line(doc: str | None) -> str:
    """The first line of a docstring; empty where there is none."""
    return (doc or "").strip().partition("\n")[0].strip()


def _argument(body: list[ast.stmt], attribute: str) -> str:
    """What a class says in a line like ``argument: ClassVar[str] = "recipe"``."""
    for found in (node for node in body if isinstance(node, ast.ClassDef) and node.name == attribute):
        for line in found.body:
            if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "argument":
                said = ast.unparse(line.annotation).startswith(("ClassVar", "typing.ClassVar"))
                return str(line.value.value) if said and isinstance(line.value, ast.Constant) else ""
    return ""


def _docstring(body: list[ast.stmt], attribute: str) -> str | None:
    """Docstring of a class, or what an assignment says of itself.

    That is the string below the assignment, or the ``summary=`` of the call that makes the object.
    """
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return ast.get_docstring(node)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not any(isinstance(target, ast.Name) and target.id == attribute for target in targets):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                return str(after.value.value)
            for keyword in node.value.keywords if isinstance(node.value, ast.Call) else []:
                if keyword.arg == "summary" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None
