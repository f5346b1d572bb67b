"""``robench report``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from robench.cli.compare import LevelOption
from robench.cli.failures import report_failures
from robench.cli.filters import Filters
from robench.cli.output import print_dimmed, print_text
from robench.cli.parameters import add_options, split_names
from robench.cli.results import CompareOption
from robench.cli.shared_options import (
    DataOption,
    PaperOption,
    PluginOption,
    RunsOption,
    load_plugins,
    open_store,
)
from robench.errors import RobenchError
from robench.escaping import escape_line, list_values
from robench.results.intervals import LEVEL
from robench.results.paper_contents import DEFAULT
from robench.study.options import runs_options

OUT = Path("report.html")


@report_failures
@add_options(Filters)
def report(
    filters: Filters,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes.")] = OUT,
    paper: PaperOption = DEFAULT,
    compare: CompareOption = None,
    level: LevelOption = LEVEL,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="The task.", show_default="the only one with results")
    ] = None,
    runs: RunsOption = Path("runs"),
    data: DataOption = None,
    plugin: PluginOption = None,
) -> None:
    """Write a page about a study: which defense holds, against what, at what price, and how sure we are.

    The page needs no network and no other file, so it can be sent around. It says what the runs folder lacks, with
    the command that makes it. `--runs leaderboards/measured` uses published entries; they have no texts, so the page
    then has no examples.

      robench report --task trec
      robench report --task trec --out trec.html --compare ada
    """
    from robench.paths import absolute_path, atomic_write_text
    from robench.report.pages.parts import write_page
    from robench.report.pages.study import make_study_page
    from robench.report.tables import TableOptions
    from robench.results.entry_store import EntryStore
    from robench.results.info import CellInfo
    from robench.results.still_store import StillStore

    load_plugins(plugin)
    store = open_store(runs)
    if not isinstance(store, EntryStore):
        store = StillStore(runs, lambda sentence: print_dimmed([f"left out: {sentence}"]))
    tasks = split_names([task] if task else None)
    if len(tasks) > 1:
        raise RobenchError(f"a report is about one task, not {list_values(tasks)}; write one for each.")
    if not tasks:
        tasks = sorted({stage.info.task for stage in store.stages(CellInfo, names=())})
        if len(tasks) > 1:
            raise RobenchError(f"{runs} has results of {list_values(tasks)}; name one with --task.")
    options = TableOptions(
        selection=filters.select(tasks),
        compare=compare,
        level=level,
        runs=str(runs),
        command_options=runs_options(runs),
        data=data,
        offline=True,
    )
    own = {"paper": paper, "compare": compare, "level": level, "out": out, "data": data}
    command = _make_command({"task": tasks, **vars(filters), **own}, runs, plugin or ())
    page = make_study_page(store, paper, options, command)
    atomic_write_text(absolute_path(out), write_page(page))
    print_text(escape_line(str(out)))


def _make_command(options: Mapping[str, Any], runs: Path, plugins: Sequence[Path]) -> str:
    """Return the command that makes the page again, without the options that are as they come."""
    from robench.study.commands import format_command

    usual = {"paper": DEFAULT, "level": LEVEL, "out": OUT}
    words = []
    for name, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        if text and value != usual.get(name):
            words += [f"--{name}"] if value is True else [f"--{name}", str(text)]
    words += [word for file in plugins for word in ("--plugin", str(file))]
    return format_command("report", *words, *runs_options(runs))
