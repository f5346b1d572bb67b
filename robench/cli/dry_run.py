"""``robench run --dry-run``: the stages of a run, which of them are finished, and how long the rest will take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from rich.table import Table

from robench.console import Console
from robench.escaping import count_noun
from robench.models import devices
from robench.progress import Reporter, format_duration
from robench.results.store import Store
from robench.study.base_request import BaseRequest
from robench.study.estimate import Estimator, schedule_stage
from robench.study.executors.capacity import choose_threads
from robench.study.executors.choice import ExecutorChoice
from robench.study.options import StoreOptions
from robench.study.plan import order_stages
from robench.study.runner import Runner
from robench.study.schedule import Schedule, simulate
from robench.study.stages.context import Context
from robench.study.text_estimate import estimate_texts

LOG_WIDTH = 200
"""Columns if the output is not a terminal, so that a stage stays on one line, as grep needs it."""


def show_plan(
    requests: Sequence[BaseRequest], store: Store, place: StoreOptions, reporter: Reporter, console: Console
) -> None:
    """Print the plan of requests.

    Data and encoder are loaded, because the keys of stages depend on them. With ``--offline``, everything else that the
    run needs has to be on this machine, too.

    Raises:
        RobenchError: an error that the run itself would have, too.
    """
    offline = requests[0].offline
    for request in requests if offline else ():
        request.check()
        request.fetch_published()
    stages = [stage for request in requests for stage in request.stages(reporter)]
    device = devices.choose_device(requests[0].device)
    again = place.existing == "always"
    context = Context(store, reporter, device, offline, retry_errors=place.retry_errors, again=again)
    runner = Runner(context, existing=place.existing)
    missing = runner.find_missing(stages)
    if offline and place.existing != "only-cache":
        runner.prepare(missing)
    left = {stage.key for stage in missing}
    estimator = Estimator(store)
    table = Table("stage", "work", "state", "time", "key", box=None, pad_edge=False, header_style="bold")
    total, guess, all_estimated = 0.0, 0.0, True
    scheduled = []
    for stage in order_stages(stages):
        seconds = estimator.seconds(stage) if stage.key in left else 0.0
        all_estimated = all_estimated and seconds is not None
        total += seconds or 0.0
        if stage.key in left:
            scheduled.append(schedule_stage(stage, seconds or 0.0, choose_threads(requests[0].threads, device)))
            guess += estimator.guess_seconds(stage)
        state = "to do" if stage.key in left else "cached" if runner.is_done(stage) else "not needed"
        time = "" if stage.key not in left else "unknown" if seconds is None else format_duration(seconds)
        table.add_row(stage.title, f"{stage.size.count:,} {stage.size.noun}", state, time, stage.key)
    if not console.is_terminal:
        console.width = max(console.width, LOG_WIDTH)
    console.print(table)
    with contextlib.closing(context):
        for line in estimate_texts(missing, context):
            console.print(line, soft_wrap=True)
    if total:
        jobs = ExecutorChoice.of(requests[0]).count_jobs(missing, device, guess)
        schedule = simulate(scheduled, jobs)
        for line in _describe_schedule(schedule, "about" if all_estimated else "more than"):
            console.print(line, soft_wrap=True)
    console.print(_describe_total(len(left), total, all_estimated=all_estimated), soft_wrap=True)


def _describe_total(count: int, seconds: float, *, all_estimated: bool) -> str:
    """Return the line that ends a plan: the stages to do, and how long they take one after the other."""
    if not count:
        return "nothing to do: everything is there."
    stages = f"{count_noun(count, 'stage')} to do"
    if all_estimated:
        basis = "by the pace of finished stages of the same kind, or else of two cores"
        return f"{stages}, one after the other about {format_duration(seconds)}, {basis}."
    if not seconds:
        return f"{stages}; how long they take is not known yet."
    return f"{stages}, one after the other more than {format_duration(seconds)}: some paces are not known yet."


def _describe_schedule(schedule: Schedule, about: str) -> Iterator[str]:
    """Yield the lines that describe a simulated schedule.

    Args:
        schedule: the schedule.
        about: the word before its times, which tells whether all paces are known.
    """
    units = count_noun(schedule.units, "unit")
    time = f"{about} {format_duration(schedule.makespan)} for {units} of work"
    if schedule.jobs == 1:
        yield f"one job at a time: {time}."
    else:
        yield (
            f"{schedule.jobs} jobs at a time: {time}; at most {schedule.peak:,} of them run at once, and the jobs are"
            f" busy {schedule.efficiency:.0%} of the time."
        )
    chain = " > ".join(stage.name for stage in schedule.path)
    most = f"more than {schedule.useful_jobs:,} jobs have" if schedule.useful_jobs > 1 else "a second job has"
    yield (
        f"longest chain, in which each stage needs the one before: {about} {format_duration(schedule.path_seconds)},"
        f" however many jobs there are: {chain}; {most} little to do."
    )
