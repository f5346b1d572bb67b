"""The time that a run has left: worked by hand on a clock that a test moves."""

from __future__ import annotations

import pytest

from robench.study.schedule import ScheduledStage
from robench.study.time_left import TimeLeft


def train(key: str, seconds: float, *needs: str, threads: int = 1) -> ScheduledStage:
    return ScheduledStage(key, f"train {key}", "train", seconds, threads, needs)


def attack(key: str, seconds: float, rows: int, *needs: str) -> ScheduledStage:
    return ScheduledStage(key, f"attack {key}", "attack", seconds, needs=needs, rows=rows)


def test_before_anything_is_measured_the_estimates_are_scheduled_on_the_jobs() -> None:
    stages = [train("a", 10.0), train("b", 20.0), attack("c", 32.0, 32, "b")]
    assert TimeLeft(stages, 1).estimate() == 62.0
    assert TimeLeft(stages, 2).estimate() == 36.0, "b, then two shards of 16 s side by side"


def test_a_finished_stage_goes_and_corrects_those_of_its_kind_and_less_so_others() -> None:
    left = TimeLeft([train("a", 10.0), train("b", 20.0), attack("c", 40.0, 40)], 1)
    left.begin("a")
    for _ in range(10):
        left.advance("a", 0.1, 3.0)
    assert left.estimate() == pytest.approx(20 * 3 + 40 * 3), "nothing is known of attacks but that all is slow"
    left.begin("c")
    left.advance("c", 0.5, 10.0)
    left.finish("a")
    assert left.estimate() == pytest.approx(20 * 3 + 20 * 0.5)
    left.finish("c")
    left.finish("b")
    assert left.estimate() == 0.0


def test_a_stages_own_pace_counts_as_soon_as_it_says_something() -> None:
    left = TimeLeft([train("a", 100.0), train("b", 100.0)], 1)
    left.begin("a")
    left.advance("a", 0.1, 40.0)
    left.begin("b")
    left.advance("b", 0.01, 0.9)  # start-up
    # Both are of one kind: 40.9 s for what should have taken 11.
    assert left.estimate() == pytest.approx(90 * 4 + 99 * 40.9 / 11)
    left.advance("b", 0.01, 1.1)
    assert left.estimate() == pytest.approx(90 * 4 + 98 * 1)


def test_what_was_done_before_this_run_is_done_but_measures_nothing() -> None:
    left = TimeLeft([attack("a", 100.0, 100)], 1)
    left.begin("a", 0.75)
    assert left.estimate() == pytest.approx(25)
    left.advance("a", 0.05, 10.0)
    assert left.estimate() == pytest.approx(20 * 2)


def test_time_is_not_known_until_every_kind_has_been_measured_if_nothing_is_known_of_it() -> None:
    left = TimeLeft(
        [train("a", 1.0), attack("b", 1.0, 10), ScheduledStage("c", "measure c", "measure", 1.0)], 1, {"a", "b", "c"}
    )
    left.begin("a")
    left.advance("a", 0.5, 30.0)
    assert left.estimate() is None
    left.finish("a")
    left.begin("b")
    left.advance("b", 0.5, 6.0)
    assert left.estimate() == pytest.approx(6 + 1)


def test_a_stage_without_progress_is_measured_by_its_beginning_and_its_end() -> None:
    now = [100.0]
    left = TimeLeft([train("a", 10.0), train("b", 10.0)], 1, clock=lambda: now[0])
    left.begin("a")
    now[0] += 50
    left.finish("a")
    assert left.estimate() == pytest.approx(50)


def test_a_stage_that_is_not_of_the_plan_changes_nothing() -> None:
    left = TimeLeft([train("a", 10.0)], 1)
    left.begin("other")
    left.advance("other", 1.0, 500.0)
    left.finish("other")
    assert left.estimate() == 10.0
