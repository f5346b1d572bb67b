"""``robench site``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_dimmed, print_text
from robench.cli.shared_options import PluginOption, load_plugins, open_store
from robench.console import Console
from robench.escaping import count_noun, escape_line


@report_failures
def site(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pages go; a site there is replaced.")] = Path(
        "site"
    ),
    entries: Annotated[Path, typer.Option(metavar="DIR", help="The entries, as `robench submit` writes them.")] = Path(
        "leaderboards/measured"
    ),
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A runs folder: entries from it also show attacked texts. Do not publish that."
        ),
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Write the leaderboard, made from entries, as a site that opens from a folder.

    It has a ranked table for each task, encoder and protocol, to sort and filter; a page for each defense, attack and
    entry; and the papers' numbers beside ours. Neither the command nor the pages fetch anything; the same entries give
    the same bytes. docs/site.md explains how to publish it.

      robench site --out site
      robench site --entries my-entries --runs runs --out preview
    """
    from robench.bars import choose_reporter
    from robench.report.site.writer import write_site

    load_plugins(plugin)
    reporter = choose_reporter(Console(stderr=True))
    made = write_site(entries, out, reporter, runs=open_store(runs) if runs else None)
    print_text(escape_line(str(made.index)))
    content = f"{count_noun(made.entries, 'entry', 'entries')} on {count_noun(made.boards, 'board')}"
    print_dimmed([f"{made.pages:,} pages of {content}; open the file above in a browser."])
