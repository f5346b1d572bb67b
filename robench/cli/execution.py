"""The execution of requests by a command, which ends in the table that they are for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from robench.cli.output import print_text
from robench.console import Console
from robench.errors import RobenchError, UnavailableError
from robench.paths import absolute_path
from robench.progress import Reporter
from robench.study.option_class import changed_words
from robench.study.options import StoreOptions, runs_options

if TYPE_CHECKING:
    from robench.report.reproduce import Target
    from robench.results.info import CellInfo
    from robench.results.store import StoredStage
    from robench.study.base_request import BaseRequest


def run_and_show(
    requests: Sequence[BaseRequest],
    target: Target,
    place: StoreOptions,
    reporter: Reporter,
    *,
    command: Sequence[str],
    dry_run: bool,
) -> list[StoredStage[CellInfo]]:
    """Make the cells of requests, show the table of their target, and return the cells.

    Args:
        requests: the requests.
        target: the table or figure that they are for.
        place: the options about the runs folder.
        reporter: shows the progress.
        command: the words of the command, without those of ``place``.
        dry_run: show the plan instead, and return no cells.

    Raises:
        RobenchError: there are no cells, or they cannot be made; those that could are shown before.
    """
    from robench.results.store import Store

    store, console = Store(Path(place.runs)), Console()
    if dry_run:
        from robench.cli.dry_run import show_plan

        show_plan(requests, store, place, reporter, console)
        return []
    from robench.study.commands import format_command
    from robench.study.failures import UnfinishedRunError
    from robench.study.runner import run_requests

    anywhere = replace(place, plugin=tuple(map(absolute_path, place.plugins)))
    text, options = format_command(*command, *changed_words(anywhere)), runs_options(place.runs)
    try:
        cells = run_requests(requests, store, reporter, place.existing, retry_errors=place.retry_errors, command=text)
    except UnfinishedRunError as failure:
        if failure.cells:
            with contextlib.suppress(RobenchError):  # the table may need what failed
                print_text(target.show(failure.cells, store, console, options))
        raise
    except UnavailableError as error:
        if not store.folders("cells"):
            raise
        advice = f"Of what is in {place.runs} already, {target.describe_next(options)}."
        raise UnavailableError(f"{error} {advice}") from error
    if not cells:
        raise RobenchError(f"none of these cells is in {place.runs}; leave --existing only-cache out to make them.")
    if note := _describe_other_names(requests, cells):
        reporter.warn(note)
    print_text(target.show(cells, store, console, options))
    return cells


def _describe_other_names(requests: Sequence[BaseRequest], cells: Sequence[StoredStage[CellInfo]]) -> str:
    """Return a note on results that have the name of another task, since it has the same rows; empty if none has."""
    names = sorted({choice.name for request in requests for choice in request.choose_tasks()})
    others = sorted({cell.info.task for cell in cells} - set(names))
    if not others:
        return ""
    whose = "the same rows were" if len(names) == 1 else f"rows of some of {', '.join(names)} were"
    words = " ".join(f"--task {name}" for name in others)
    return (
        f"note: {whose} attacked before as {', '.join(others)}, and these results keep that name: {words} selects them."
    )
