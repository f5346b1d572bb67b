"""``robench attack``."""

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


@report_failures
def attack(
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A folder or Hub id of a Transformers sequence classifier, or a Python function from a list of texts"
            " to scores, a row for each text.",
        ),
    ],
    task: Annotated[list[str], typer.Option("--task", "-t", help="Names, separated by commas, or all.")],
    attack: AttacksOption = None,
    name: Annotated[
        str | None, typer.Option(help="Of its row in tables.", show_default="the last part of --model")
    ] = None,
    label_order: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="For each label of the task in turn, the model's column.",
            show_default="by the names of its labels, if they match",
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(metavar="N", help="Tokens of a text; the rest is cut.", show_default="the model's own limit"),
    ] = None,
    version: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Of a function. Its results are found again by the source of its module alone, not by its weights,"
            " so give another version when they change.",
        ),
    ] = "",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the Python files that a folder or Hub model brings.")
    ] = False,
    preset: Annotated[
        str, typer.Option(help="quick, laptop or paper: how many samples are attacked, where data comes from.")
    ] = "laptop",
    seed: Annotated[
        list[str] | None, typer.Option(help="Of the attacks; several, separated by commas.", show_default="42")
    ] = None,
    attack_limit: AttackLimitOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ATTACK.FIELD=VALUE", help="As in pwws.query_budget=500."),
    ] = None,
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
    """Attack a model of your own, and show the table.

    Nothing is trained. The model is checked first; warnings about misleading numbers are shown and stored with them.
    Its row stands in `robench table 5` under --name; an interrupted run continues where it stopped.

      robench attack --model ./my-classifier --task trec --attack pwws,deepwordbug
      robench attack --model textattack/bert-base-uncased-SST-2 --task sst2 --preset paper
      robench attack --model my_model:scores --task mr --preset quick
    """
    from robench.plugins import settings as options
    from robench.progress import choose_reporter
    from robench.report.reproduce import Target
    from robench.results.store import Store
    from robench.study.victim_request import victim_request

    load_plugins(plugin)
    reporter = choose_reporter(Console(stderr=True))
    report_log(reporter)
    request = victim_request(
        model,
        name=name,
        version=version,
        trust_remote_code=trust_remote_code,
        max_length=max_length,
        label_order=None if label_order is None else parse_numbers([label_order], "--label-order"),
        tasks=split_names(task),
        attacks=split_names(attack),
        preset=preset,
        seeds=parse_numbers(seed, "--seed") or (42,),
        attack_limit=attack_limit,
        data=data,
        offline=offline,
        precision=precision,
        device=device,
        workers=workers,
        settings=options.parse(settings or []),
    )
    store = Store(runs)
    if dry_run:
        from robench.cli.dry_run import show_plan

        show_plan([request], store, existing, reporter, Console())
        return
    from robench.api import run_requests

    cells = run_requests([request], store, reporter, existing)
    if not cells:
        raise RobenchError(f"none of these cells is in {runs}; leave --existing only-cache out to make them.")
    print_text(Target().shown(cells, store, Console(), runs_options(runs)))
    for warning in dict.fromkeys(warning for cell in cells for warning in cell.info.warnings):
        reporter.say(f"warning: {warning}")
    for other in sorted({cell.info.defense.name for cell in cells} - {request.source.name}):
        reporter.say(f"note: the same model was attacked before as {other}, and keeps that name.")
    reporter.say(f"results are in {runs}; {Target().hint}.")
