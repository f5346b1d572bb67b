"""Python functions as models: importing ``module:name``, and the digest that identifies a function in keys."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from robench.errors import RobenchError, run_foreign_code
from robench.escaping import list_values, name_type
from robench.paths import absolute_path
from robench.plugins.live_source import UnknownSourceError
from robench.plugins.search_path import search_first
from robench.plugins.source import identify_function
from robench.victims.source import hash_texts, version_option

Function = Callable[[list[str]], Any]
_SCORES = ("predict_proba", "decision_function")


def import_object(spec: str) -> tuple[Any, str]:
    """Import ``module:name`` or ``FILE.py:name``.

    The working directory is searched first for modules, and the folder of the file for those that lie beside it.

    Returns:
        The object, and ``module:name``.

    Raises:
        RobenchError: there is no such module or name, or importing the module fails.
    """
    place, _, path = spec.rpartition(":")
    file = absolute_path(Path(place)).resolve() if place.endswith(".py") else None
    if file is not None and not file.is_file():
        raise RobenchError(f"--model {spec}: there is no file {file}.")
    module_name = file.stem if file else place
    with search_first(file.parent if file else absolute_path(Path())):
        module = _import_module(spec, module_name)
    own = getattr(module, "__file__", None)
    if file is not None and (own is None or Path(own).resolve() != file):
        raise RobenchError(
            f"--model {spec}: a module {module_name} was imported before, from {own}; give the file another name."
        )
    with run_foreign_code(f"--model {spec}: reading {path} failed"):
        try:
            thing = functools.reduce(getattr, path.split("."), module)
        except AttributeError as error:
            known = _list_models(module)
            hint = f"; it has {list_values(known)}" if known else ""
            raise RobenchError(f"--model {spec}: the module {module_name} has no {path}{hint}.") from error
    return thing, f"{module_name}:{path}"


def _list_models(module: ModuleType) -> list[str]:
    """Return the names in a module that may be models: its own functions, and objects that score as scikit-learn's."""
    public = {name: thing for name, thing in vars(module).items() if not name.startswith("_")}
    return [
        name
        for name, thing in public.items()
        if (inspect.isfunction(thing) and thing.__module__ == module.__name__)
        or (not inspect.isclass(thing) and any(hasattr(type(thing), scores) for scores in _SCORES))
    ]


def _import_module(spec: str, name: str) -> ModuleType:
    with run_foreign_code(f"--model {spec}: importing {name} failed"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not name.startswith(error.name or "\0"):
                raise
            raise RobenchError(
                f"--model {spec}: there is no module {error.name} in {absolute_path(Path())} or among the installed"
                " packages."
            ) from error


def check_function(thing: Any, what: str) -> Function:
    """Return an object, if it is a function from texts to scores as far as its class tells.

    Args:
        thing: the object.
        what: names it in messages.

    Raises:
        RobenchError: it is not.
    """
    kind = name_type(thing)
    if isinstance(thing, type):
        raise RobenchError(f"{what} is a class; name a function, or an instance that can be called.")
    if isinstance(thing, tuple | list):
        raise RobenchError(
            f"{what} is {kind} of {len(thing)}; a model in memory is a function, or a pair of a Transformers model and"
            " its tokenizer."
        )
    if not callable(thing):
        raise RobenchError(
            f"{what} is {kind} and cannot be called; a model is a folder, a Hub id, module:function, a function, a pair"
            " of a Transformers model and its tokenizer, a pipeline, or a classifier of scikit-learn."
        )
    if other := _find_counterpart(type(thing)):
        raise RobenchError(f"{what} is {kind}, which gives no scores of texts: give a pair of it and {other}.")
    function: Function = thing
    if inspect.isasyncgenfunction(function):
        raise RobenchError(f"{what} is an async generator; name a function, async or not, that returns all scores.")
    return function


def _find_counterpart(kind: type) -> str:
    """Return what a class of Transformers needs beside it to read texts; empty if it is another, or reads them itself.

    What an object has is not asked: a client may seem to have everything.
    """
    names = {base.__name__ for base in kind.__mro__}
    if "PreTrainedTokenizerBase" in names:
        return "its model"
    forward = getattr(kind, "forward", None)
    reads_ids = inspect.isfunction(forward) and "input_ids" in inspect.signature(forward).parameters
    return "its tokenizer" if reads_ids and hasattr(kind, "save_pretrained") else ""


def digest_function(function: Function, spec: str, version: str) -> str:
    """Return the sha256 of the source of the function and of the user's code that it uses, its name and its version.

    Args:
        function: the function.
        spec: ``module:function``, or empty if it was not imported by name.
        version: the user's version of the function, or empty.

    Raises:
        RobenchError: the function has neither a source nor a version.
    """
    owner = getattr(function, "func", function)
    with contextlib.suppress(ValueError):  # what wraps itself
        owner = inspect.unwrap(owner)
    owner = getattr(owner, "__func__", owner)
    name = spec or str(getattr(owner, "__qualname__", type(owner).__qualname__))
    module_name = spec.partition(":")[0] or getattr(owner, "__module__", None) or type(owner).__module__
    try:
        code = identify_function(function, module_name, name.rpartition(":")[2], lenient=bool(version))
    except UnknownSourceError as error:
        if not version:
            raise RobenchError(
                f"the function {name} has no source file or cell by which robench could distinguish its results from"
                f" another function's, because {error}; give it a version ({version_option(spec)}), and a new one"
                " whenever it changes."
            ) from error
        code = ""
    return hash_texts("function", name, code, version)
