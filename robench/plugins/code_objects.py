"""What a compiled function says of its source: its syntax, and the global names that it reads."""

from __future__ import annotations

import ast
import dis
import linecache
import types

from robench.plugins.syntax import parse

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


def global_names(code: types.CodeType) -> set[str]:
    """Return the global names that a function and the functions inside it read."""
    found = {one.argval for one in dis.get_instructions(code) if one.opname in _READS}
    return found.union(*(global_names(one) for one in code.co_consts if isinstance(one, types.CodeType)))


def find_nodes(code: types.CodeType) -> list[ast.AST]:
    """Find the syntax of a function in the file, or the cell of a notebook, that it was written in.

    Returns:
        One node; several lambdas if they stand on one line; none if the source is not known.
    """
    try:
        tree = parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return []
    return [node for node in ast.walk(tree) if _is_code_of(node, code)]


def _is_code_of(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != code.co_name:
        return False
    return min([node.lineno, *(one.lineno for one in node.decorator_list)]) == code.co_firstlineno
