"""How many jobs a machine has room for: by its cores, its container's quota and its memory, as files tell them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from robench.study.executors import capacity
from robench.study.executors.capacity import WORKER_BYTES, choose_jobs, count_cores, read_free_memory

GIB = 2**30


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        pytest.param(None, 8, id="no container"),
        pytest.param("max 100000\n", 8, id="no quota"),
        pytest.param("400000 100000\n", 4, id="four cores"),
        pytest.param("350000 100000\n", 3, id="three and a half"),
        pytest.param("50000 100000\n", 1, id="half a core"),
        pytest.param("1600000 100000\n", 8, id="more than there are"),
        pytest.param("100000 0\n", 8, id="nonsense"),
        pytest.param("many\n", 8, id="no number"),
    ],
)
def test_cores_are_those_of_the_affinity_within_the_quota(
    eight_cores: None, tmp_path: Path, quota: str | None, cores: int
) -> None:
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert count_cores(tmp_path) == cores


def test_affinity_of_this_process_counts_and_not_the_cores_of_the_machine(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert count_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_system_without_affinity_has_the_cores_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert count_cores(tmp_path) == 6


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [
        pytest.param(None, None, 12 * GIB, id="no container"),
        pytest.param("max", "5", 12 * GIB, id="no limit"),
        pytest.param(str(8 * GIB), str(3 * GIB), 5 * GIB, id="less than the machine has"),
        pytest.param(str(64 * GIB), str(3 * GIB), 12 * GIB, id="more than it has"),
        pytest.param(str(8 * GIB), None, 12 * GIB, id="use unknown"),
    ],
)
def test_free_memory_is_that_of_the_machine_within_the_limit(
    tmp_path: Path, limit: str | None, used: str | None, free: int
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: {16 * 2**20} kB\nMemFree: 1 kB\nMemAvailable: {12 * 2**20} kB\n")
    for name, value in (("memory.max", limit), ("memory.current", used)):
        if value is not None:
            (tmp_path / name).write_text(value + "\n")
    assert read_free_memory(meminfo, tmp_path) == free


def test_unknown_memory_limits_nothing(tmp_path: Path) -> None:
    assert read_free_memory(tmp_path / "none", tmp_path) >= 2**50


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "count_cores", lambda: 8)
    monkeypatch.setattr(capacity, "read_free_memory", lambda: 100 * WORKER_BYTES)


@pytest.mark.parametrize("requested", [1, 2, 100])
def test_a_requested_number_is_taken_as_it_is(roomy: None, requested: int) -> None:
    assert choose_jobs(requested, on_cpu=False, seconds=0.0) == requested


@pytest.mark.parametrize(
    ("on_cpu", "seconds", "jobs"),
    [
        pytest.param(True, 3600.0, 8, id="one for each core"),
        pytest.param(True, 39.0, 1, id="little work"),
        pytest.param(False, 3600.0, 1, id="a GPU"),
    ],
)
def test_auto_is_one_for_each_core_if_that_is_worth_it(roomy: None, on_cpu: bool, seconds: float, jobs: int) -> None:
    assert choose_jobs("auto", on_cpu=on_cpu, seconds=seconds) == jobs


@pytest.mark.parametrize(("workers", "jobs"), [(3.5, 3), (1.0, 1), (0.1, 1), (-1.0, 1)])
def test_auto_takes_no_more_jobs_than_memory_has_room_for(
    roomy: None, monkeypatch: pytest.MonkeyPatch, workers: float, jobs: int
) -> None:
    monkeypatch.setattr(capacity, "read_free_memory", lambda: int(workers * WORKER_BYTES))
    assert choose_jobs("auto", on_cpu=True, seconds=3600.0) == jobs


def test_auto_is_one_on_a_system_without_fork_and_sockets_to_pass_on(
    roomy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert choose_jobs("auto", on_cpu=True, seconds=3600.0) == 1
