"""The options that several commands have, and what follows from their values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robench.cli.output import print_dimmed
from robench.cli.parameters import typer_option
from robench.study.options import RunOptions, StoreOptions

if TYPE_CHECKING:
    from robench.results.store import Store

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
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the stages of the run, and what is finished.")]


def open_store(runs: Path) -> Store:
    """Return a runs folder, or one of entries, to read from; what does not fit in it is named on standard error."""
    from robench.results.entry_store import open_results

    return open_results(runs, lambda sentence: print_dimmed([f"left out: {sentence}"]))


def load_plugins(paths: Sequence[Path] | None) -> None:
    """Run the files of ``--plugin``."""
    from robench.plugins import plugin_files

    for path in paths or []:
        plugin_files.load_plugin(path)
