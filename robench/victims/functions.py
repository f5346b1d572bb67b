"""Python functions that are attacked: found by ``module:function``, and what stands for their code in a key."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.victims.source import hash_texts

Function = Callable[[list[str]], Any]


def import_function(spec: str) -> tuple[Function, str]:
    """Import ``module:function``, also from the working directory; give the function and how it is called.

    Raises:
        RobenchError: there is no such module or function, or the module fails.
    """
    module_name, _, path = spec.partition(":")
    if module_name.endswith(".py"):
        raise RobenchError(f"--model {spec}: write the module without .py, as in {module_name[:-3]}:{path}.")
    try:
        with _working_directory():
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # another's module may fail in any way
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or "\0"):
            raise RobenchError(
                f"--model {spec}: there is no module {error.name} in {Path.cwd()} or among the installed packages."
            ) from error
        if isinstance(error, RobenchError):
            raise
        raise RobenchError(f"--model {spec}: importing {module_name} failed: {_told(error)}") from error
    try:
        found = functools.reduce(getattr, path.split("."), module)
    except AttributeError as error:
        raise RobenchError(f"--model {spec}: the module {module_name} has no {path}.") from error
    if isinstance(found, type):
        raise RobenchError(f"--model {spec}: {path} is a class; name a function, or an instance that can be called.")
    if not callable(found):
        raise RobenchError(f"--model {spec}: {path} is a {type(found).__name__} and cannot be called.")
    return found, spec


def digest_function(function: Function, shown: str, version: str) -> str:
    """sha256 of the source of the function's module, its name and its version.

    Raises:
        RobenchError: it has no source file and no version.
    """
    owner = inspect.unwrap(getattr(function, "func", function))
    owner = getattr(owner, "__func__", owner)
    name = shown or str(getattr(owner, "__qualname__", type(owner).__qualname__))
    module_name = shown.partition(":")[0] or getattr(owner, "__module__", None) or type(owner).__module__
    module = sys.modules.get(module_name)
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix == ".py" and file.is_file():
        return hash_texts("function", name, file.read_text(encoding="utf-8", errors="replace"), version)
    if not version:
        raise RobenchError(
            f"the function {name} has no source file, by which its results could be told from those of another one;"
            " give it a version (--version TEXT), and a new one whenever it changes."
        )
    return hash_texts("function", name, version)


def _told(error: BaseException) -> str:
    """The error's own type and message, on one line."""
    message = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {message[:300].rstrip('.')}."


@contextlib.contextmanager
def _working_directory() -> Iterator[None]:
    """Look in the working directory first, and afterwards last, for what the module imports while it runs."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)
