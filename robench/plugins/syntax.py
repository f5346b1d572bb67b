"""Python source as canonical text: equal for sources that do the same as far as their syntax tells.

How it works: a syntax tree is written by the code below and not by ``ast.dump``, whose output differs between Pythons:
the name of each node and, in brackets, its fields in alphabetical order, without the empty ones. Positions and comments
are no part of a tree. Left out as well is what only people and figures read: docstrings and other bare constants,
``title``, ``summary`` and ``style`` of a class, the words of table 2, the attack made against a defense, names of
registration, and all but the default of :func:`~robench.plugins.option.option`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LOOKS = frozenset({"title", "summary", "style", "augmentation", "classifies", "loss_parts", "adaptive_attack"})
"""Class variables and methods that training and attacks do not depend on, unless the code reads them itself."""
_SKIPPED = frozenset({"type_comment", "kind", "ctx", "type_ignores"})

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def parse(text: str) -> ast.Module:
    """Parse a source, without the warnings that importing it gives.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def find_looks(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return those of :data:`LOOKS` that code with these nodes does not read."""
    return LOOKS - {node.attr for node in nodes if isinstance(node, ast.Attribute)}


class Writer:
    """Writes nodes as canonical text, and collects what they use.

    Args:
        origin: returns for a name the dotted path that it was imported from; empty for others.
        looks: names of class variables and methods to leave out.

    Attributes:
        names: the names in what was written.
        imports: the import statements in what was written.
    """

    def __init__(self, origin: Callable[[str], str], looks: frozenset[str]) -> None:
        self._origin, self._looks = origin, looks
        self.names: set[str] = set()
        self.imports: list[tuple[Import, ast.alias]] = []

    def write(self, value: Any) -> str:
        """Write a node, or the value of one of its fields."""
        if isinstance(value, list):
            return f"[{','.join(map(self.write, value))}]"
        if not isinstance(value, ast.AST):
            return _write_constant(value)
        if isinstance(value, ast.Constant):
            return f"Constant({_write_constant(value.value)})"
        if isinstance(value, ast.Name):
            self.names.add(value.id)
        elif isinstance(value, Import):
            self.imports += [(value, alias) for alias in value.names]
        elif isinstance(value, ast.Call) and self.is_of_robench(value.func, "option"):
            return self.write(_default(value))
        elif isinstance(value, ast.Call) and (name := _imported_by_call(value)):
            self.imports.append((ast.Import([ast.alias(name)]), ast.alias(name)))
        fields = (f"{name}={self.write(content)}" for name, content in self._fields(value))
        return f"{type(value).__name__}({','.join(fields)})"

    def is_of_robench(self, node: ast.expr, name: str) -> bool:
        """Tell whether an expression, or the function that it calls, is ``name`` of a module of robench."""
        path = self.path(node.func if isinstance(node, ast.Call) else node)
        return path.startswith("robench.") and path.endswith(f".{name}")

    def path(self, node: ast.expr) -> str:
        """Return the dotted path that ``a`` or ``a.b`` was imported from; empty for other expressions."""
        if isinstance(node, ast.Name):
            return self._origin(node.id)
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def _fields(self, node: ast.AST) -> Iterator[tuple[str, Any]]:
        for name in sorted(node._fields):
            content = getattr(node, name, None)
            if isinstance(node, ast.JoinedStr) and name == "values":
                content = _join_texts(node.values)
            elif isinstance(node, ast.Call) and name == "keywords" and self.path(node.func) == "dataclasses.field":
                content = [keyword for keyword in node.keywords if keyword.arg != "metadata"]
            elif name == "decorator_list":
                content = [one for one in content or [] if not self.is_of_robench(one, "register")]
            elif isinstance(content, list) and content and isinstance(content[0], ast.stmt):
                content = [line for line in content if not self._is_idle(line, isinstance(node, ast.ClassDef))]
            if name not in _SKIPPED and content is not None and content != []:
                yield name, content

    def _is_idle(self, line: ast.stmt, in_class: bool) -> bool:
        """Tell whether a statement does nothing, or only decides how the class is shown."""
        if isinstance(line, ast.Pass) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)):
            return True
        if not in_class:
            return False
        if isinstance(line, ast.FunctionDef):
            return line.name in self._looks
        targets = line.targets if isinstance(line, ast.Assign) else []
        if isinstance(line, ast.AnnAssign) and "ClassVar" in ast.unparse(line.annotation):
            targets = [line.target]
        return bool(targets) and all(isinstance(one, ast.Name) and one.id in self._looks for one in targets)


def _write_constant(value: Any) -> str:
    """Write a constant by type and value; ``repr`` of a text depends on the Unicode of a Python, ``ascii`` does not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int {value:x}"
    return f"{type(value).__name__} {value!a}"


def _join_texts(values: list[ast.expr]) -> list[ast.expr]:
    """Join neighbouring texts of an f-string, which Pythons split in different places."""
    joined: list[ast.expr] = []
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            if not value.value:
                continue
            last = joined[-1] if joined else None
            if isinstance(last, ast.Constant):
                joined[-1] = ast.Constant(str(last.value) + value.value)
                continue
        joined.append(value)
    return joined


def _imported_by_call(call: ast.Call) -> str:
    """Return the name of the module that ``import_module("name")`` imports; empty for other calls."""
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name in ("import_module", "__import__") and call.args and isinstance(call.args[0], ast.Constant):
        return str(call.args[0].value)
    return ""


def _default(call: ast.Call) -> ast.expr | None:
    """Return the default that ``option(...)`` declares."""
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
