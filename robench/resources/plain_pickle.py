"""Pickles of numbers from untrusted sources, read without running any code that they name."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import IO, Any

from robench.errors import RobenchError

_NUMBERS = ("dict", "int", "float", "long")
_ADMITTED = frozenset(
    [("collections", "defaultdict"), ("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode")]
    + [(module, name) for module in ("builtins", "__builtin__") for name in _NUMBERS]
    + [(f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("scalar", "_reconstruct")]
)


def _latin_1(text: str, encoding: str) -> bytes:
    """Replace ``_codecs.encode``, with which older pickle protocols write bytes, such as those of a NumPy number."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it uses the codec {encoding}")
    return text.encode(encoding)


class PlainUnpickler(pickle.Unpickler):
    """An unpickler that admits certain globals only and fails before it calls any other.

    Args:
        stream: the pickle.
        admitted: (module, name) of each global that the pickle may use.
        encoding: of strings written by Python 2.
    """

    def __init__(self, stream: IO[bytes], admitted: Collection[tuple[str, str]], encoding: str = "ASCII") -> None:
        super().__init__(stream, encoding=encoding)
        self._admitted = admitted

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return the global if it is admitted.

        Raises:
            UnpicklingError: it is not admitted.
        """
        if (module_name, global_name) not in self._admitted:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")
        return _latin_1 if module_name == "_codecs" else super().find_class(module_name, global_name)


def load_plain_pickle(file: Path) -> Any:
    """Read a pickle of strings, numbers, lists, dictionaries and NumPy scalars and arrays.

    Raises:
        RobenchError: the pickle holds or names anything else, or is damaged.
    """
    try:
        with file.open("rb") as stream:
            return PlainUnpickler(stream, _ADMITTED).load()
    except Exception as error:  # damaged pickles raise anything, from EOFError to KeyError
        reason = str(error) or type(error).__name__
        raise RobenchError(f"{file} is not a plain pickle of numbers ({reason}): fetch it again.") from error


@contextlib.contextmanager
def load_pickles_plainly(module: ModuleType) -> Iterator[None]:
    """Let the calls of ``pickle.load`` in a module read plain pickles only, inside the block.

    Args:
        module: a module of another package, which has imported ``pickle``.
    """
    real = module.pickle
    module.pickle = SimpleNamespace(load=lambda stream: load_plain_pickle(Path(stream.name)))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.pickle = real  # type: ignore[attr-defined]
