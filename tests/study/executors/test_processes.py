"""Jobs in worker processes: what they send back, how they fail, and how they end."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.console import Console
from robench.errors import RobenchError, UnitError, blame_foreign_code, spares_others
from robench.plugins import plugin_files, registry
from robench.progress import PlainReporter, Reporter
from robench.results.store import Store
from robench.study.executors.job import Job, JobEnd
from robench.study.executors.processes import ProcessExecutor
from robench.study.executors.transport import NotPortableError, dump_stage
from robench.study.setting import NamedAttack, NamedDefense
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.study.stages.victim import VictimStage
from robench.victims.source import FunctionSource, Given, PairSource, PretrainedSource, VictimSource
from support.tiny_stage import DEEDS, DONE, SETTING, TinyAttack, TinyStage, data, tiny, tiny_attack
from support.workers import wait_for_end, wait_until, workers_of

TESTS = Path(__file__).parents[2]
SECONDS = 120.0
"""Most of them that a worker takes on a machine that does other things."""

PLUGIN = """
import robench
from robench.defenses.base import Base

@robench.register("{name}")
class Mine(Base):
    '''A defense of our own.'''
    strength = 1
"""

ATTACK = """
import robench
from robench.attacks.deepwordbug import DeepWordBug

@robench.register("{name}")
class Swaps(DeepWordBug):
    '''An attack of our own.'''
    strength = 1
