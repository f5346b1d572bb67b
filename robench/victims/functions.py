"""Python functions as models: importing ``module:function``, and the digest that identifies a function in keys."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from robench.errors import RobenchError, run_foreign_code
from robench.paths import absolute_path
from robench.plugins.live_source import UnknownSourceError
from robench.plugins.source import identify_function
from robench.victims.source import hash_texts

Function = Callable[[list[str]], Any]


def import_function(spec: str) -> tuple[Function, str]:
    """Import ``module:function``; the working directory is searched first.

    Returns:
        The function, and its location as users see it.

    Raises:
        RobenchError: there is no such module or function, or importing the module fails.
    """
    module_name, _, path = spec.partition(":")
    if module_name.endswith(".py"):
        raise RobenchError(f"--model {spec}: write the module without .py, as in {module_name[:-3]}:{path}.")
    with _working_directory(), run_foreign_code(f"--model {spec}: importing {module_name} failed"):
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if not module_name.startswith(error.name or "\0"):
                raise
            raise RobenchError(
                f"--model {spec}: there is no module {error.name} in {absolute_path(Path())} or among the installed"
                " packages."
            ) from error
    with run_foreign_code(f"--model {spec}: reading {path} failed"):
        try:
            function = functools.reduce(getattr, path.split("."), module)
        except AttributeError as error:
            raise RobenchError(f"--model {spec}: the module {module_name} has no {path}.") from error
    if isinstance(function, type):
        raise RobenchError(f"--model {spec}: {path} is a class; name a function, or an instance that can be called.")
    if not callable(function):
        raise RobenchError(f"--model {spec}: {path} is a {type(function).__name__} and cannot be called.")
    refuse_async(function, f"--model {spec}: {path}")
    return function, spec


def refuse_async(function: Function, what: str) -> None:
    """Reject a function that returns no scores, but a coroutine.

    Args:
        function: the function.
        what: names it in the message.

    Raises:
        RobenchError: it is such a function.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise RobenchError(f"{what} is async; name a plain function, which may call asyncio.run.")


def digest_function(function: Function, shown: str, version: str) -> str:
    """Return the sha256 of the source of the function and of the user's code that it uses, its name and its version.

    Args:
        function: the function.
        shown: ``module:function``, or empty if it was not imported by name.
        version: the user's version of the function, or empty.

    Raises:
        RobenchError: the function has neither a source nor a version.
    """
    owner = getattr(function, "func", function)
    with contextlib.suppress(ValueError):  # what wraps itself
        owner = inspect.unwrap(owner)
    owner = getattr(owner, "__func__", owner)
    name = shown or str(getattr(owner, "__qualname__", type(owner).__qualname__))
    module_name = shown.partition(":")[0] or getattr(owner, "__module__", None) or type(owner).__module__
    try:
        code = identify_function(function, module_name, name.rpartition(":")[2], lenient=bool(version))
    except UnknownSourceError as error:
        if not version:
            raise RobenchError(
                f"the function {name} has no source file or cell by which robench could distinguish its results from"
                f" another function's, because {error}; give it a version (--version TEXT), and a new one whenever it"
                " changes."
            ) from error
        code = ""
    return hash_texts("function", name, code, version)


@contextlib.contextmanager
def _working_directory() -> Iterator[None]:
    """Search modules in the working directory first inside the block, and last after it.

    The function may import modules of the working directory later, when it runs.
    """
    here = str(absolute_path(Path()))
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)
