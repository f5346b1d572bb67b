"""The command line."""

from __future__ import annotations

import io
import sys

import typer

from robench.cli import about, attack, compare, entries, export, judge, report, results, run, status, transfer, verify

__all__ = ["app", "main"]

app = typer.Typer(
    name="robench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which defense of a text classifier holds, against which attack, at what price, and how sure are we?\n\n"
    "[bold]robench run --defense base,ada,taichi --task trec --preset quick[/] trains and attacks; "
    "[bold]robench table 5[/] shows the results. `robench list` shows all names.",
)

app.callback()(about.show_version)
app.command(name="run")(run.run)
app.command(name="attack")(attack.attack)
app.command(name="table")(results.table)
app.command(name="compare")(compare.compare)
app.command(name="figure")(results.figure)
app.command(name="report")(report.report)
app.command(name="show")(results.show)
app.command(name="export")(export.export)
app.command(name="judge")(judge.judge)
app.command(name="transfer")(transfer.transfer)
app.command(name="status")(status.status)
app.command(name="verify")(verify.verify)
app.command(name="submit")(entries.submit)
app.command(name="validate")(entries.validate)
app.command(name="list")(about.list_)
app.command(name="doctor")(about.doctor)


def main() -> None:
    """Run the command line; a failure that the user can fix is a sentence on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show an arrow shows a question mark
    app()