"""


class Bench:
    """Two workers, and what they say."""

    def __init__(self, root: Path, jobs: int) -> None:
        self.shown = io.StringIO()
        self.reporter = PlainReporter(Console(file=self.shown, width=200))
        self.context = Context(Store(root), self.reporter, torch.device("cpu"), offline=True)
        self.executor = ProcessExecutor(self.context, jobs)

    def submit(self, stage: Stage, threads: int | None = 1, reporter: Reporter | None = None) -> Job:
        job = Job(stage, stage.folder(self.context.store), 1, threads, reporter or self.reporter)
        self.executor.submit(job)
        return job

    def wait(self, count: int) -> list[JobEnd]:
        ends: list[JobEnd] = []
        last = time.monotonic() + SECONDS
        while len(ends) < count:
            assert time.monotonic() < last, f"{len(ends)} of {count} jobs have ended"
            ends += self.executor.wait(1)
        return ends

    def run(self, *stages: Stage) -> list[JobEnd]:
        for stage in stages:
            self.submit(stage)
        return self.wait(len(stages))

    def done(self, stage: Stage) -> list[int]:
        """The process that made a stage, and its number of threads."""
        return [int(part) for part in (stage.folder(self.context.store) / DONE).read_text().split()]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("workers") / "runs", 2)
    yield made
    made.executor.close()
    assert not workers_of(os.getpid())


def test_two_jobs_run_in_two_workers_which_stay_for_the_next_ones_with_the_threads_asked_for(bench: Bench) -> None:
    first = [tiny("first 1", deed="nap"), tiny("first 2", deed="nap")]
    for stage in first:
        bench.submit(stage, threads=2)
    assert all(end.error is None and not end.lost for end in bench.wait(2))
    workers = {bench.done(stage)[0] for stage in first}
    assert len(workers) == 2 and os.getpid() not in workers
    assert [bench.done(stage)[1] for stage in first] == [2, 2]
    again = tiny("again")
    bench.run(again)
    assert bench.done(again)[0] in workers and bench.done(again)[1] == 1


def test_what_workers_print_goes_to_standard_error_and_what_they_warn_of_is_shown_once(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    logged: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(f"{record.name} {record.levelname} {record.getMessage()}")

    logger, keeper = logging.getLogger("robench"), Keeper()
    level = logger.level
    logger.addHandler(keeper)
    logger.setLevel(logging.INFO)
    try:
        bench.run(tiny("talk 1", deed="talk"), tiny("talk 2", deed="talk"))
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(level)
    shown = bench.shown.getvalue()
    assert logged == ["robench.somewhere INFO told once"]
    assert [shown.count(text) for text in ("UserWarning: warned once", "note once", "said")] == [1, 1, 2]
    bench.run(tiny("quiet 1"), tiny("quiet 2"))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("deed", ["fail", "fail alone", "fill disk", "leave", "break"])
def test_failure_in_a_worker_is_the_sentence_of_one_process(bench: Bench, deed: str) -> None:
    with pytest.raises(RobenchError) as here, blame_foreign_code(plugin_files.name_file):
        DEEDS[deed](bench.context)
    (end,) = bench.run(tiny(f"failing {deed}", deed=deed))
    assert not end.lost and str(end.error) == str(here.value)
    assert isinstance(end.error, RobenchError)
    assert spares_others(end.error) == spares_others(here.value) == (deed not in ("fail", "fill disk"))
    assert end.error.frames.splitlines()[-2:] == here.value.frames.splitlines()[-2:]


def test_death_of_a_worker_loses_its_job_and_nothing_else(bench: Bench) -> None:
    stage, other = tiny("dying", deed="die once"), tiny("other", deed="nap")
    ends = {end.job.stage.title: end for end in bench.run(stage, other)}
    assert ends["dying"].lost and not ends["other"].lost
    (end,) = bench.run(stage)
    assert end.error is None and not end.lost and bench.done(stage)


def test_death_of_a_worker_that_has_not_started_yet_loses_its_job(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "runs", 1)
    with contextlib.closing(bench.executor):
        bench.submit(tiny("early"))
        os.kill(max(workers_of(os.getpid())), signal.SIGKILL)
        (end,) = bench.wait(1)
    assert end.lost and end.error is None


def test_death_of_an_idle_worker_costs_no_job(bench: Bench) -> None:
    worker = workers_of(os.getpid())[0]
    os.kill(worker, signal.SIGKILL)
    last = time.monotonic() + 1
    while time.monotonic() < last:  # the last of a process's threads closes its files
        bench.executor.wait(0.1)
    assert worker not in workers_of(os.getpid())
    (end,) = bench.run(tiny("after"))
    assert not end.lost and bench.done(tiny("after"))[0] != worker


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_under_the_log_of_this_process_is_no_death_of_a_worker(bench: Bench) -> None:
    stage = tiny("to a full disk", deed="talk")
    with Path("/dev/full").open("w", buffering=1) as full:
        job = bench.submit(stage, reporter=PlainReporter(Console(file=full, width=200)))
        with pytest.raises(OSError, match="No space left on device"):
            bench.wait(1)
        with contextlib.suppress(OSError):  # what could not be written is tried once more
            full.close()
    job.reporter = bench.reporter
    (end,) = bench.wait(1)
    assert end.error is None and not end.lost


def test_code_in_a_worker_of_an_offline_run_fetches_no_package_at_any_time(bench: Bench) -> None:
    (end,) = bench.run(tiny("asking", deed="ask"))
    assert end.error is None and "offline: True" in bench.shown.getvalue()


def test_stage_of_the_main_script_runs_in_this_process_and_says_so_once(bench: Bench) -> None:
    @replace_module("__main__")
    class Mine(TinyStage):
        pass

    stages = [Mine(SETTING, data(), 1, name=f"mine {number}") for number in range(2)]
    ends = bench.run(*stages, stages[0])
    assert all(end.error is None for end in ends)
    assert {bench.done(stage)[0] for stage in stages} == {os.getpid()}
    note = "Mine is defined in the main script or a notebook; what uses it runs in this process alone."
    assert bench.shown.getvalue().count(note) == bench.shown.getvalue().count("this process") == 1


def replace_module(name: str) -> Any:
    def change(kind: type) -> type:
        kind.__module__ = name
        return kind

    return change


def victim_stage(source: VictimSource) -> VictimStage:
    named = NamedDefense("mine", defense=Given(digest="0" * 64))
    return VictimStage(SETTING, data(), 1, named, source=source)


def score(texts: list[str]) -> list[list[float]]:
    return [[0.0, 1.0] for _ in texts]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            FunctionSource("f", "support:score", "0" * 64, function=score),
            "the model support:score is a Python function",
        ),
        (FunctionSource("f", "lambda", "0" * 64, function=lambda texts: []), "the model lambda is a Python function"),
        (
            PairSource("p", "a pair", "0" * 64, model=object(), tokenizer=object()),
            "the model a pair is a Transformers model in memory",
        ),
    ],
    ids=["function", "closure", "pair"],
)
def test_model_of_this_process_is_not_sent(source: VictimSource, reason: str) -> None:
    with pytest.raises(NotPortableError, match=f"^{reason}$"):
        dump_stage(victim_stage(source))


def test_model_in_files_is_sent() -> None:
    content, sent = dump_stage(victim_stage(PretrainedSource("p", "a folder", "0" * 64, location="nowhere")))
    assert content and list(sent.values()) == [data()]


def use_defense(name: str) -> TinyAttack:
    """An attack on a model of a defense from a plug-in file."""
    entry, attack = registry.entry("defenses", name), tiny_attack(f"attack {name}", 0)
    named = NamedDefense(name, entry.identify_code(), defense=entry.load())
    return replace(attack, model=replace(attack.model, defense=named))


def use_attack(name: str) -> TinyAttack:
    """An attack from a plug-in file, in random order."""
    base, made = (
        NamedAttack(one, entry.identify_code(), attack=entry.load())
        for one in (name, f"random-order:{name}")
        for entry in [registry.entry("attacks", one)]
    )
    return replace(tiny_attack(f"attack {name}", 0), attack=replace(made, base=base))


@pytest.fixture(scope="module")
def plugin_ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, JobEnd]:
    """How jobs of one worker end that use plug-in files, of which some are edited after they were loaded."""
    folder = tmp_path_factory.mktemp("plugins")
    texts = {"kept": PLUGIN, "edited": PLUGIN, "kept-swaps": ATTACK, "edited-swaps": ATTACK}
    bench = Bench(folder / "runs", 1)
    with plugin_files.isolated(), contextlib.closing(bench.executor):
        for name, text in texts.items():
            (folder / f"{name}.py").write_text(text.format(name=name))
            plugin_files.load_plugin(folder / f"{name}.py")
        stages = {name: use_attack(name) if "swaps" in name else use_defense(name) for name in texts}
        for name in ("edited", "edited-swaps"):
            edited = texts[name].format(name=name).replace("strength = 1", "strength = 2")
            (folder / f"{name}.py").write_text(edited)
        for stage in stages.values():
            made = stage.folder(bench.context.store)
            made.mkdir(parents=True)
            (made / "records.jsonl").touch()
        ends: dict[str, JobEnd] = {}
        for name, stage in stages.items():
            (ends[name],) = bench.run(stage)
    return ends


@pytest.mark.parametrize("what", ["", "-swaps"], ids=["defense", "base of an attack in random order"])
def test_plugin_files_are_loaded_by_workers_and_an_edited_one_is_refused(
    plugin_ends: dict[str, JobEnd], what: str
) -> None:
    assert plugin_ends[f"kept{what}"].error is None and not plugin_ends[f"kept{what}"].lost
    told = str(plugin_ends[f"edited{what}"].error)
    assert told.startswith(f"the source of edited{what} was edited while this run goes on")


def test_worker_that_cannot_start_ends_its_job_with_the_reason(tmp_path: Path, forget_plugins: None) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN.format(name="mine"))
    plugin_files.load_plugin(file)
    file.write_text("1 / 0\n")
    bench = Bench(tmp_path / "runs", 1)
    with contextlib.closing(bench.executor):
        (end,) = bench.run(tiny("any"))
    assert not end.lost and str(end.error).startswith(f"plug-in {file} failed: line 1: ZeroDivisionError")
    assert not isinstance(end.error, UnitError), "it is the fault of no stage"


COORDINATOR = """
import os, sys, time
from pathlib import Path
import torch
from robench.progress import SilentReporter
from robench.results.store import Store
from robench.study.executors.job import Job
from robench.study.executors.processes import ProcessExecutor
from robench.study.stages.context import Context
from support.tiny_stage import tiny

context = Context(Store(Path(sys.argv[1])), SilentReporter(), torch.device("cpu"))
executor = ProcessExecutor(context, 2)
for name in ("a", "b"):
    stage = tiny(name, deed="sleep")
    executor.submit(Job(stage, stage.folder(context.store), 1, 1, context.reporter))
while True:
    executor.wait(1)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_workers_end_within_seconds_of_the_death_of_the_process_that_started_them(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", COORDINATOR, str(tmp_path / "runs")]
    started = subprocess.Popen(command, cwd=TESTS, env=os.environ | {"PYTHONPATH": str(TESTS)})
    try:
        wait_until(lambda: len(list((tmp_path / "runs").glob("sleeps-*"))) == 2, "both workers sleep")
    finally:
        started.send_signal(number)
    assert started.wait() == -number
    wait_for_end(int(path.name.rpartition("-")[2]) for path in (tmp_path / "runs").glob("sleeps-*"))
