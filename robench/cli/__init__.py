"""The command line."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import typer

from robench.cli import (
    about,
    attack,
    compare,
    entries,
    export,
    judge,
    report,
    results,
    run,
    site,
    status,
    transfer,
    verify,
)
from robench.cli.help import Command, CommandGroup

__all__ = ["app", "main"]

app = typer.Typer(
    name="robench",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which defense of a text classifier holds, against which attack, at what price, and how sure are we?\n\n"
    "A first look (minutes on two cores), its table again, then your own model:\n"
    "  robench run --defense base,taichi --task trec --attack pwws --preset quick\n"
    "  robench table 5\n"
    "  robench attack --model ./my-classifier --task sst2 --preset quick\n\n"
    "`robench list` shows all names, `robench doctor` what this machine lacks.",
)

app.callback()(about.show_version)
for command in (
    *(run.run, attack.attack, results.table, compare.compare, results.figure, report.report, results.show),
    *(export.export, judge.judge, transfer.transfer, status.status, verify.verify, entries.submit, entries.validate),
    *(site.site, about.list_, about.doctor),
):
    app.command(name=command.__name__.rstrip("_"), cls=Command)(command)


def main() -> None:
    """Run the command line; a failure that the user can fix is a sentence on stderr and exit code 2."""
    sys.stdout, sys.stderr = (  # Python sets a stream to None that was closed before it began
        stream if stream is not None else Path(os.devnull).open("w", encoding="utf-8")
        for stream in (sys.stdout, sys.stderr)
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show an arrow shows a question mark
    app()
