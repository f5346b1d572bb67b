"""``robench table``, ``robench figure`` and ``robench show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robench.cli.common import (
    DataOption,
    FormatOption,
    PluginOption,
    RunsOption,
    load_plugins,
    numbers,
    same_runs,
    split,
    told,
    write,
)
from robench.errors import RobenchError

Names = Annotated[list[str] | None, typer.Option(help="Only these.")]
Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", help="Only these tasks.")]
Defenses = Annotated[list[str] | None, typer.Option("--defense", "-d", help="Only these defenses.")]
Attacks = Annotated[list[str] | None, typer.Option("--attack", "-a", help="Only these attacks.")]


@told
def table(
    number: Annotated[
        str | None,
        typer.Argument(help="The paper's number, 2 to 7, or quality; all of the paper that have data by default."),
    ] = None,
    format: FormatOption = "rich",
    against: Annotated[str | None, typer.Option(help="paper: the published numbers beside ours.")] = None,
    task: Tasks = None,
    defense: Defenses = None,
    attack: Attacks = None,
    encoder: Names = None,
    preset: Names = None,
    seed: Names = None,
    runs: RunsOption = Path("runs"),
    data: DataOption = None,
    plugin: PluginOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing; table 3 loads data.")] = False,
) -> None:
    """Show the paper's tables, filled with what the runs folder holds.

    2: the methods. 3: the data sets. 4: the label conflict. 5: all defenses under all attacks. 6: other encoders.
    7: statistics of representations. quality: what each attack had to do to a text.

    Where a cell is missing, the command that fills it stands below the table.
    """
    from robench.plugins.suggestions import explain_unknown
    from robench.report import rendering, tables
    from robench.results.store import Store

    load_plugins(plugin)
    if format not in rendering.FORMATS:
        raise RobenchError(explain_unknown("format", format, list(rendering.FORMATS), "the default is rich"))
    asked = tables.Asked(
        tasks=split(task),
        defenses=split(defense),
        attacks=split(attack),
        encoders=split(encoder),
        presets=split(preset),
        seeds=numbers(seed, "--seed"),
        runs=str(runs),
        options=same_runs(runs),
        data=data,
        offline=offline,
    )
    if number is not None:
        write(rendering.render(tables.make(number, Store(runs), against=against, **asked), format, Console()))
        return
    made, reasons = tables.make_all(Store(runs), against=against, **asked)
    if made:
        write(rendering.render_all(made, format, Console()))
    for reason in reasons:
        Console(stderr=True).print(reason, style="dim", soft_wrap=True, markup=False, highlight=False)


@told
def figure(
    number: Annotated[str, typer.Argument(help="The paper's number: 1, 4, 5, or all.")] = "all",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go, as png and svg.")] = Path("figures"),
    task: Annotated[str, typer.Option("--task", "-t", help="The task.")] = "sst2",
    attack: Attacks = None,
    defense: Defenses = None,
    encoder: Names = None,
    preset: Names = None,
    seed: Names = None,
    runs: RunsOption = Path("runs"),
    device: Annotated[str, typer.Option(help="Where the model of figure 1 runs: auto, cpu, cuda.")] = "auto",
) -> None:
    """Draw the paper's figures from what the runs folder holds.

    1: clean and adversarial samples beside the classifier's border. 4: what each part of TaiChi is good for.
    5: KL fusion against the linear average of two networks.
    """
    from robench.report import figures
    from robench.results.store import Store

    console = Console(stderr=True)
    failures = []
    wanted = list(figures.FIGURES) if number == "all" else [number]
    for one in wanted:
        try:
            drawing = figures.draw(
                one,
                Store(runs),
                task=task,
                attacks=split(attack),
                defenses=split(defense),
                encoders=split(encoder),
                presets=split(preset),
                seeds=numbers(seed, "--seed"),
                device=device,
                options=same_runs(runs),
            )
        except RobenchError as error:
            if len(wanted) == 1:
                raise
            failures.append(f"figure {one}: {error}")
            continue
        for path in figures.save(drawing, out):
            write(str(path))
    for failure in failures:
        console.print(failure, style="dim", soft_wrap=True, markup=False, highlight=False)
    if len(failures) == len(wanted):
        raise RobenchError(f"{runs} has nothing to draw a figure of {task} from.")


@told
def show(
    cell: Annotated[str, typer.Argument(help="Name or key of a cell (or model) in the runs folder, or its beginning.")],
    examples: Annotated[int, typer.Option(metavar="N", help="How many attacked texts to show.")] = 5,
    format: Annotated[str, typer.Option("--format", "-f", help="rich or json.")] = "rich",
    runs: RunsOption = Path("runs"),
) -> None:
    """Show one result: where it came from, how training went, what the attack did."""
    from robench.cli import show as showing
    from robench.results.store import Store

    if format not in ("rich", "json"):
        raise RobenchError(f"unknown format {format!r}: there are rich and json.")
    store = Store(runs)
    stage = store.find(cell)
    if format == "json":
        write(showing.show_json(stage, store, examples=examples))
    else:
        Console().print(showing.show(stage, store, examples=examples))
