"""``robench status``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.cli.failures import report_failures
from robench.cli.output import print_text
from robench.cli.shared_options import DATA_FORMATS, DataFormatOption, RunsOption, check_format
from robench.errors import RobenchError
from robench.escaping import dump_json, escape_line
from robench.progress import format_duration

if TYPE_CHECKING:
    from robench.results.overview import Overview, RequestState, UnfinishedStage

SHOWN = 20
"""Most lines about things of one sort; the others are counted."""
NOUNS = {
    "models": "models",
    "adversarial": "adversarial training sets",
    "cells": "cells",
    "statistics": "statistics",
    "transfer": "transfers",
    "certificates": "certificates",
}
_ON_REQUEST = ("transfer", "certificates")
"""Kinds that are named only if there are any."""


@report_failures
def status(
    runs: RunsOption = Path("runs"),
    format: DataFormatOption = "rich",
) -> None:
    """Show what a running or interrupted study has and lacks, and the command to continue.

    Nothing is written, and a run at work in the folder is not disturbed. `robench verify` tells whether finished stages
    are still as stored.

      robench status
      robench status --runs ./runs --format json
    """
    from robench.results.folder_kind import refuse_entries
    from robench.results.overview import survey_runs

    check_format(format, DATA_FORMATS)
    if not runs.is_dir():
        raise RobenchError(f"{runs} is no folder; `robench run` makes it, and --runs names another.")
    refuse_entries(runs, "work that goes on", f"`robench table 5 --runs {escape_line(str(runs))}` shows their numbers")
    found = survey_runs(runs)
    if format == "json":
        print_text(dump_json(_to_builtins(runs, found)))
        return
    for line in _describe(runs, found):
        print_text(escape_line(line))


def _describe(runs: Path, found: Overview) -> Iterator[str]:
    """Yield the lines that describe a runs folder."""
    named = {kind: count for kind, count in found.finished.items() if count or kind not in _ON_REQUEST}
    counts = ", ".join(f"{count:,} {NOUNS[kind]}" for kind, count in named.items())
    yield f"{runs}: {counts} are finished."
    shown = {f"{one.folder.parent.name}/{one.folder.name}" for one in found.unfinished}
    yield from _shorten([f"running: {name}" for name in found.running if name not in shown], "running")
    yield from _shorten([_describe_unfinished(one) for one in found.unfinished], "unfinished")
    errors = [
        f"errors: {errors:,} of {n:,} rows of {folder.name}; --retry-errors tries them again"
        for folder, (errors, n) in found.errors.items()
    ]
    yield from _shorten(errors, "with errors")
    yield from _shorten([f"does not fit: {sentence}" for sentence in found.unreadable], "that do not fit")
    if found.leftovers:
        yield f"left over by killed processes: {len(found.leftovers)}, which the next run deletes"
    if found.aside:
        yield f"set aside: {found.aside} in {runs / '.aside'}, to look at or to delete"
    yield from map(_describe_request, found.requests)
    if not found.requests:
        yield "no command for this is known; the same `robench run` as before continues it."


def _describe_unfinished(one: UnfinishedStage) -> str:
    state = "running" if one.is_running else "failed" if one.has_failed else "unfinished"
    rows = "no rows"
    if one.rows is not None:
        of = f" of {one.total:,}" if one.total is not None else ""
        rows = f"{one.rows:,}{of} rows"
    ago = "" if one.time is None else f", the last one {format_duration(max(time.time() - one.time, 0))} ago"
    why = "; every attack ended in an error" if one.has_failed else ""
    return f"{state}: {one.folder.parent.name}/{one.folder.name} has {rows}{ago}{why}"


def _describe_request(state: RequestState) -> str:
    request = state.request
    command = f"`{request.command}`" if request.command else "a Python program"
    place = f" in {request.directory}" if request.directory not in ("", str(Path.cwd())) else ""
    total = state.finished + len(state.missing)
    failed = f" and {state.failed:,} failed" if state.failed else ""
    end = "run it again to continue" if state.missing else "it is complete"
    if state.failed:
        end = "once that is fixed, continue it with --retry-errors"
    return (
        f"{command}{place}, {_format_time(request.time)}: {state.finished:,} of {total:,} stages are finished{failed};"
        f" {end}."
    )


def _format_time(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "at a time that is not known"


def _shorten(lines: list[str], noun: str) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {more:,} more {noun}; --format json lists all"] if more > 0 else lines


def _to_builtins(runs: Path, found: Overview) -> dict[str, Any]:
    return {
        "runs": str(runs),
        "finished": dict(found.finished),
        "running": list(found.running),
        "unfinished": [
            {
                "folder": str(one.folder),
                "rows": one.rows,
                "total": one.total,
                "last_row": None if one.time is None else _format_time(one.time),
                "running": one.is_running,
                "failed": one.has_failed,
            }
            for one in found.unfinished
        ],
        "errors": [
            {"folder": str(folder), "errors": errors, "rows": n} for folder, (errors, n) in found.errors.items()
        ],
        "unreadable": list(found.unreadable),
        "leftovers": list(map(str, found.leftovers)),
        "aside": found.aside,
        "requests": [
            {
                "command": state.request.command or None,
                "directory": state.request.directory,
                "began": _format_time(state.request.time),
                "finished": state.finished,
                "failed": state.failed,
                "missing": list(state.missing),
            }
            for state in found.requests
        ],
    }
