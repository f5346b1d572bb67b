"""Public names of a package, imported when they are first used: naming what can be run must not import torch."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def lazy_attributes(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and the ``__dir__`` of a package's ``__init__`` (PEP 562).

    What type checkers read is what is imported: a public name comes from the module that the ``__init__`` imports it
    from under ``if TYPE_CHECKING``, which is read from its source when a name is first asked for. ``dir`` lists what
    ``__all__`` has, so that completion offers public names, and those before they are imported.

    Args:
        package: the package's ``__name__``.
        file: the package's ``__file__``.
    """

    @cache
    def homes() -> dict[str, str]:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        return {alias.name: str(node.module) for node in imports for alias in node.names}

    def import_attribute(name: str) -> Any:
        # Python asks for names such as __path__, too, which no source has to be read for.
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(homes()[name])
        try:
            return getattr(home, name)
        except AttributeError:  # a module of a package is no attribute of it before it is imported
            return import_module(f"{home.__name__}.{name}")

    def list_names() -> list[str]:
        module = vars(sys.modules[package])
        return sorted({*module["__all__"], *(name for name in module if name.startswith("__"))})

    return import_attribute, list_names
