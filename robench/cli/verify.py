"""``robench verify``."""

from __future__ import annotations

from pathlib import Path

import typer

from robench.cli.common import RunsOption, print_text, report_failures
from robench.console import Console
from robench.errors import RobenchError
from robench.escaping import escape_line


@report_failures
def verify(runs: RunsOption = Path("runs")) -> None:
    """Read every file of a runs folder, and name what is not as robench stored it.

    Nothing is changed: `robench run` sets aside what does not fit, when it needs it, and makes it again.
    Exit code: 0 if all of it fits, 1 if something does not.

      robench verify --runs ./runs
    """
    from robench.progress import choose_reporter
    from robench.results.info import kind_of
    from robench.results.inspection import KINDS, inspect_runs
    from robench.results.store import Store

    if not runs.is_dir():
        raise RobenchError(f"{runs} is no folder; name a runs folder with --runs.")
    store = Store(runs)
    total = sum(len(store.folders(kind_of(info))) for info in KINDS)
    with choose_reporter(Console(stderr=True)).track("reading", "stage", total=total) as work:
        found = inspect_runs(store, work.advance)
    for sentence in (*found.faults, *(f"note: {note}" for note in found.notes)):
        print_text(escape_line(sentence))
    unfinished = f", {found.unfinished} unfinished" if found.unfinished else ""
    verdict = f"{len(found.faults)} do not fit" if found.faults else "all of them fit"
    print_text(escape_line(f"{found.finished} finished stages in {runs}{unfinished}: {verdict}."))
    if found.faults:
        raise typer.Exit(1)
