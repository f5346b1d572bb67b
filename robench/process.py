"""Settings of the process that robench puts back after a while: changed by code of others, or for it.

Results would depend on some of them, such as torch's default number type, while the code that changed them stands in no
key of theirs. With others, robench would fail in a place that has nothing to do with the fault.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def keep_settings() -> Iterator[None]:
    """Put back at the end of the block what it changed.

    These are torch's default number type, default device and recording of gradients; folders that were removed from
    ``sys.path``; a lower limit of recursion; filters that make errors of warnings; and the level that disables logging.
    """
    path, depth, disabled = list(sys.path), sys.getrecursionlimit(), logging.root.manager.disable
    strict = [one for one in warnings.filters if one[0] == "error"]
    torch_before = _read_torch()
    try:
        yield
    finally:
        sys.path += [folder for folder in path if folder not in sys.path]
        if sys.getrecursionlimit() < depth:
            sys.setrecursionlimit(depth)
        if logging.root.manager.disable != disabled:  # the call walks through all loggers
            logging.disable(disabled)
        _remove_strict_filters(strict)
        _restore_torch(*torch_before)


@contextlib.contextmanager
def change_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block, and restore all of them after it, also what the block set itself."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _remove_strict_filters(known: list[Any]) -> None:
    """Remove the filters that make errors of warnings, but for the known ones."""
    new = [one for one in warnings.filters if one[0] == "error" and one not in known]
    if new:
        kept = [one for one in warnings.filters if one not in new]
        with warnings.catch_warnings():  # at its end, Python notes that the filters have changed
            pass
        warnings.filters[:] = kept  # type: ignore[index]


def _read_torch() -> tuple[str, str, bool]:
    """Return torch's default number type and device, and whether it records gradients: of a fresh one if it is new."""
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "get_default_device"):  # not imported, or only in part
        return "float32", "cpu", True
    dtype = str(torch.get_default_dtype()).removeprefix("torch.")
    return dtype, str(torch.get_default_device()), torch.is_grad_enabled()


def _restore_torch(dtype: str, device: str, records_gradients: bool) -> None:
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "get_default_device") or _read_torch() == (dtype, device, records_gradients):
        return
    torch.set_default_dtype(getattr(torch, dtype))
    torch.set_grad_enabled(records_gradients)
    if str(torch.get_default_device()) != device:
        torch.set_default_device(None if device == "cpu" else device)  # a set device slows every call down
