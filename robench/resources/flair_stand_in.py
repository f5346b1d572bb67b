"""A stand-in for flair while TextAttack is imported: three of its modules import flair, which few attacks use.

How it works: if flair cannot be imported, modules of its name are there during the import. TextAttack's modules keep
what they took from them; then they are gone, so that nobody else takes them for flair. What would tag a text raises a
sentence instead.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn

from robench.errors import RobenchError, describe_error
from robench.extras import format_install_command

_NAME = "flair"
_MODULES = ("flair.data", "flair.models")
"""The modules of flair that TextAttack imports."""


@contextlib.contextmanager
def stand_in_for_flair() -> Iterator[None]:
    """Let ``import flair`` work inside the block: with flair, or with a stand-in if it cannot be imported."""
    reason = _import_flair()
    modules = _make_modules(reason) if reason else {}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            sys.modules.pop(name, None)


def check_flair(module: ModuleType, user: str) -> None:
    """Check that what TextAttack imported as flair is no stand-in.

    Args:
        module: what TextAttack imported.
        user: what needs flair, for the message.

    Raises:
        RobenchError: it is.
    """
    reason = getattr(module, "robench_reason", "")
    if reason:
        raise RobenchError(
            f"{user} needs flair, which {reason}: `{format_install_command(_NAME)}` installs it, with the last version"
            " of Transformers that it can use."
        )


def _import_flair() -> str:
    """Import flair, and return why it cannot be imported, as a clause without a subject; empty if it can."""
    if importlib.util.find_spec(_NAME) is None:
        return "is not installed"
    try:
        for name in _MODULES:
            importlib.import_module(name)
    except Exception as error:  # what it imports may not fit it in many ways
        for name in [name for name in sys.modules if name.partition(".")[0] == _NAME]:
            del sys.modules[name]
        return f"cannot be imported ({describe_error(error)})"
    return ""


def _make_modules(reason: str) -> dict[str, Any]:
    """Make the modules of the stand-in by name."""
    modules: dict[str, Any] = {name: ModuleType(name) for name in (_NAME, *_MODULES)}
    flair = modules[_NAME]
    flair.robench_reason = reason

    class Missing:
        def __init__(self, *args: object, **kwargs: object) -> None:
            self.load()

        @classmethod
        def load(cls, *args: object, **kwargs: object) -> NoReturn:
            check_flair(flair, "what tags words for TextAttack")
            raise AssertionError("a stand-in has a reason")

    flair.data, flair.models = (modules[name] for name in _MODULES)
    flair.data.Tokenizer = type("Tokenizer", (), {})
    flair.data.Sentence = flair.models.SequenceTagger = Missing
    return modules
