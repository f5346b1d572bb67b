"""``robench transfer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.filters import Filters
from robench.cli.output import print_text
from robench.cli.parameters import add_options
from robench.cli.shared_options import (
    FormatOption,
    PaperOption,
    PluginOption,
    RunsOption,
    check_format,
    load_plugins,
    open_store,
)
from robench.console import Console
from robench.results.paper_contents import DEFAULT


@report_failures
@add_options(Filters, without=("attack", "plain"))
def transfer(
    filters: Filters,
    *,
    file: Annotated[
        Path, typer.Argument(help="Tab-separated (or .csv), with the columns original, adversarial and label.")
    ],
    task: Annotated[str | None, typer.Option("--task", "-t", help="The task of the texts.")] = None,
    format: FormatOption = "rich",
    paper: PaperOption = DEFAULT,
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the Python files that an encoder brings.")
    ] = False,
) -> None:
    """Show how many adversarial texts in a file fool each trained model.

    Nothing is trained or stored. Labels are the task's, by name or number. `robench table transfer` is about texts that
    robench made against another seed's undefended model.

      robench transfer published.tsv --task sst2 --defense base,taichi
    """
    from robench.bars import choose_reporter
    from robench.models.devices import choose_device
    from robench.report import rendering
    from robench.report.transfer_file import select_models, transfer_file_table
    from robench.results import papers

    load_plugins(plugin)
    check_format(format, rendering.FORMATS)
    table = transfer_file_table(
        select_models(open_store(runs), filters.select([task] if task else [])),
        file,
        papers.find_paper(paper),
        device=choose_device(device),
        reporter=choose_reporter(Console(stderr=True)),
        trust_remote_code=trust_remote_code,
    )
    print_text(rendering.render(table, format, Console()))
