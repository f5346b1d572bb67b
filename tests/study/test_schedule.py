"""Simulated schedules: worked examples, and what holds of any of them, tried on graphs that a seed draws."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.resources.pinned_packages import fetch_minilm
from robench.study.schedule import ScheduledStage, simulate
from robench.study.shared_rows import SHARD_ROWS
from support import large_study


def train(key: str, seconds: float, *needs: str) -> ScheduledStage:
    return ScheduledStage(key, f"train {key}", "train", seconds, threads=2, needs=needs)


def attack(key: str, seconds: float, rows: int, *needs: str) -> ScheduledStage:
    return ScheduledStage(key, f"attack {key}", "attack", seconds, needs=needs, rows=rows)


def test_attack_is_divided_into_shards_and_the_last_is_shorter() -> None:
    assert attack("a", 40.0, 40).units == (16.0, 16.0, 8.0)
    assert attack("a", 32.0, 2 * SHARD_ROWS).units == (16.0, 16.0)
    assert attack("a", 5.0, 5).units == (5.0,)
    assert train("t", 7.0).units == (7.0,)


def test_chain_of_base_dadv_and_a_defense_is_the_critical_path() -> None:
    stages = [
        train("base", 10.0),
        attack("dadv", 64.0, 64, "base"),
        train("ada", 20.0, "dadv"),
        attack("cell", 32.0, 32, "ada"),
        attack("base cell", 16.0, 16, "base"),
    ]
    one = simulate(stages, 1)
    assert (one.makespan, one.work, one.efficiency, one.peak) == (142.0, 142.0, 1.0, 1)
    # base 0-10; four shards of D_adv and the cell of base 10-26 on five slots; ada 26-46; two shards 46-62.
    five = simulate(stages, 5)
    assert five.makespan == 62.0 == five.path_seconds and five.peak == 5 and five.units == 9
    assert [stage.key for stage in five.path] == ["base", "dadv", "ada", "cell"]
    assert five.work == 10 * 2 + 64 + 20 * 2 + 32 + 16 and five.efficiency == pytest.approx(172 / (5 * 62))
    assert five.useful_jobs == 3, "172 / 62 is 2.8"
    # base 0-10; the four shards 10-42, two at a time; ada 42-62; then three shards: 62-78 and 78-94.
    assert simulate(stages, 2).makespan == 94.0


def test_training_waits_for_two_slots_and_no_shard_overtakes_it() -> None:
    stages = [attack("first", 24.0, 24), train("long", 100.0), attack("later", 160.0, 160)]
    # The training goes first on both slots: 0-100; all shards follow, eleven of 16 seconds and one of 8.
    assert simulate(stages, 2).makespan == 100.0 + 96.0
    # A third slot makes seven shards of "later" until 112. Two more begin at 100, one at 112, "first" at 116: 16 and 8.
    assert simulate(stages, 3).makespan == 132.0


def test_stage_whose_needs_are_not_scheduled_starts_at_once() -> None:
    assert simulate([attack("cell", 16.0, 16, "finished before")], 4).makespan == 16.0


def test_empty_study_takes_no_time() -> None:
    empty = simulate([], 3)
    assert (empty.makespan, empty.path, empty.efficiency, empty.useful_jobs) == (0.0, (), 1.0, 1)


def test_schedule_without_a_slot_is_refused() -> None:
    with pytest.raises(RobenchError, match="at least 1 job"):
        simulate([], 0)


def draw(seed: int) -> list[ScheduledStage]:
    """A graph of up to 40 stages, each after those that it needs."""
    stream = random.Random(seed)
    stages: list[ScheduledStage] = []
    for i in range(stream.randrange(1, 40)):
        needs = [stage.key for stage in stream.sample(stages, min(len(stages), stream.randrange(3)))]
        seconds = stream.choice([0.0, 1.0, stream.uniform(0, 500)])
        many = stream.randrange(1, 200)
        is_training = stream.random() < 0.4
        stages.append(train(str(i), seconds, *needs) if is_training else attack(str(i), seconds, many, *needs))
    return stages


def longest_chain(stages: list[ScheduledStage]) -> float:
    """The critical path, found by walking every chain from its end."""
    by_key = {stage.key: stage for stage in stages}
    known: dict[str, float] = {}

    def end(key: str) -> float:
        if key not in known:
            known[key] = max(by_key[key].units) + max((end(need) for need in by_key[key].needs), default=0.0)
        return known[key]

    return max(end(key) for key in by_key)


@pytest.mark.parametrize("seed", range(60))
def test_schedule_is_never_shorter_than_it_can_be_nor_longer_than_one_after_another(seed: int) -> None:
    stages = draw(seed)
    serial = sum(stage.seconds for stage in stages)
    assert simulate(stages, 1).makespan == pytest.approx(serial) == pytest.approx(simulate(stages, 1).work)
    spans = []
    for jobs in (1, 2, 3, 8, 64, 512):
        found = simulate(stages, jobs)
        assert found.path_seconds == pytest.approx(longest_chain(stages))
        assert found.makespan >= max(found.path_seconds, found.work / jobs) - 1e-6
        assert found.makespan <= serial + 1e-6
        assert 0 <= found.efficiency <= 1 + 1e-9 and found.peak <= jobs
        assert simulate(stages, jobs) == found, "it is the same each time"
        spans.append(found.makespan)
    assert spans[-1] == pytest.approx(longest_chain(stages)), "512 slots are more than there are units at a time"
    # A schedule in the order of levels can become longer by a hair with more slots (Graham's anomaly): 0.1 % here.
    assert all(after <= 1.001 * before + 1e-6 for before, after in itertools.pairwise(spans))


@pytest.mark.network
def test_large_study_is_made_of_the_stages_of_a_request(tmp_path: Path) -> None:
    fetch_minilm()
    data = large_study.write_rows(tmp_path / "data", {"trec": (40, 10, 20)}, {"trec": 6})
    stages = large_study.plan(data, ["trec"], ["base", "ada"], ["pwws"], [1, 2])
    assert Counter(stage.kind for stage in stages) == {"train": 4, "attack": 6}
    assert sum(len(stage.units) for stage in stages) == 4 + 2 * 3 + 4 * 2, "40 rows are three shards, 20 are two"
    assert [stage.name for stage in simulate(stages, 8).path] == [
        "train base on trec, seed 1",
        "attack the training set of trec with pwws, victim base",
        "train ada against pwws on trec, seed 1",
        "attack ada on trec with pwws, seed 1",
    ]
    assert large_study.describe(stages, (1, 8))[2].startswith("| 1 | ")
