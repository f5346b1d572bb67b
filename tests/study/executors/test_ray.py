"""Jobs in workers of a Ray cluster, which share no disk with this process: the results of one job, whoever dies."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer
from typer.testing import Result

from robench.console import Console
from robench.errors import RobenchError
from robench.progress import PlainReporter, SilentReporter
from robench.results.store import Store
from robench.study.executors.job import Job, JobEnd
from robench.study.executors.messages import Begin, End
from robench.study.executors.node_folders import NodeFolders, write_folder
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.victims.find import find_victim
from robench.victims.prompted_source import add_prompt
from robench.victims.prompts import Prompt
from robench.victims.source import PretrainedSource
from support import tiny_llama
from support.caches import fill_cache
from support.processes import Processes
from support.runs import contents, leftovers, lines
from support.tiny_job import TinyJob, robench, write_data
from support.tiny_stage import DONE, tiny
from support.workers import WORKER, parent_of, processes_below, wait_for_end, wait_until, workers_below

ray = pytest.importorskip("ray", reason="RAY IS NOT INSTALLED, SO ITS EXECUTOR IS NOT TESTED: pip install ray")

CPU = torch.device("cpu")
TEXTS = 128
"""Attacked where somebody is killed in the middle: a worker searches 64 of them at a time."""

PLUGIN = """
import robench
from robench.defenses.base import Base

@robench.register("mine")
class Mine(Base):
    '''Base, by another name.'''
