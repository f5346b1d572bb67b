"""``robench attack``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robench.cli.execution import run_and_show
from robench.cli.failures import report_failures
from robench.cli.output import print_notes, print_text, report_log
from robench.cli.parameters import add_options
from robench.cli.shared_options import DryRunOption, load_plugins
from robench.console import Console
from robench.errors import RobenchError
from robench.escaping import list_values
from robench.study.option_class import changed_words
from robench.study.options import AttackOptions, StoreOptions, runs_options

if TYPE_CHECKING:
    from robench.report.model_results import ModelResults
    from robench.results.info import CellInfo
    from robench.results.store import StoredStage

TOO_WEAK = 1
"""The exit code if accuracy under attack is below ``--fail-under``."""
_RETRY = "--retry-errors attacks what ended in an error again."
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Write a page about the model: where it breaks and what to do next."),
]
CardOption = Annotated[
    Path | None,
    typer.Option(
        "--model-card",
        metavar="FILE",
        help="Put the results into the head of this model card (README.md) as Hugging Face evaluation metadata.",
    ),
]
FailOption = Annotated[
    float | None,
    typer.Option(
        "--fail-under",
        metavar="PERCENT",
        min=0,
        max=100,
        help="Exit with code 1 if fewer texts than this survive all attacks, on any task.",
    ),
]


@report_failures
@add_options(AttackOptions, StoreOptions)
def attack(
    options: AttackOptions,
    place: StoreOptions,
    *,
    report: ReportOption = None,
    model_card: CardOption = None,
    fail_under: FailOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Attack your own model, and show the table.

    Nothing is trained. The model is checked first; warnings about misleading numbers are shown and stored with them.
    `robench table 5` shows the model under its --name. An interrupted run continues where it stopped.

      robench attack --model ./my-classifier --test my.csv --preset quick
      robench attack --model ./my-classifier --task trec --attack pwws,deepwordbug
      robench attack --model textattack/bert-base-uncased-SST-2 --task sst2 --preset paper
      robench attack --model my_model:scores --task mr --preset quick --report report.html --fail-under 40
    """
    from robench.bars import choose_reporter
    from robench.report.reproduce import Target
    from robench.study.failures import UnfinishedRunError
    from robench.study.victim_request import VictimRequest

    load_plugins(place.plugins)
    reporter = choose_reporter(Console(stderr=True))
    report_log(reporter)
    request = VictimRequest.of(options)
    request.check()
    tasks = [choice.name for choice in request.choose_tasks()]
    if report and len(tasks) > 1:
        raise RobenchError(f"--report is about one task, not {list_values(tasks)}; attack the model once for each.")
    if report:  # what cannot be written is told before hours of attacks
        _check_target("--report", report)
    if model_card:
        from robench.report.evaluation import read_card, write_evaluation

        _check_target("--model-card", model_card)
        read_card(model_card)
    command = ["attack", *changed_words(options)]
    try:
        cells = run_and_show([request], Target(), place, reporter, command=command, dry_run=dry_run)
    except UnfinishedRunError as failure:
        others = {"--report": report, "--model-card": model_card, "--fail-under": fail_under}
        if failure.cells and (left_out := [option for option, value in others.items() if value is not None]):
            reporter.warn(
                f"note: left out, because not every attack was made: {list_values(left_out)}. The same command without"
                " what failed gives that of what is finished, and attacks nothing again."
            )
        raise
    for other in sorted({cell.info.defense.name for cell in cells} - {request.source.name}):
        reporter.warn(f"note: the same model was attacked before as {other}, and keeps that name.")
    if not cells:
        return
    reporter.say(f"results are in {place.runs}; {Target().describe_next(runs_options(place.runs))}.")
    found = group_results(place, cells)
    if report:
        _write_report(report, found[0], place, [*command, *changed_words(place)])
    if model_card:
        write_evaluation(model_card, found)
        print_text(str(model_card))
    if fail_under is not None:
        check_strength(found, fail_under)


def _check_target(option: str, path: Path) -> None:
    """Check that a file can be written, without writing it.

    Raises:
        RobenchError: it is a folder, or its folder cannot be written to.
    """
    from robench.disk import check_writable
    from robench.paths import absolute_path

    place = absolute_path(path)
    if place.is_dir():
        raise RobenchError(f"{option} {path} is a folder; name a file in it.")
    check_writable(place.parent)


def group_results(place: StoreOptions, cells: Sequence[StoredStage[CellInfo]]) -> list[ModelResults]:
    """Return the results on each task, and on each data set of one name."""
    from robench.report.model_results import ModelResults
    from robench.results.cells import group
    from robench.results.store import Store

    store = Store(Path(place.runs))
    # Two data sets may have one name.
    by_rows = group(cells, lambda cell: f"{cell.info.task}\n{cell.info.data.digest}")
    return [ModelResults(store, members) for members in by_rows.values()]


def _write_report(path: Path, found: ModelResults, place: StoreOptions, command: Sequence[str]) -> None:
    from robench.paths import absolute_path, atomic_write_text
    from robench.report.pages.parts import write_page
    from robench.report.pages.victim import make_model_page
    from robench.study.commands import format_command

    words = format_command(*command, "--report", str(path))
    page = make_model_page(found, runs_options(place.runs), words)
    atomic_write_text(absolute_path(path), write_page(page))
    print_text(str(path))


def check_strength(found: Sequence[ModelResults], limit: float) -> None:
    """End the command if the model is too weak on a task or learned nothing, and tell what makes a number doubtful.

    Here a text that ended in an error counts as wrong: a model may crash on just those texts that fool it.
    """
    from robench.results.flags import UNLEARNED

    faults, notes = list[str](), list[str]()
    for one in found:
        worst = one.worst
        if worst.least is None:
            faults.append(f"{one.describe_strength()}.")
        elif 100 * worst.least < limit:
            advice = f" {_RETRY}" if worst.errors else ""
            faults.append(f"{one.describe_strength()}, less than --fail-under {limit:g}.{advice}")
        elif not worst.learned:
            faults.append(f"{one.describe_strength()}, which --fail-under does not accept: the model {UNLEARNED}.")
        else:
            notes += dict.fromkeys(warning for result in one.results for warning in result.info.warnings)
            if worst.errors:
                notes.append(f"{worst.errors:,} of {worst.samples:,} texts ended in an error. {_RETRY}")
    print_notes(f"note: --fail-under is met, with a warning: {note}" for note in notes)
    print_notes(f"robench: {fault}" for fault in faults)
    if faults:
        raise typer.Exit(TOO_WEAK)
