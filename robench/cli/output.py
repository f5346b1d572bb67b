"""The output of commands: plain texts, notes beside them, and log messages."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from robench.console import Console, output_stream
from robench.progress import Reporter


def print_text(text: str) -> None:
    """Print a text without any formatting."""
    output_stream().write(text.rstrip("\n") + "\n")


def print_notes(lines: Iterable[str], style: str = "") -> None:
    """Print lines that are no results to standard error."""
    console = Console(stderr=True)
    for line in lines:
        console.print(line, style=style, soft_wrap=True, highlight=False)


def print_dimmed(lines: Iterable[str]) -> None:
    """Print notes of less weight, such as why a table was left out, to standard error."""
    print_notes(lines, "dim")


def report_log(reporter: Reporter) -> None:
    """Show robench's log messages, such as downloads, through a reporter."""

    class LogReporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.say(f"  {record.getMessage()}")

    log = logging.getLogger("robench")
    log.setLevel(logging.INFO)
    log.handlers = [LogReporter()]
    log.propagate = False