"""


class Bench:
    """A local cluster of two workers, and what they say."""

    def __init__(self, root: Path) -> None:
        from robench.study.executors.ray_executor import RayExecutor

        self.shown = io.StringIO()
        self.reporter = PlainReporter(Console(file=self.shown, width=200))
        self.context = Context(Store(root), self.reporter, CPU, offline=True)
        self.executor = RayExecutor(self.context, 2)

    def run(self, *stages: Stage) -> list[JobEnd]:
        for stage in stages:
            self.executor.submit(Job(stage, stage.folder(self.context.store), 1, 1, self.reporter))
        ends: list[JobEnd] = []
        while len(ends) < len(stages):
            ends += self.executor.wait(1)
        return ends

    def wait_for_slots(self, count: int) -> None:
        def has_started() -> bool:
            self.executor.wait(0.1)
            return self.executor.slots == count

        wait_until(has_started, f"{count} workers have started")


@pytest.mark.slow
def test_local_cluster_runs_jobs_survives_a_worker_and_ends_with_all_it_started(
    tmp_path: Path, shared_cache: Path
) -> None:
    from robench.study.executors.ray_executor import identify_run

    before = signal.getsignal(signal.SIGTERM)
    bench = Bench(tmp_path / "runs")
    copies = shared_cache / "nodes" / identify_run(bench.context.store.root)
    workers: list[int] = []
    with contextlib.closing(bench.executor):
        bench.wait_for_slots(2)
        assert signal.getsignal(signal.SIGTERM) is before
        workers += workers_below(os.getpid())
        assert len(workers) == 2
        stages = [tiny("first", deed="nap"), tiny("second", deed="talk")]
        assert [(end.error, end.lost) for end in bench.run(*stages)] == [(None, False)] * 2
        made = {int((stage.folder(bench.context.store) / DONE).read_text().split()[0]) for stage in stages}
        assert made <= set(workers), "its files have come from the private folder of a worker"
        assert "said" in bench.shown.getvalue() and len(list(copies.glob("worker-*/"))) == 2
        (end,) = bench.run(tiny("failing", deed="fail"))
        assert str(end.error) == "the encoder folder is gone; name another one." and not end.lost
        (end,) = bench.run(tiny("dying", deed="die"))
        assert end.lost and end.error is None
        bench.wait_for_slots(2)
        assert [end.error for end in bench.run(tiny("third", deed="nap"), tiny("fourth", deed="nap"))] == [None] * 2
        workers += workers_below(os.getpid())
    wait_for_end(workers)
    assert not ray.is_initialized() and not copies.exists()


@pytest.mark.slow
def test_a_plan_counts_the_workers_of_the_local_cluster_that_a_run_would_start(tmp_path: Path) -> None:
    from robench.study.executors.choice import ExecutorChoice

    choice, context = ExecutorChoice("ray"), Context(Store(tmp_path / "runs"), SilentReporter(), CPU)
    planned = choice.count_jobs([], CPU, seconds=0.0)
    executor, jobs = choice.start(context, [], seconds=0.0)
    executor.close()
    assert planned == jobs and not ray.is_initialized()


def test_whatever_fails_while_a_job_is_laid_out_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robench.study.executors.ray_relay import Assignment, Outbox, Relay

    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    relay = Relay.__new__(Relay)  # without a worker process, and without a cluster around it
    relay._outbox, relay._folders = Outbox(), NodeFolders("run")
    begin = Begin(stage=b"", folder="models/mr-base", threads=1, attacks=False)
    relay.begin(Assignment(begin, [("data", [])], [], [], None))  # its list lacks the reference to what it names
    (end,) = relay.receive()
    relay._folders.leave()
    assert isinstance(end, End) and re.fullmatch(r"on the node .*: IndexError: list index out of range\.", end.error)


def test_an_object_store_that_is_full_is_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from robench.study.executors.ray_link import Freight

    def refuse(value: object) -> None:
        raise ray.exceptions.ObjectStoreFullError("no room for 7 bytes")

    monkeypatch.setattr(ray, "put", refuse)
    stage = tiny("any")
    job = Job(stage, stage.folder(store), 1, 1, SilentReporter())
    begin = Begin(stage=b"", folder=str(job.folder), threads=1, attacks=False)
    with pytest.raises(RobenchError, match=r"^Ray's object store .* what any needs \(.*: no room for 7 bytes"):
        Freight(store).assign(job, [begin])
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--ray-address", "auto"], "--ray-address is for --executor ray"),
        (["--ray-any-processor"], "--ray-any-processor is for --executor ray"),
        (["--executor", "serial", "--jobs", "2"], "--executor serial runs one job at a time, and --jobs 2 asks for"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: list[str], told: str) -> None:
    done = robench("run", "-d", "base", "-t", "trec", *options)
    assert done.exit_code == 2 and told in done.stderr, done.output


def test_without_ray_a_sentence_says_how_to_install_it(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robench.study.executors.choice.find_spec", lambda name: None)
    done = robench(*tiny_job.command(tmp_path / "runs", "--executor", "ray"))
    assert done.exit_code == 2 and "pip install 'ray>=2.40'" in done.stderr


def test_chat_template_in_a_file_travels_with_the_folder_of_a_model(tmp_path: Path) -> None:
    from robench.study.executors.ray_link import _read_model

    folder, copy = tiny_llama.save(tmp_path / "llama"), tmp_path / "copy"
    assert (folder / "chat_template.jinja").is_file()
    prompt = Prompt("{text}", ("negative", " positive"), chat=True)
    source = add_prompt(find_victim(str(folder)), prompt)
    assert isinstance(source, PretrainedSource)
    write_folder(copy, _read_model(source, folder))
    assert AutoTokenizer.from_pretrained(copy).chat_template == tiny_llama.CHAT
    assert add_prompt(find_victim(str(copy)), prompt).digest == source.digest


@dataclass
class UserCluster:
    """A cluster of two nodes with one CPU and a cache each; on a busy machine, it gets as much as this process."""

    cluster: Any
    caches: list[Path]
    second: Any

    @property
    def options(self) -> tuple[str, ...]:
        return "--executor", "ray", "--ray-address", self.cluster.address


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserCluster]:
    raylet: Any = importlib.import_module("ray._raylet")
    from ray.cluster_utils import Cluster

    from robench.study.executors.ray_cluster import _TOKEN

    caches = [tmp_path_factory.mktemp("node") / "cache" for _ in range(2)]
    for cache in caches:
        fill_cache(cache)
    first, second = (
        {"num_cpus": 1, "object_store_memory": 2**27, "env_vars": {"ROBENCH_CACHE": str(cache)}} for cache in caches
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # more than that of this process
        if raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN:  # as a local cluster left it, for good
            patch.setenv("RAY_AUTH_MODE", "token")
            patch.setenv("RAY_AUTH_TOKEN", _TOKEN)
        made = Cluster(initialize_head=True, head_node_args={"include_dashboard": False} | first)
        add_node: Any = made.add_node
        yield UserCluster(made, caches, add_node(**second))
        made.shutdown()


@pytest.fixture(scope="module")
def job(tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> TinyJob:
    data = write_data(tmp_path_factory.mktemp("long"), train=16, dev=4, test=TEXTS)
    return TinyJob(tiny_job.encoder, data)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plugin") / "plug.py"
    file.write_text(PLUGIN, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def one_job(job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run in one process makes, by folder."""
    runs = tmp_path_factory.mktemp("one") / "runs"
    done = robench(*command(job, runs, "--jobs", "1"))
    assert done.exit_code == 0, done.output
    return contents(runs)


