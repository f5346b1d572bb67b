"""How many jobs a machine has room for: by its cores, its container's quota and its memory, as files tell them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import BertConfig

from robench.machine import count_cores, read_free_memory
from robench.models.encoders import EncoderSource
from robench.resources.foreign_model import count_parameters
from robench.study.executors import capacity
from robench.study.executors.capacity import (
    CONTEXT_BYTES,
    WORKER_BYTES,
    choose_gpu_units,
    choose_jobs,
    choose_threads,
    estimate_unit_bytes,
    estimate_worker_bytes,
)
from robench.study.setting import NamedDefense
from robench.study.stages.victim import VictimStage
from robench.training.settings import TrainingSettings
from robench.victims.source import Given, PretrainedSource
from support.tiny_stage import tiny, tiny_attack

CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 2**30
BERT, MINILM = 109_482_240, 22_565_376

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
    assert choose_jobs(requested, [], GPU, seconds=0.0) == requested


@pytest.mark.parametrize(
    ("device", "seconds", "jobs"),
    [
        pytest.param(CPU, 3600.0, 8, id="one for each core"),
        pytest.param(CPU, 39.0, 1, id="little work"),
        pytest.param(GPU, 3600.0, 1, id="a GPU with a plan of unknown size"),
    ],
)
def test_auto_is_one_for_each_core_if_that_is_worth_it(
    roomy: None, device: torch.device, seconds: float, jobs: int
) -> None:
    assert choose_jobs("auto", [tiny("any")], device, seconds=seconds) == jobs


@pytest.mark.parametrize(("workers", "jobs"), [(3.5, 3), (1.0, 1), (0.1, 1), (-1.0, 1)])
def test_auto_takes_no_more_jobs_than_memory_has_room_for(
    roomy: None, monkeypatch: pytest.MonkeyPatch, workers: float, jobs: int
) -> None:
    monkeypatch.setattr(capacity, "read_free_memory", lambda: int(workers * WORKER_BYTES))
    assert choose_jobs("auto", [], CPU, seconds=3600.0) == jobs


def test_auto_is_one_on_a_system_without_fork_and_sockets_to_pass_on(
    roomy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert choose_jobs("auto", [], CPU, seconds=3600.0) == 1


@pytest.mark.parametrize(
    ("parameters", "networks", "shape", "gigabytes"),
    [
        # 1.07 GB of context, and 20 + 28 bytes for each of 109.5 million parameters: 5.26 GB; twice that for two.
        pytest.param(BERT, 1, (16, 128), 6.33, id="bert-base"),
        pytest.param(BERT, 2, (16, 128), 11.58, id="bert-base, two networks"),
        pytest.param(BERT, 1, (32, 128), 9.39, id="bert-base, twice the batch: 28 bytes more"),
        pytest.param(MINILM, 1, (8, 64), 1.68, id="minilm, short texts: 7 bytes, which is the least"),
        pytest.param(MINILM, 1, (1, 8), 1.68, id="minilm, next to nothing"),
    ],
)
def test_a_unit_takes_a_context_and_some_bytes_for_each_parameter(
    parameters: int, networks: int, shape: tuple[int, int], gigabytes: float
) -> None:
    training = TrainingSettings(batch_size=shape[0], max_length=shape[1])
    assert estimate_unit_bytes(parameters, networks, training) / 1e9 == pytest.approx(gigabytes, abs=0.006)


@pytest.mark.parametrize(
    ("free", "unit", "units"),
    [
        pytest.param(80 * GIB, 10 * GIB, 6, id="64 of 80 are planned with"),
        pytest.param(79 * GIB, int(11.58e9), 5, id="TaiChi with bert-base on an H100"),
        pytest.param(5 * GIB, 4 * GIB, 1, id="exactly one"),
        pytest.param(2 * GIB, 4 * GIB, 1, id="one is tried in any case"),
    ],
)
def test_as_many_units_share_a_gpu_as_its_free_memory_holds(
    free: int, unit: int, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSource, "count_parameters", lambda self: BERT)
    monkeypatch.setattr(capacity, "estimate_unit_bytes", lambda *sizes: unit)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * GIB))
    assert choose_gpu_units([tiny_attack("attack", 4).model], GPU) == units


def test_a_training_occupies_one_slot_on_a_gpu_and_one_for_each_thread_on_a_cpu() -> None:
    assert (choose_threads(4, CPU), choose_threads(4, GPU)) == (4, 1)


def test_a_plan_on_a_gpu_is_sized_by_its_largest_training_and_by_the_cores(
    roomy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSource, "count_parameters", lambda self: BERT)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (25 * GIB, 80 * GIB))
    base = tiny_attack("attack", 4).model
    unit = estimate_unit_bytes(BERT, 1, base.setting.training)
    assert CONTEXT_BYTES < unit < 6e9
    assert choose_gpu_units([base], GPU) == int(20 * GIB // unit) < 8
    assert choose_jobs("auto", [base], GPU, seconds=3600.0) == choose_gpu_units([base], GPU)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80 * GIB, 80 * GIB))
    assert choose_jobs("auto", [base], GPU, seconds=3600.0) == 8 < choose_gpu_units([base], GPU)
    assert choose_gpu_units([base], CPU) == 1


def test_a_job_on_a_cpu_has_room_for_the_weights_of_a_users_model_and_no_more_is_read_than_its_configuration(
    roomy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BertConfig(hidden_size=1600, num_hidden_layers=32, num_attention_heads=20, intermediate_size=6400).save_pretrained(
        tmp_path
    )
    source = PretrainedSource("large", "large", "digest", str(tmp_path))
    attack = tiny_attack("attack", 4)
    victim = VictimStage(
        attack.setting, attack.data, 1, NamedDefense("large", defense=Given(digest="digest")), source=source
    )
    cell = replace(attack, model=victim, requires=(victim,))
    size = estimate_worker_bytes([victim, cell])
    assert size == CONTEXT_BYTES + 4 * count_parameters(source.files) > 4e9
    monkeypatch.setattr(capacity, "read_free_memory", lambda: int(3.5 * size))
    assert choose_jobs("auto", [victim, cell], CPU, seconds=3600.0) == 3

    (tmp_path / "config.json").write_text("{")
    assert estimate_worker_bytes([victim, cell]) == WORKER_BYTES


def test_a_training_on_a_cpu_has_the_room_of_as_many_jobs_as_it_has_threads(tmp_path: Path) -> None:
    BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096).save_pretrained(
        tmp_path
    )
    attack = tiny_attack("attack", 4)
    setting = replace(
        attack.setting,
        encoder=EncoderSource("large", str(tmp_path), "digest"),
        training=TrainingSettings(batch_size=16, max_length=128),
        hardware={"device": "cpu", "threads": 2},
    )
    model = replace(attack.model, setting=setting)
    cell = replace(attack, model=model, requires=(model,))
    large = setting.encoder.count_parameters()
    assert estimate_worker_bytes([model, cell]) == estimate_unit_bytes(large, 1, setting.training) // 2
    assert estimate_worker_bytes([cell]) == CONTEXT_BYTES + 4 * large, "it is trained already"
    assert estimate_worker_bytes([attack.model, attack]) == WORKER_BYTES
