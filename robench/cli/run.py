"""``robench run``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from robench.cli.execution import run_and_show
from robench.cli.failures import report_failures
from robench.cli.output import report_log
from robench.cli.parameters import add_options
from robench.cli.shared_options import DryRunOption, PaperOption, load_plugins
from robench.console import Console
from robench.results.paper_contents import DEFAULT
from robench.study.option_class import changed_words
from robench.study.options import RunOptions, StoreOptions, runs_options


@report_failures
@add_options(
    RunOptions,
    StoreOptions,
    optional=("defense", "task"),  # which a table or figure names
    behind={"settings": ("config", "table", "figure", "paper")},
)
def run(
    options: RunOptions,
    place: StoreOptions,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of hyper-parameters; each name has a table.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="N", help="Run everything this table needs, with --preset."),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option("--figure", metavar="N", help="Run everything this figure needs, with --preset."),
    ] = None,
    paper: PaperOption = DEFAULT,
    dry_run: DryRunOption = False,
) -> None:
    """Train defenses, attack them, and show the table.

    Results in the runs folder are reused, and an interrupted run continues where it stopped.

      robench run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick
      robench run --defense taichi --task sst2 --data ~/data --seed 1,2,3
      robench run --defense base,taichi --task ./my-reviews --preset quick
      robench run --defense my-defense --plugin my_defense.py --task mr --preset quick
      robench run --defense ada,taichi --against pwws --task trec --preset quick
      robench run --table 5 --task trec
    """
    from robench.bars import choose_reporter
    from robench.plugins import settings
    from robench.report.reproduce import Target
    from robench.report.tables.general_tables import WORST
    from robench.study.request import Request

    load_plugins(place.plugins)
    shown = table or (WORST if options.against and not figure else None)
    target = Target.named(table=shown, figure=figure, paper=paper)
    others = {"--config": config, "--table": table, "--figure": figure, "--paper": None if paper == DEFAULT else paper}
    words = [word for flag, value in others.items() if value is not None for word in (flag, str(value))]
    command = ["run", *changed_words(options), *words]
    if config:
        options = replace(options, settings=settings.merge(settings.read_file(config), options.changes))
    reporter = choose_reporter(Console(stderr=True))
    report_log(reporter)
    requests = target.requests(Request.of(options))
    if line := target.describe_preset(options.preset):
        reporter.say(line)
    cells = run_and_show(requests, target, place, reporter, command=command, dry_run=dry_run)
    if cells:
        reporter.say(f"results are in {place.runs}; {target.describe_next(runs_options(place.runs))}.")
