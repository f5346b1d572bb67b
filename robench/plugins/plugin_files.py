"""Plug-in files: running one, so that the names it registers exist, and which of them are loaded."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from robench.errors import RobenchError, run_foreign_code
from robench.frames import find_frames, format_frames
from robench.paths import absolute_path, read_regular
from robench.plugins import registry
from robench.plugins.modules import PLUGIN, name_plugin, remember_source, source_in_use
from robench.plugins.search_path import search_first


def load_plugin(path: str | Path, module_name: str = "") -> None:
    """Run a plug-in file, so that the names it registers exist.

    Example:
        >>> import robench
        >>> robench.load_plugin("my_tasks.py")

    Args:
        path: the file.
        module_name: the name of its module, if it is the copy of another machine's file; by default it has its own.

    Raises:
        RobenchError: there is no such file, it fails, or it registers nothing.
    """
    path = absolute_path(Path(path)).resolve()
    if path.is_dir():
        raise RobenchError(f"plug-in {path} is a folder; --plugin takes a Python file, and may be given several times.")
    if not path.is_file():
        raise RobenchError(f"plug-in {path} does not exist; --plugin takes a Python file.")
    for kind in registry.KINDS:
        registry.entries(kind)  # read while the process is as it was: a plug-in may do anything to it
    try:
        name, content = module_name or name_plugin(path), read_regular(path)
    except OSError as error:
        raise RobenchError(f"plug-in {path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if name in sys.modules and source_in_use(name) == content:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not isinstance(spec.loader, SourceFileLoader):  # such as a compiled extension's
        raise RobenchError(f"plug-in {path} is not a Python file; its name should end in .py.")
    restore = _save_state()
    try:
        registry.forget(str(path))
        kept = dict(registry.additions)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up while it is being run
        remember_source(name, content)
        _run(path, content, module)
        if registry.additions == kept:
            raise RobenchError(f'plug-in {path} registers nothing; put @robench.register("name") above its class.')
    except BaseException:
        restore()
        raise


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Forget at the end of the block what was registered inside it, for tests."""
    restore = _save_state()
    try:
        yield
    finally:
        restore()


def list_files() -> list[Path]:
    """Return the plug-in files of what is registered, for another process to load."""
    modules = (module for name, module in sys.modules.items() if name.startswith(PLUGIN))
    origins = {entry.origin for entry in registry.additions.values()}
    return [Path(file) for file in dict.fromkeys(vars(module).get("__file__") for module in modules) if file in origins]


def name_file(file: str) -> str:
    """Return what a file registers, such as ``the defense mine``; empty if it registers nothing."""
    found = [f"{entry.kind[:-1]} {entry.name}" for entry in registry.additions.values() if entry.origin == file]
    return f"the {' or the '.join(found)}" if found else ""


def _save_state() -> Callable[[], None]:
    """Return a function that puts back what is registered now, and the modules of plug-in files."""
    additions = dict(registry.additions)
    modules = {name: (module, source_in_use(name)) for name, module in sys.modules.items() if name.startswith(PLUGIN)}

    def restore() -> None:
        registry.additions.clear()
        registry.additions.update(additions)
        for name in [name for name in sys.modules if name.startswith(PLUGIN)]:
            del sys.modules[name]
        for name, (module, source) in modules.items():
            sys.modules[name] = module
            if source is not None:
                remember_source(name, source)

    return restore


def _run(path: Path, content: bytes, module: ModuleType) -> None:
    """Run the source of a plug-in file in its module.

    What was read is run: a file that is edited a second later must not be taken for this one by its cached bytecode. It
    can import modules that lie beside it, as a script can.

    Raises:
        RobenchError: it fails; the message names the line.
    """
    try:
        with (
            registry.refuse_repetition(str(path)),
            search_first(path.parent),
            run_foreign_code(f"plug-in {path} failed", advice=_advise_dataclass),
        ):
            exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))
    except RobenchError as error:
        if error.__cause__ is not None:
            raise
        frames = [frame for frame in find_frames(error) if frame.filename == str(path)]  # register() refused something
        place = f"{path}, line {frames[-1].lineno}: " if frames else ""
        raise RobenchError(f"{place}{str(error).removeprefix(f'{path} ')}", format_frames(frames)) from error


def _advise_dataclass(error: BaseException) -> str:
    """Return what to do about an error of Python's dataclasses, with a blank before it; empty if it is none."""
    is_known = isinstance(error, TypeError) and re.search("non-frozen dataclass|non-default argument", str(error))
    return " Put @dataclass(frozen=True, kw_only=True) above the class." if is_known else ""