def command(job: TinyJob, runs: Path, *more: object, defense: str = "base") -> list[str]:
    fixed = ("--threads", "1", "--attack-limit", str(TEXTS))
    return job.command(runs, *fixed, *map(str, more), defense=defense)


@pytest.mark.slow
@pytest.mark.usefixtures("forget_plugins")
def test_nodes_without_the_cache_and_the_runs_folder_give_the_results_of_one_job(
    cluster: UserCluster, tiny_job: TinyJob, plugin: Path, tmp_path: Path
) -> None:
    options = ("--threads", "1", "--plugin", str(plugin))
    one = robench(*tiny_job.command(tmp_path / "one", *options, "--jobs", "1", defense="mine,ada"))
    done = robench(*tiny_job.command(tmp_path / "ray", *options, *cluster.options, defense="mine,ada"))
    assert one.exit_code == done.exit_code == 0, one.output + done.output
    assert len(contents(tmp_path / "one")) == 6 and contents(tmp_path / "ray") == contents(tmp_path / "one")
    assert leftovers(tmp_path / "ray") == []
    assert done.stdout.splitlines()[0] == one.stdout.splitlines()[0] and "Traceback" not in done.output
    assert all((cache / "nodes").is_dir() and not list(cache.glob("nodes/*/")) for cache in cluster.caches)


def check_same(runs: Path, one_job: dict[str, Any]) -> None:
    assert len(one_job) == 2 and contents(runs) == one_job and leftovers(runs) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "told"),
    [
        ("actor", "ended unexpectedly; it is tried again, alone"),
        ("node", "the machine that computed it was lost; another one goes on"),
    ],
)
def test_process_killed_in_the_middle_of_an_attack_changes_no_result(
    cluster: UserCluster, job: TinyJob, one_job: dict[str, Any], tmp_path: Path, victim: str, told: str
) -> None:
    def kill() -> None:
        raylet = cluster.second.all_processes["raylet"][0].process.pid
        node = [raylet, *processes_below(raylet)]  # as if the machine were switched off
        for process in node if victim == "node" else [parent_of(workers_below(os.getpid())[0])]:
            os.kill(process, signal.SIGKILL)

    done = run_and_kill(cluster, job, tmp_path / "runs", kill)
    assert done.exit_code == 0, done.output
    assert told in done.stderr and "Traceback" not in done.stderr, done.output
    check_same(tmp_path / "runs", one_job)


def run_and_kill(cluster: UserCluster, job: TinyJob, runs: Path, kill: Callable[[], None]) -> Result:
    """Run with three jobs on two CPUs, and kill somebody as soon as some rows are attacked."""

    def wait_and_kill() -> None:
        wait_until(lambda: lines(runs) >= 5, "rows are attacked", 600)
        kill()

    killer = threading.Thread(target=wait_and_kill, daemon=True)
    killer.start()
    done = robench(*command(job, runs, *cluster.options, "--jobs", "3"))
    killer.join(5 if done.exit_code else None)
    return done


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["TERM", "KILL"])
def test_run_that_is_ended_takes_its_local_cluster_along(
    processes: Processes, job: TinyJob, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    runs = tmp_path / "runs"
    started = processes.start(*command(job, runs, "--executor", "ray", "--jobs", "2"))
    below: dict[int, str] = {}

    def is_attacked() -> bool:
        if lines(runs) < 5:
            return False
        below.update(processes_below(started.id))
        return True

    assert started.signal_when(is_attacked, number, seconds=600) == code, started.stderr
    assert any("raylet" in one for one in below.values()) and any(WORKER in one for one in below.values())
    ours = [process for process, one in below.items() if WORKER in one or "/raylet" in one or "/gcs_" in one]
    wait_for_end(below if code > 0 else ours, seconds=60)  # Ray's agents take a minute to notice a SIGKILL
    assert "Traceback" not in started.stderr and started.stdout == ""
    assert ("the same command continues from there" in started.stderr) == (code > 0)
    assert lines(runs) >= 5


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:9", r"no Ray cluster can be used at 127\.0\.0\.1:9 \(connection refused\)\. `ray start --head`"),
        ("no.such.host.invalid:6379", r"no Ray cluster can be used at no\.such\.host"),
        ("head:sixty", r"no Ray cluster can be used at head:sixty \(invalid literal"),
        ("ray://head:10001", r"--ray-address ray://head:10001 is one of Ray Client; run robench on a machine of"),
    ],
)
def test_address_without_a_cluster_is_refused_with_a_sentence(address: str, told: str) -> None:
    from robench.study.executors.ray_cluster import RayCluster

    with pytest.raises(RobenchError, match=told):
        RayCluster(address)
    assert not ray.is_initialized()
