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
    "A first look, minutes on two cores, and its table again; then your own model:\n"
    "  robench run --defense base,taichi --task trec --attack pwws --preset quick\n"
    "  robench table 5\n"
    "  robench attack --model ./my-classifier --task sst2 --preset quick\n\n"
    "`robench list` shows all names, `robench doctor` what this machine lacks.",
)

app.callback()(about.show_version)
app.command(name="run", cls=Command)(run.run)
app.command(name="attack", cls=Command)(attack.attack)
app.command(name="table", cls=Command)(results.table)
app.command(name="compare", cls=Command)(compare.compare)
app.command(name="figure", cls=Command)(results.figure)
app.command(name="report", cls=Command)(report.report)
app.command(name="show", cls=Command)(results.show)
app.command(name="export", cls=Command)(export.export)
app.command(name="judge", cls=Command)(judge.judge)
app.command(name="transfer", cls=Command)(transfer.transfer)
app.command(name="status", cls=Command)(status.status)
app.command(name="verify", cls=Command)(verify.verify)
app.command(name="submit", cls=Command)(entries.submit)
app.command(name="validate", cls=Command)(entries.validate)
app.command(name="site", cls=Command)(site.site)
app.command(name="list", cls=Command)(about.list_)
app.command(name="doctor", cls=Command)(about.doctor)


def main() -> None:
    """Run the command line; a failure that the user can fix is a sentence on stderr and exit code 2."""
    sys.stdout, sys.stderr = (  # Python sets a stream to None that was closed before it began
        stream if stream is not None else Path(os.devnull).open("w", encoding="utf-8")
        for stream in (sys.stdout, sys.stderr)
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show an arrow shows a question mark
    app()
