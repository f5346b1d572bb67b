"""The end of a command that fails, that is interrupted, or whose output nobody reads any more."""

from __future__ import annotations

import contextlib
import errno
import functools
import inspect
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.text import Text

from robench.cli.help import format_help, prepare_parameter
from robench.cli.output import print_dimmed
from robench.console import Console, divert_output, output_stream
from robench.errors import RobenchError, blame_foreign_code
from robench.escaping import shorten
from robench.paths import anchor_paths

F = TypeVar("F", bound=Callable[..., None])
TracebackOption = Annotated[
    bool, typer.Option("--traceback", help="On failure, show all frames, not only those of your code.")
]


def report_failures(command: F) -> F:
    """Decorate a command so that robench's errors, an interrupt and a closed pipe end it as a shell expects.

    The command gets an option ``--traceback``, and its help a form that suits a terminal.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, traceback: bool = False, **kwargs: Any) -> None:
        from robench.plugins import plugin_files

        with divert_output(), _end_on_signals():
            try:
                with anchor_paths(), blame_foreign_code(plugin_files.name_file):
                    command(*args, **kwargs)
                output_stream().flush()
            except Exception as error:
                _end_command(error, with_traceback=traceback)
            except KeyboardInterrupt as interrupt:
                message = "interrupted; finished work is kept, and the same command continues from there."
                Console(stderr=True).print(Text.assemble("\n", ("robench:", "bold"), f" {message}"), soft_wrap=True)
                number = interrupt.number if isinstance(interrupt, _EndSignal) else signal.SIGINT
                raise typer.Exit(128 + number) from None

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("traceback", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=TracebackOption)
    parameters = map(prepare_parameter, (*signature.parameters.values(), option))
    wrapped.__signature__ = signature.replace(parameters=tuple(parameters))  # type: ignore[attr-defined]
    wrapped.__doc__ = format_help(command.__doc__ or "")
    return wrapped  # type: ignore[return-value]


class _EndSignal(KeyboardInterrupt):
    """A signal that ends a command as ctrl-C does: work is kept, and worker processes end with it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def _end_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the block, unless this process was told to ignore them."""

    def interrupt(number: int, frame: object) -> None:
        raise _EndSignal(number)

    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end_command(error: Exception, *, with_traceback: bool) -> NoReturn:
    """End a command that failed: with a sentence if its user can do something about it, else with the error itself."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        raise typer.Exit(0) from None
    if isinstance(error, RobenchError):
        sentence = str(error)
    elif isinstance(error, OSError) and error.filename is not None:
        sentence = f"{os.fsdecode(error.filename)} cannot be used: {(error.strerror or str(error)).lower()}."
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _drop_output()
        sentence = f"the output cannot be written: {(error.strerror or str(error)).lower()}."
    else:
        raise error
    _complain(sentence or "failed without a message; --traceback shows where.")  # a plug-in's own error may be mute
    frames = "".join(traceback.format_exception(error)) if with_traceback else getattr(error, "frames", "")
    print_dimmed(frames.splitlines())
    raise typer.Exit(2) from None


def _drop_output() -> None:
    """Discard the output that is not written yet; otherwise the interpreter would fail to write it when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), output_stream().fileno())


def _complain(text: str) -> None:
    Console(stderr=True).print(Text.assemble(("robench:", "bold red"), f" {shorten(text)}"), soft_wrap=True)
