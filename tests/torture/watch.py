"""The events that mean that code of an input runs, or that the network is asked; Python itself reports them."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from torture.case import Place

_COMMANDS = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn", "subprocess.Popen"}
_OWN_COMMANDS = ("uname", "lscpu", "ldconfig", "gcc", "git", sys.executable)
"""Programs that Python, torch and robench start."""
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}
_HARMLESS = ("collections", "numpy", "torch", "robench", "multiprocessing", "datetime", "copyreg")
"""Modules whose classes a pickle may name."""


def watch(place: Place, alarm: Callable[[str], None]) -> None:
    """Tell of commands, of pickles that name functions, and of requests to the network, which fail.

    Args:
        place: the folders of the input.
        alarm: receives what happened.
    """

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event in _COMMANDS:
            command = values[0]
            if not str(command).rpartition("/")[2].startswith(tuple(Path(one).name for one in _OWN_COMMANDS)):
                alarm(f"{event} {values!r:.200}")
        elif event == "pickle.find_class":
            module, name = str(values[0]), str(values[1])
            known = module.partition(".")[0] in _HARMLESS or isinstance(getattr(builtins, name, None), type)
            if not known:
                alarm(f"unpickles {module}.{name}")
        elif event in _NETWORK and not (event == "socket.connect" and isinstance(values[1], str | bytes)):
            alarm(f"{event} {values[1:]!r:.100}")
            raise OSError("there is no network here")

    sys.addaudithook(hook)


def find_imported(place: Place, before: Set[str]) -> list[str]:
    """Return the new modules that lie in the folders of the input, or that Transformers made from its files.

    Args:
        place: the folders of the input.
        before: the modules that were in memory before.
    """
    root = os.fspath(place.root)
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in before
        and (str(getattr(module, "__file__", None) or "").startswith(root) or name.startswith("transformers_modules."))
    ]
