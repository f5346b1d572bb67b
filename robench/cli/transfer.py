"""``robench transfer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.common import (
    FormatOption,
    PaperOption,
    PluginOption,
    RunsOption,
    load_plugins,
    open_store,
    print_text,
    report_failures,
)
from robench.cli.parameters import parse_numbers, split_names
from robench.console import Console
from robench.errors import RobenchError
from robench.results.paper_contents import DEFAULT

Names = Annotated[list[str] | None, typer.Option(help="Only these.")]


@report_failures
def transfer(
    file: Annotated[
        Path, typer.Argument(help="Tab-separated (or .csv), with the columns original, adversarial and label.")
    ],
    task: Annotated[str | None, typer.Option("--task", "-t", help="The task of the texts.")] = None,
    defense: Annotated[list[str] | None, typer.Option("--defense", "-d", help="Only these defenses.")] = None,
    encoder: Names = None,
    preset: Names = None,
    seed: Names = None,
    format: FormatOption = "rich",
    paper: PaperOption = DEFAULT,
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the Python files that an encoder has brought.")
    ] = False,
) -> None:
    """Show how many of anybody's adversarial texts fool each trained model.

    Nothing is trained or stored. Labels are the task's, by name or number. `robench table transfer` is about texts that
    robench made against another seed of the undefended model.

      robench transfer published.tsv --task sst2 --defense base,taichi
    """
    from robench.bars import choose_reporter
    from robench.models.devices import choose_device
    from robench.plugins.suggestions import explain_unknown
    from robench.report import rendering
    from robench.report.transfer_file import select_models, transfer_file_table
    from robench.results import papers
    from robench.results.selection import Selection

    load_plugins(plugin)
    if format not in rendering.FORMATS:
        raise RobenchError(explain_unknown("format", format, list(rendering.FORMATS), "the default is rich"))
    selection = Selection(
        tasks=[task] if task else [],
        defenses=split_names(defense),
        encoders=split_names(encoder),
        presets=split_names(preset),
        seeds=parse_numbers(seed, "--seed"),
    )
    table = transfer_file_table(
        select_models(open_store(runs), selection),
        file,
        papers.find_paper(paper),
        device=choose_device(device),
        reporter=choose_reporter(Console(stderr=True)),
        trust_remote_code=trust_remote_code,
    )
    print_text(rendering.render(table, format, Console()))
