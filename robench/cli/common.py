"""Parts that the commands share: error messages, running and showing a request, and common options."""

from __future__ import annotations

import contextlib
import errno
import functools
import inspect
import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.text import Text

from robench.cli.help import format_help, prepare_parameter
from robench.cli.parameters import typer_option
from robench.console import Console, divert_output, output_stream
from robench.errors import RobenchError, UnavailableError, blame_foreign_code
from robench.escaping import shorten
from robench.paths import absolute_path, anchor_paths
from robench.progress import Reporter
from robench.study.option_class import changed_words, option_words, run_options
from robench.study.options import RunOptions, StoreOptions

if TYPE_CHECKING:
    from robench.report.reproduce import Target
    from robench.results.info import CellInfo
    from robench.results.store import Store, StoredStage
    from robench.study.base_request import BaseRequest

F = TypeVar("F", bound=Callable[..., None])


def report_failures(command: F) -> F:
    """Decorate a command so that robench's errors, an interrupt and a closed pipe end it as a shell expects.

    The command gets an option ``--traceback``, and its help a form that suits a terminal.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, traceback: bool = False, **kwargs: Any) -> None:
        from robench.plugins import registry

        with divert_output(), _end_on_signals():
            try:
                with anchor_paths(), blame_foreign_code(registry.name_file):
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


def report_log(reporter: Reporter) -> None:
    """Show robench's log messages, such as downloads, through a reporter."""

    class LogReporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.say(f"  {record.getMessage()}")

    log = logging.getLogger("robench")
    log.setLevel(logging.INFO)
    log.handlers = [LogReporter()]
    log.propagate = False


RunsOption = Annotated[Path, typer_option(StoreOptions, "runs")]
PluginOption = Annotated[list[Path] | None, typer_option(StoreOptions, "plugin")]
DataOption = Annotated[Path | None, typer_option(RunOptions, "data")]
FormatOption = Annotated[str, typer.Option("--format", "-f", help="rich, md, csv, json, latex or html.")]
PaperOption = Annotated[
    str,
    typer.Option(
        "--paper",
        metavar="NAME",
        help="The paper whose tables and figures are meant (`robench list papers`), or a folder with a paper.toml.",
    ),
]
TracebackOption = Annotated[
    bool, typer.Option("--traceback", help="If something fails, show all frames, not only those of your own code.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the stages of the run, and what is finished.")]


def print_dimmed(lines: Iterable[str]) -> None:
    """Print notes, such as why a table was left out, to standard error."""
    console = Console(stderr=True)
    for line in lines:
        console.print(line, style="dim", soft_wrap=True, highlight=False)


def open_store(runs: Path) -> Store:
    """Return a runs folder, or one of entries, to read from; what does not fit in it is named on standard error."""
    from robench.results.entry_store import open_results

    return open_results(runs, lambda sentence: print_dimmed([f"left out: {sentence}"]))


def load_plugins(paths: Sequence[Path] | None) -> None:
    """Run the files of ``--plugin``."""
    from robench.plugins import registry

    for path in paths or []:
        registry.load_plugin(path)


def run_and_show(
    requests: Sequence[BaseRequest],
    target: Target,
    place: StoreOptions,
    reporter: Reporter,
    *,
    command: Sequence[str],
    dry_run: bool,
) -> list[StoredStage[CellInfo]]:
    """Make the cells of requests, show the table of their target, and return the cells.

    Args:
        requests: the requests.
        target: the table or figure that they are for.
        place: the options about the runs folder.
        reporter: shows the progress.
        command: the words of the command, without those of ``place``.
        dry_run: show the plan instead, and return no cells.

    Raises:
        RobenchError: there are no cells, or they cannot be made.
    """
    from robench.results.store import Store

    store, console = Store(Path(place.runs)), Console()
    if dry_run:
        from robench.cli.dry_run import show_plan

        show_plan(requests, store, place, reporter, console)
        return []
    from robench.study.commands import format_command
    from robench.study.runner import run_requests

    anywhere = replace(place, plugin=tuple(map(absolute_path, place.plugins)))
    text, options = format_command(*command, *changed_words(anywhere)), runs_options(place.runs)
    try:
        cells = run_requests(requests, store, reporter, place.existing, retry_errors=place.retry_errors, command=text)
    except UnavailableError as error:
        if not store.folders("cells"):
            raise
        advice = f"Of what is in {place.runs} already, {target.describe_next(options)}."
        raise UnavailableError(f"{error} {advice}") from error
    if not cells:
        raise RobenchError(f"none of these cells is in {place.runs}; leave --existing only-cache out to make them.")
    print_text(target.shown(cells, store, console, options))
    return cells


def runs_options(runs: str | Path) -> list[str]:
    """Return the options that a printed command needs to use the same runs folder; none if it does so anyway."""
    default = os.environ.get(run_options(StoreOptions)["runs"].text.variable) or StoreOptions().runs
    return [] if Path(runs) == Path(default) else option_words(StoreOptions, runs=runs)


def print_text(text: str) -> None:
    """Print a text without any formatting."""
    output_stream().write(text.rstrip("\n") + "\n")
