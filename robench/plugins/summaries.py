"""What the source of a module says of a plug-in, read without importing the module."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from robench.plugins.style import Style


class Summary(NamedTuple):
    """What a source says of a class or an object.

    Attributes:
        line: first line of its docstring.
        argument: for a class that stands for a family of names, the field that tells its members apart.
        reference: for a defense's class, whether it is the one that all others are compared with.
        style: how figures draw a defense, if it says so.
    """

    line: str = ""
    argument: str = ""
    reference: bool = False
    style: Style | None = None


@cache
def read_summary(target: str) -> Summary:
    """Read what the source says at ``module:attribute``; an empty summary if there is no readable source."""
    module, _, attribute = target.partition(":")
    try:
        spec = importlib.util.find_spec(module)
        file = Path(spec.origin) if spec and spec.origin else Path()
        body = ast.parse(file.read_text(encoding="utf-8")).body if file.suffix == ".py" else []
        variables = _class_variables(body, attribute)
        return Summary(
            first_line(_docstring(body, attribute)),
            _constant(variables.get("argument"), ""),
            _constant(variables.get("reference"), False) is True,
            _style(variables.get("style") or _annotation(body, attribute)),
        )
    except (Exception, SystemExit):  # whatever is wrong, its name can be listed; loading it reports the fault
        return Summary()


def first_line(doc: str | None) -> str:
    """Return the first line of a docstring; empty if there is none."""
    return (doc or "").strip().partition("\n")[0].strip()


def _class_variables(body: list[ast.stmt], attribute: str) -> dict[str, ast.expr]:
    """Find the lines of a class that look like ``argument: ClassVar[str] = "recipe"``."""
    return {
        ast.unparse(line.target): line.value
        for node in body
        if isinstance(node, ast.ClassDef) and node.name == attribute
        for line in node.body
        if isinstance(line, ast.AnnAssign) and line.value is not None
        if ast.unparse(line.annotation).startswith(("ClassVar", "typing.ClassVar"))
    }


def _annotation(body: list[ast.stmt], attribute: str) -> ast.expr | None:
    """Find ``Style(...)`` in a line like ``fgm: Annotated[FGSM, Style(...)] = FGSM()``."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == attribute:
            for part in ast.walk(node.annotation):
                if isinstance(part, ast.Call):
                    return part
    return None


def _constant(node: ast.expr | None, default: Any) -> Any:
    """Return the value of a constant."""
    return node.value if isinstance(node, ast.Constant) else default


def _style(node: ast.expr | None) -> Style | None:
    """Read ``Style(title="TaiChi", hue="vermillion")``."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Style"):
        return None
    return Style(**{keyword.arg: _constant(keyword.value, "") for keyword in node.keywords if keyword.arg})


def _docstring(body: list[ast.stmt], attribute: str) -> str | None:
    """Find the docstring of a class or function, or the text that describes an assigned object.

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
