"""``robench table``, ``robench figure`` and ``robench show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.compare import LevelOption
from robench.cli.failures import report_failures
from robench.cli.filters import Filters
from robench.cli.output import print_dimmed, print_text
from robench.cli.parameters import add_options, split_names
from robench.cli.shared_options import (
    DATA_FORMATS,
    DataFormatOption,
    DataOption,
    FormatOption,
    PaperOption,
    PluginOption,
    RunsOption,
    check_format,
    load_plugins,
    open_store,
)
from robench.console import Console
from robench.errors import RobenchError
from robench.escaping import escape_line
from robench.resources.textattack_finder import forbid_fetching
from robench.results.intervals import LEVEL
from robench.results.paper_contents import DEFAULT
from robench.study.options import runs_options

Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", help="Only these tasks.")]
AgainstOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Show this or another paper's published numbers beside ours."),
]
CompareOption = Annotated[
    str | None,
    typer.Option(
        metavar="DEFENSE",
        help="Compare this defense with the others, as one family of tests; an arrow shows how far it is from the best"
        " of them.",
        show_default="the paper's",
    ),
]


@report_failures
@add_options(Filters)
def table(
    filters: Filters,
    *,
    number: Annotated[
        str | None,
        typer.Argument(help="Its number in the paper, or a name above; by default, all the paper's that have data."),
    ] = None,
    format: FormatOption = "rich",
    paper: PaperOption = DEFAULT,
    against: AgainstOption = None,
    compare: CompareOption = None,
    intervals: Annotated[bool, typer.Option("--intervals/--no-intervals", help="Show intervals.")] = True,
    level: LevelOption = LEVEL,
    task: Tasks = None,
    runs: RunsOption = Path("runs"),
    data: DataOption = None,
    plugin: PluginOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing, not even data sets to count.")] = False,
) -> None:
    """Show a paper's tables, filled from the runs folder.

    `robench list papers` describes them. There are also quality (what it took to fool a model), matrix (models trained
    against one attack under all attacks), worst (each model under the worst of all), differences (each model minus the
    undefended one, or minus the one that --compare names, with tests), budget (accuracy after so many queries), price
    (what each model costs), flips (clean predictions gained and lost, and accuracy by class and length), correlation
    (whether statistics of representations rank models as their accuracy under attack does), transfer (how many
    adversarial texts of another seed's undefended model fool each defense) and certificates (how many texts are
    certified to stay right). `robench run --table NAME` measures what the last three need.

    Commands that fill missing cells are below the table.

      robench table 5 --against paper
      robench table 5 --against real-mr
      robench table 5 --compare ada
    """
    from robench.report import rendering, tables

    check_format(format, rendering.FORMATS)
    options = tables.TableOptions(
        selection=filters.select(split_names(task)),
        compare=compare,
        intervals=intervals,
        level=level,
        runs=str(runs),
        command_options=runs_options(runs),
        data=data,
        offline=offline,
    )
    with forbid_fetching(offline):
        load_plugins(plugin)
        if number is not None:
            shown = tables.make(number, open_store(runs), paper=paper, against=against, **options)
            print_text(rendering.render(shown, format, Console()))
            return
        made, reasons = tables.make_all(open_store(runs), paper=paper, against=against, **options)
    if made:
        print_text(rendering.render_all(made, format, Console()))
    print_dimmed(reasons)


@report_failures
@add_options(Filters)
def figure(
    filters: Filters,
    *,
    number: Annotated[str, typer.Argument(help="Its number in the paper, a name above, or all the paper's.")] = "all",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go, as png and svg.")] = Path("figures"),
    paper: PaperOption = DEFAULT,
    task: Annotated[str | None, typer.Option("--task", "-t", help="The task.", show_default="the figure's")] = None,
    runs: RunsOption = Path("runs"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for figures that run a model.")] = "auto",
    plugin: PluginOption = None,
) -> None:
    """Draw a paper's figures from the runs folder; `robench list papers` describes them.

    There are also budget (accuracy against queries spent and words changed), trade-off (clean accuracy against accuracy
    under the worst of all attacks) and correlation (accuracy under each attack against how far predictions move).
    """
    from robench.report import figures
    from robench.results import papers

    load_plugins(plugin)
    selection = filters.select([task] if task else [])
    failures, store = [], open_store(runs)
    numbers = list(papers.find_paper(paper).figures) if number == "all" else [number]
    for one in numbers:
        try:
            drawing = figures.draw(
                one,
                store,
                paper=paper,
                selection=selection,
                device=device,
                options=runs_options(runs),
            )
        except RobenchError as error:
            if len(numbers) == 1:
                raise
            failures.append(f"figure {one}: {error}")
            continue
        for path in figures.save(drawing, out):
            print_text(escape_line(str(path)))
    print_dimmed(failures)
    if len(failures) == len(numbers):
        raise RobenchError(f"{runs} has no results for a figure{f' of {task}' if task else ''}.")


@report_failures
def show(
    cell: Annotated[
        str,
        typer.Argument(help="Name or key of a cell, model, adversarial training set or transfer, or its beginning."),
    ],
    examples: Annotated[int, typer.Option(metavar="N", min=0, help="How many attacked texts to show.")] = 5,
    format: DataFormatOption = "rich",
    runs: RunsOption = Path("runs"),
) -> None:
    """Show one result: where it came from, how training went, what the attack did."""
    from robench.cli import show as showing
    from robench.results.find_stage import find_stage

    check_format(format, DATA_FORMATS)
    store = open_store(runs)
    stage = find_stage(store, cell, names=showing.FILES)
    if format == "json":
        print_text(showing.show_json(stage, store, examples=examples))
    else:
        Console().print(showing.show(stage, store, examples=examples))
