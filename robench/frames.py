"""The frames of a traceback that are code of others: plug-ins, and functions that are attacked.

Code of others is what lies neither in robench nor in the standard library nor among the installed packages.
"""

from __future__ import annotations

import inspect
import linecache
import site
import sys
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from traceback import FrameSummary

_DEEPEST = 12
"""Most frames that are shown; of more, the innermost ones say where an error arose."""


def find_frames(error: BaseException, *classes: type) -> list[FrameSummary]:
    """Return the frames of an error's traceback that are code of others, the innermost one last.

    Args:
        error: the error.
        classes: classes whose files are code of others wherever they lie.
    """
    modules = [sys.modules.get(one.__module__) for one in classes]
    files = {getattr(module, "__file__", None) for module in modules}
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename in files or is_foreign(frame.filename)]


def locate(thing: object) -> str:
    """Return ``FILE, line N`` of a class or a function that is code of others; empty if it is not, or not known."""
    try:
        thing = inspect.unwrap(thing) if callable(thing) else thing
        file, line = inspect.getsourcefile(thing), inspect.getsourcelines(thing)[1]  # type: ignore[arg-type]
    except (OSError, TypeError, ValueError):  # it is none, or has no source
        return ""
    return f"{file}, line {line}" if file and is_foreign(file) else ""


def format_frames(frames: list[FrameSummary], error: BaseException | None = None) -> str:
    """Write frames as Python does, without an end of line; empty if there are none.

    Args:
        frames: the frames.
        error: that they are of; if its file is code of others that is not Python, the line and a caret are added.
    """
    lines = traceback.format_list(frames[-_DEEPEST:])
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and is_foreign(error.filename):
        lines += traceback.format_exception_only(error)[:-1]
    return "".join(lines).rstrip("\n")


def is_foreign(file: str) -> bool:
    """Tell whether a file, as a code object names it, is code of others; a cell of a notebook or interpreter is."""
    if file.startswith("<"):  # such as <string>, whose lines nobody can look up, unless linecache has them
        return file in linecache.cache
    path = Path(file).resolve()
    return not any(path.is_relative_to(folder) for folder in _library_folders())


@cache
def _library_folders() -> tuple[Path, ...]:
    own = Path(__file__).resolve().parent
    rooms = [own, *(own.parent / room for room in ("attacks", "defenses", "tasks"))]  # in a clone they lie beside it
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed += [*site.getsitepackages(), site.getusersitepackages()]
    return (*rooms, *(Path(folder).resolve() for folder in installed))
