"""``robench verify``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_text
from robench.cli.parameters import typer_option
from robench.cli.shared_options import PluginOption, RunsOption, load_plugins
from robench.console import Console
from robench.errors import RobenchError
from robench.escaping import count_noun, escape_line
from robench.resources.textattack_finder import forbid_fetching
from robench.study.option_class import option_words
from robench.study.options import AttackOptions, StoreOptions, runs_options

if TYPE_CHECKING:
    from robench.progress import Reporter
    from robench.results.inspection import Inspection
    from robench.results.store import Store
    from robench.study.rescore import Rescorer, Rescoring

RescoreOption = Annotated[
    int | None,
    typer.Option(
        "--rescore",
        metavar="N",
        min=1,
        help="Let the stored models rescore N rows of each cell and adversarial training set, clean and attacked.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Your own model, as in `robench attack`: its cells are rescored, too.",
    ),
]


@report_failures
def verify(
    rescore: RescoreOption = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Move what does not fit to .aside in the runs folder; nothing is deleted."),
    ] = False,
    model: ModelOption = None,
    version: Annotated[str, typer_option(AttackOptions, "version")] = "",
    sigmoid: Annotated[bool, typer_option(AttackOptions, "sigmoid")] = False,
    trust_remote_code: Annotated[bool, typer_option(AttackOptions, "trust_remote_code")] = False,
    offline: Annotated[bool, typer_option(AttackOptions, "offline")] = False,
    plugin: PluginOption = None,
    runs: RunsOption = Path("runs"),
) -> None:
    """Read every file in a runs folder, and name what is not as robench stored it.

    Nothing is changed without --repair: `robench run` sets aside what does not fit when it needs it, and makes it
    again. --repair sets it aside now, and names the commands that make it again.
    Exit code: 0 if everything fits, 1 if something does not, even if repaired.

      robench verify --runs ./runs
      robench verify --rescore 20 --repair
    """
    from robench.bars import choose_reporter
    from robench.results.folder_kind import refuse_entries
    from robench.results.store import Store

    if not runs.is_dir():
        raise RobenchError(f"{runs} is no folder; name a runs folder with --runs.")
    if model is not None and rescore is None:
        raise RobenchError("--model is for --rescore N, which lets it score texts again; give both or neither.")
    refuse_entries(runs, "files of stages", f"`robench validate {escape_line(str(runs))}` checks them")
    store, reporter = Store(runs), choose_reporter(Console(stderr=True))
    wrong: list[Rescoring] = []
    with forbid_fetching(offline):
        load_plugins(plugin)
        found = _inspect(store, reporter)
        _print_lines(fault.sentence for fault in found.faults)
        _print_lines(f"note: {note}" for note in found.notes)
        if rescore is not None:
            from robench.study.rescore import Rescorer
            from robench.victims.find import find_victim

            options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "offline": offline}
            source = None if model is None else find_victim(model, version=version, sigmoid=sigmoid, **options)
            wrong = _rescore(Rescorer(found.sound, rescore, source, **options), reporter)
        if repair:
            _repair(store, found, wrong, [*option_words(StoreOptions, plugin=plugin or ()), *runs_options(runs)])
    unfinished = f", {found.unfinished} unfinished" if found.unfinished else ""
    verdict = f"{len(found.faults)} do not fit" if found.faults else "all of them fit"
    print_text(escape_line(f"{found.finished} finished stages in {runs}{unfinished}: {verdict}."))
    if found.faults or wrong:
        raise typer.Exit(1)


def _inspect(store: Store, reporter: Reporter) -> Inspection:
    from robench.results.info import kind_of
    from robench.results.inspection import KINDS, inspect_runs

    total = sum(len(store.folders(kind_of(info))) for info in KINDS)
    with reporter.track("reading", "stage", total=total) as work:
        return inspect_runs(store, work.advance)


def _rescore(rescorer: Rescorer, reporter: Reporter) -> list[Rescoring]:
    """Print what the models say, and return the stages that do not fit."""
    scored: list[Rescoring] = []
    left_out: dict[str, list[str]] = {}
    with reporter.track("scoring again", "stage", total=len(rescorer.stages())) as work:
        for one in rescorer.run():
            if one.left_out:
                left_out.setdefault(one.left_out, []).append(one.stage.folder.name)
            else:
                scored.append(one)
            work.advance(1)
    wrong = [one for one in scored if one.fault]
    _print_lines(f"{one.stage.folder}: {one.fault}." for one in wrong)
    for reason, names in left_out.items():
        others = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
        _print_lines([f"note: {names[0]}{others} not scored again: {reason}."])
    if not scored:
        _print_lines(["nothing was scored again."])
        return wrong
    ties = sum(one.ties for one in scored)
    tied = f", {ties} of them with another label within rounding" if ties else ""
    largest = max((one.largest for one in scored), default=0.0)
    verdict = f"{len(wrong)} of them do not fit" if wrong else "all of them fit"
    texts = f"{sum(one.texts for one in scored):,} texts of {count_noun(len(scored), 'stage')} were scored again{tied}"
    _print_lines([f"{texts}; the largest difference of a probability is {largest:.2g}: {verdict}."])
    return wrong


def _repair(store: Store, found: Inspection, wrong: Sequence[Rescoring], options: Sequence[str]) -> None:
    """Set aside what does not fit, and print where it is and the commands that make it again."""
    from robench.results.inspection import Fault
    from robench.study.repair import find_broken, find_commands, repair

    rescored = [Fault(one.fault, (one.stage.folder,)) for one in wrong]
    broken = find_broken(store, found.faults, keeps_records=True)
    broken += find_broken(store, rescored, keeps_records=False)
    commands, unknown = find_commands(broken, found.sound, options)
    _print_lines(repair(store, broken))
    _print_lines(f"`{command}` makes again what is missing for it." for command in commands)
    _print_lines(f"{name} is made again by the `robench run` that made it, if it is needed." for name in unknown)


def _print_lines(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print_text(escape_line(sentence))
