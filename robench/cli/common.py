"""Parts that the commands share: error messages, lists of names and numbers, and common options."""

from __future__ import annotations

import errno
import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.study.presets import Existing

F = TypeVar("F", bound=Callable[..., None])


def report_failures(command: F) -> F:
    """Decorate a command so that robench's errors, an interrupt and a closed pipe end it as a shell expects."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except RobenchError as error:
            _complain(str(error))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            message = "interrupted; finished work is kept, and the same command continues from there."
            Console(stderr=True).print(f"\n[bold]robench:[/] {message}", soft_wrap=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(0) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            if error.filename is not None:
                _complain(f"{os.fsdecode(error.filename)} cannot be used: {reason}.")
            elif error.errno == errno.ENOSPC:
                _drop_output()
                _complain(f"the output cannot be written: {reason}.")
            else:
                raise
            raise typer.Exit(2) from None

    return wrapped  # type: ignore[return-value]


def _drop_output() -> None:
    """Discard the output that is not written yet; otherwise the interpreter would fail to write it when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> None:
    from rich.markup import escape

    Console(stderr=True).print(f"[bold red]robench:[/] {escape(text)}", soft_wrap=True, highlight=False)


def report_log(reporter: Reporter) -> None:
    """Show robench's log messages, such as downloads, through a reporter."""

    class LogReporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.say(f"  {record.getMessage()}")

    log = logging.getLogger("robench")
    log.setLevel(logging.INFO)
    log.handlers = [LogReporter()]
    log.propagate = False


def split_names(given: list[str] | None) -> list[str]:
    """Return the names of an option that may be repeated and may contain commas."""
    return [name.strip() for text in given or [] for name in text.split(",") if name.strip()]


def parse_numbers(given: list[str] | None, option: str) -> list[int]:
    """Return the whole numbers of an option that may be repeated and may contain commas.

    Raises:
        RobenchError: one is not a whole number.
    """
    try:
        return [int(text) for text in split_names(given)]
    except ValueError:
        raise RobenchError(f"{option} {','.join(given or [])}: whole numbers, separated by commas.") from None


RunsOption = Annotated[
    Path, typer.Option("--runs", metavar="DIR", envvar="ROBENCH_RUNS", help="Folder of results; never computed twice.")
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that registers a defense, attack or task."),
]
FormatOption = Annotated[str, typer.Option("--format", "-f", help="rich, md, csv, json, latex or html.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder with TASK/{train,dev,test}.tsv (.csv, .parquet). Also ROBENCH_DATA."
    ),
]

PaperOption = Annotated[
    str,
    typer.Option(
        "--paper",
        metavar="NAME",
        help="The paper whose tables and figures are meant (`robench list papers`), or a folder with a paper.toml.",
    ),
]
AttacksOption = Annotated[
    list[str] | None, typer.Option("--attack", "-a", help="Names, or all.", show_default="the paper's")
]
AttackLimitOption = Annotated[
    int | None, typer.Option(metavar="N", help="Most attacked test samples.", show_default="the preset's")
]
ExistingOption = Annotated[
    Existing, typer.Option(help="only-missing, always (compute again) or only-cache (compute nothing).")
]
PrecisionOption = Annotated[str, typer.Option(help="auto, fp32 or bf16; part of the result's key.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Extra processes for the searches of attacks; 0 for none. They help if the model answers faster than one"
        " process can ask, some thousand queries a second.",
        show_default="0, and up to 8 beside a GPU",
    ),
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Fetch nothing from anywhere.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the stages of the run, and what is finished.")]


def load_plugins(paths: Sequence[Path] | None) -> None:
    """Run the files of ``--plugin``."""
    from robench.plugins import registry

    for path in paths or []:
        registry.load_plugin(path)


def runs_options(runs: Path) -> list[str]:
    """Return the options that a printed command needs to use the same runs folder."""
    return [] if runs == Path("runs") else ["--runs", str(runs)]


def print_text(text: str) -> None:
    """Print a text without any formatting."""
    sys.stdout.write(text.rstrip("\n") + "\n")
