"""The top-level statements of a module: what each binds and uses, so that a class is followed to all that it needs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal, NamedTuple

from robench.plugins.modules import ModulePlace, decode, public_name, read_source
from robench.plugins.syntax import Writer, find_looks, parse

_DYNAMIC = frozenset({"globals", "vars", "eval", "exec", "__subclasses__", "__init_subclass__", "__dict__"})
"""Names with which code can reach what it does not name."""


_WORDS: dict[type, str] = {ast.Name: "id", ast.Attribute: "attr", ast.FunctionDef: "name"}


class Statement(NamedTuple):
    """A top-level statement, or one name of an import.

    Attributes:
        kind: a definition is part of a class's source if a name that it binds is used; an import likewise; anything
            else, such as a call or a loop, may act on what the class uses.
        node: the statement.
        binds: the names that it binds.
        alias: of an import, what is imported.
    """

    kind: Literal["definition", "import", "action"]
    node: ast.stmt
    binds: frozenset[str]
    alias: ast.alias | None = None


class StatementText(NamedTuple):
    """The canonical text of a statement, the names that it uses, and the imports inside it."""

    text: str
    names: frozenset[str]
    imports: tuple[str, ...]


class Module:
    """The source of a module.

    Args:
        place: where it lies.

    Attributes:
        name: its name in keys.
        statements: its top-level statements, without those that only run when it is a script.
        is_script: whether it is the script that runs; its calls are the study, not part of a defense.
        is_dynamic: whether its code can reach what it does not name, so that all of it counts.

    Raises:
        UnicodeDecodeError, SyntaxError: the file is not Python.
    """

    def __init__(self, place: ModulePlace) -> None:
        self.place, self.name = place, public_name(place.name)
        self.is_script = place.name == "__main__"
        tree = parse(decode(read_source(place)))
        body = tree.body
        nodes = list(ast.walk(tree))
        # In this order an import at the top wins over one inside of a function.
        imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)][::-1]
        self._origins = {name: path for node in imports for name, path in self._imported_names(node)}
        self._looks = find_looks(nodes)
        self.statements = [one for node in self._run(body) for one in _split(node)]
        self._written: dict[int, StatementText] = {}
        words = {getattr(node, _WORDS[type(node)]) for node in nodes if type(node) in _WORDS}
        self.is_dynamic = not words.isdisjoint(_DYNAMIC) or {"sys", "modules"} <= words

    def binding(self, name: str) -> list[int]:
        """Return the numbers of the statements that bind a name."""
        return [number for number, one in enumerate(self.statements) if name in one.binds or "*" in one.binds]

    def written(self, number: int) -> StatementText:
        """Write a statement as canonical text."""
        if number not in self._written:
            one = self.statements[number]
            if one.alias is not None and isinstance(one.node, ast.Import | ast.ImportFrom):
                path = self.imported_path(one.node, one.alias)
                self._written[number] = StatementText(f"import {path} as {min(one.binds)}", frozenset(), (path,))
            else:
                writer = self.writer()
                text = writer.write(_without_annotation(one.node))
                paths = tuple(self.imported_path(*found) for found in writer.imports)
                self._written[number] = StatementText(text, frozenset(writer.names), paths)
        return self._written[number]

    def writer(self) -> Writer:
        """Make a writer that knows what this module's names were imported from."""
        return Writer(lambda name: self._origins.get(name, ""), self._looks)

    def decorators(self, number: int) -> list[str]:
        """Return the dotted paths of a definition's decorators; empty ones are the module's own."""
        node = self.statements[number].node
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return []
        writer = self.writer()
        return [writer.path(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list]

    def imported_path(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
        """Return ``module`` or ``module:name`` of an import; ``module:*`` for all names."""
        if isinstance(node, ast.Import):
            return alias.name
        package = self.place.name if self.place.folders is not None else self.place.name.rpartition(".")[0]
        return import_path(node, alias, package)

    def _imported_names(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
        """Yield the names that an import binds, with the dotted paths of what they stand for."""
        for alias in node.names:
            if isinstance(node, ast.Import) and not alias.asname:
                yield alias.name.partition(".")[0], alias.name.partition(".")[0]
            else:
                yield alias.asname or alias.name, self.imported_path(node, alias).replace(":", ".")

    def _run(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield the statements that run and do something."""
        for node in body:
            test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
            if isinstance(node, ast.If) and test.rpartition(".")[2] == "TYPE_CHECKING":
                yield from self._run(node.orelse)
            elif isinstance(node, ast.If) and test == "__name__ == '__main__'":
                yield from self._run(node.body if self.is_script else node.orelse)
            elif isinstance(node, ast.Expr):
                registers = self.writer().is_of_robench(node.value, "register")
                if not registers and not isinstance(node.value, ast.Constant):
                    yield node
            elif not isinstance(node, ast.Pass):
                yield node


def import_path(node: ast.ImportFrom, alias: ast.alias, package: str) -> str:
    """Return ``module:name`` of ``from module import name`` in a module of a package."""
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
    return f"{base}:{alias.name}"


def _split(node: ast.stmt) -> Iterator[Statement]:
    """Split an import into its names; every other statement stays whole."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return
        for alias in node.names:
            bound = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
            yield Statement("import", node, frozenset({bound}), alias)
    elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield Statement("definition", node, frozenset({node.name}))
    elif isinstance(node, ast.AnnAssign) and node.value is None:
        return
    else:
        bound_names = frozenset(
            part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        )
        yield Statement("definition" if _is_assignment(node) else "action", node, bound_names | _defined(node))


def _is_assignment(node: ast.stmt) -> bool:
    """Tell whether a statement only gives names to values."""
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return isinstance(node.target, ast.Name)
    if type(node).__name__ == "TypeAlias":  # Python 3.12
        return True
    return isinstance(node, ast.Assign) and all(
        isinstance(part, ast.Name | ast.Tuple | ast.List | ast.Starred)
        for target in node.targets
        for part in [target, *(target.elts if isinstance(target, ast.Tuple | ast.List) else [])]
    )


def _defined(node: ast.stmt) -> set[str]:
    """Return what definitions and imports below a statement such as ``try`` bind."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in part.names}
    return found


def _without_annotation(node: ast.stmt) -> ast.stmt:
    """Return ``name = value`` for ``name: annotation = value``, which at the top of a module only informs."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.Assign(targets=[node.target], value=node.value)
    return node
