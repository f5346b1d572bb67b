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
            metavar="DIR", help="A runs folder: pages of its entries also show attacked texts. Not to publish."
        ),
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Write the leaderboard as a site: pages that are made of entries and open from a folder.

    A table for each task, encoder and protocol, ranked, to sort and filter; a page for each defense, attack and entry;
    the numbers that papers printed beside ours. Nothing is fetched, neither now nor by the pages; the same entries give
    the same bytes. docs/site.md says how to publish them.

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
