"""``robench run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robench.cli.common import (
    AttackLimitOption,
    AttacksOption,
    DataOption,
    DeviceOption,
    DryRunOption,
    ExistingOption,
    OfflineOption,
    PaperOption,
    PluginOption,
    PrecisionOption,
    RunsOption,
    WorkersOption,
    load_plugins,
    parse_numbers,
    print_text,
    report_failures,
    report_log,
    runs_options,
    split_names,
)
from robench.errors import RobenchError
from robench.results.paper_contents import DEFAULT


@report_failures
def run(
    defense: Annotated[
        list[str] | None, typer.Option("--defense", "-d", help="Names, separated by commas, or all.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Names, separated by commas, or all.")] = None,
    attack: AttacksOption = None,
    preset: Annotated[str, typer.Option(help="quick (minutes on two cores), laptop or paper.")] = "laptop",
    encoder: Annotated[
        str | None, typer.Option(help="minilm, a folder or a Hub id.", show_default="the preset's")
    ] = None,
    seed: Annotated[
        list[str] | None, typer.Option(help="One or several, separated by commas.", show_default="42")
    ] = None,
    train_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Most training rows.", show_default="the preset's")
    ] = None,
    attack_limit: AttackLimitOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.FIELD=VALUE", help="As in taichi.temperature=0.5, training.epochs=5."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of hyper-parameters, a table for each name.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="N", help="Run everything that this table of the paper needs.")
    ] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", metavar="N", help="Run everything that this figure of the paper needs.")
    ] = None,
    paper: PaperOption = DEFAULT,
    data: DataOption = None,
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
    existing: ExistingOption = "only-missing",
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    offline: OfflineOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Train defenses, attack them, and show the table.

    Results that are in the runs folder are used again, and an interrupted run continues where it stopped.

      robench run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick
      robench run --defense taichi --task sst2 --data ~/data --seed 1,2,3
      robench run --defense my-defense --plugin my_defense.py --task mr --preset quick
      robench run --table 5 --task trec
    """
    from robench.plugins import settings as options
    from robench.progress import choose_reporter
    from robench.report.reproduce import Target
    from robench.results.store import Store
    from robench.study.request import Request

    load_plugins(plugin)
    target = Target.named(table=table, figure=figure, paper=paper)
    request = Request(
        defenses=split_names(defense),
        tasks=split_names(task),
        attacks=split_names(attack),
        preset=preset,
        encoder=encoder,
        seeds=parse_numbers(seed, "--seed") or (42,),
        train_limit=train_limit,
        attack_limit=attack_limit,
        data=data,
        offline=offline,
        precision=precision,
        device=device,
        workers=workers,
        settings=options.merge(options.read_file(config) if config else {}, options.parse(settings or [])),
    )
    reporter = choose_reporter(Console(stderr=True))
    report_log(reporter)
    store = Store(runs)
    requests = target.requests(request)
    if dry_run:
        from robench.cli.dry_run import show_plan

        show_plan(requests, store, existing, reporter, Console())
        return
    from robench.api import run_requests

    cells = run_requests(requests, store, reporter, existing)
    if not cells:
        raise RobenchError(f"none of these cells is in {runs}; leave --existing only-cache out to make them.")
    print_text(target.shown(cells, store, Console(), runs_options(runs)))
    reporter.say(f"results are in {runs}; {target.hint}.")
