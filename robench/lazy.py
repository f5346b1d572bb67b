"""Lazy imports of a package's public names, so that listing what can be run does not import torch."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package's ``__init__`` (PEP 562).

    Args:
        package: the package's ``__name__``.
        homes: for each public name, the module in the package that defines it.

    Returns:
        A function that imports a public name when it is first used. It raises an AttributeError for any other name.
    """

    def import_attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return import_attribute
