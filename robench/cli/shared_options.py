"""The options that several commands have, and what follows from their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robench.cli.output import print_dimmed
from robench.cli.parameters import typer_option
from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.study.options import RunOptions, StoreOptions

if TYPE_CHECKING:
    from robench.results.store import Store

RunsOption = Annotated[Path, typer_option(StoreOptions, "runs")]
PluginOption = Annotated[list[Path] | None, typer_option(StoreOptions, "plugin")]
DataOption = Annotated[Path | None, typer_option(RunOptions, "data")]
FormatOption = Annotated[str, typer.Option("--format", "-f", help="rich, md, csv, json, latex or html.")]
DATA_FORMATS = ("rich", "json")
"""The formats of what is no table."""
DataFormatOption = Annotated[str, typer.Option("--format", "-f", help="rich or json.")]
PaperOption = Annotated[
    str,
    typer.Option(
        "--paper",
        metavar="NAME",
        help="The paper whose tables and figures to use (`robench list papers`), or a folder with a paper.toml.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what is to do, and how long it takes.")]


def check_format(format: str, known: Iterable[str]) -> None:
    """Check the value of ``--format``, the default of which is ``rich``.

    Raises:
        RobenchError: there is no such format.
    """
    if format not in known:
        raise RobenchError(explain_unknown("format", format, list(known), "the default is rich"))


def open_store(runs: Path) -> Store:
    """Return a runs folder, or one of entries, to read from; what does not fit in it is named on standard error.

    Raises:
        RobenchError: it is a file.
    """
    from robench.results.entry_store import open_results

    if runs.is_file():
        raise RobenchError(f"{runs} is a file, and --runs takes a folder of results: name that.")
    return open_results(runs, lambda sentence: print_dimmed([f"left out: {sentence}"]))


def load_plugins(paths: Sequence[Path] | None) -> None:
    """Run the files of ``--plugin``."""
    from robench.plugins import plugin_files

    for path in paths or []:
        plugin_files.load_plugin(path)
