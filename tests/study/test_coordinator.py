"""What the coordinator begins when, with an executor that takes steps: a log of them is what a test reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from robench.errors import RobenchError, UnitError
from robench.progress import SilentReporter
from robench.results import records
from robench.results.store import Store
from robench.study import coordinator
from robench.study.coordinator import Coordinator
from robench.study.executors.job import explain_death
from robench.study.failures import UnfinishedRunError
from robench.study.shared_rows import PARTS, SHARD_ROWS
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from support.row_sharer import result
from support.step_executor import StepExecutor
from support.tiny_stage import DONE, tiny, tiny_attack


class Listener(SilentReporter):
    """A reporter that keeps what is said, and how many units of the last work are done."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said, self.done = said, 0

    def say(self, text: str) -> None:
        self._said.append(text)

    def set_progress(self, done: int, total: int) -> None:
        self.done = done

    def advance(self, count: int, outcome: str = "") -> None:
        self.done += count

    def warn(self, text: str) -> None:
        self._said.append(text)


@dataclass
class Bench:
    """A runs folder and what was said while stages are made in it."""

    store: Store
    said: list[str] = field(default_factory=list)
    folders: StageFolders = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Listener(self.said)
        self.context = Context(self.store, self.listener, torch.device("cpu"))
        self.folders = StageFolders(self.context)

    def make(
        self, stages: list[Stage], slots: int, ranks: dict[str, float] | None = None, threads: int = 2, **more: Any
    ) -> StepExecutor:
        executor = StepExecutor(self.context, slots, **more)
        by_key = {stage.key: (ranks or {}).get(stage.title, 0.0) for stage in stages}
        failures = Coordinator(self.folders, executor, self.context.reporter, threads=threads).make(stages, by_key)
        if failures:
            raise UnfinishedRunError(failures, [])
        return executor

    def is_made(self, stage: Stage) -> bool:
        return (stage.folder(self.store) / DONE).exists()


@pytest.fixture
def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(coordinator, "POLL_SECONDS", 0.01)
    return Bench(store)


def test_stages_that_can_begin_do_so_in_the_order_of_their_ranks_and_after_their_needs(bench: Bench) -> None:
    low, high, middle = tiny("low"), tiny("high"), tiny("middle")
    last = tiny("last", middle)
    ranks = {"low": 1.0, "high": 3.0, "middle": 2.0, "last": 9.0}
    assert bench.make([low, high, middle, last], 1, ranks).log == [["high"], ["middle"], ["last"], ["low"]]


def test_without_ranks_stages_are_made_in_the_order_of_the_plan(bench: Bench) -> None:
    stages: list[Stage] = [tiny("b"), tiny("a"), tiny("c")]
    assert bench.make(stages, 1).log == [["b"], ["a"], ["c"]]


def test_a_training_occupies_as_many_slots_as_it_has_threads_and_others_one(bench: Bench) -> None:
    trainings: list[Stage] = [tiny(f"training {number}", training=True) for number in range(3)]
    executor = bench.make([*trainings, tiny("other")], 5)
    assert executor.log == [["training 0", "training 1"], ["other", "training 2"]], "what goes first is waited for"
    assert executor.threads["training 0"] == 2 and executor.threads["other"] == 1


def test_a_training_with_more_threads_than_slots_gets_all_slots(bench: Bench) -> None:
    executor = bench.make([tiny("training", training=True), tiny("other")], 2, threads=8)
    assert executor.log == [["training"], ["other"]] and executor.threads["training"] == 8


def test_rows_of_an_attack_are_shared_while_slots_are_free(bench: Bench) -> None:
    attack = tiny_attack("attack", 6 * SHARD_ROWS)
    executor = bench.make([attack], 3)
    assert executor.log[:2] == [["attack"] * 3] * 2, "two shards each"
    found = records.read(attack.folder(bench.store) / "records.jsonl")
    assert found == [result(row) for row in range(6 * SHARD_ROWS)]
    assert (attack.folder(bench.store) / DONE).read_text() == "96" and not (attack.folder(bench.store) / PARTS).exists()


def test_shards_do_not_starve_a_training_that_goes_first(bench: Bench) -> None:
    attack, before = tiny_attack("attack", 40 * SHARD_ROWS), tiny("before")
    training = tiny("training", before, training=True)
    ranks = {"before": 3.0, "training": 2.0, "attack": 1.0}
    log = bench.make([attack, before, training], 2, ranks).log
    assert log[0] == ["attack", "before"]
    assert ["training"] in log[1:5], "it waits for the shards at hand, and for no other"
    assert ["attack", "attack"] in log[5:], "which go on after it"


def test_an_attack_that_goes_first_is_not_held_up_by_a_training(bench: Bench) -> None:
    attack, training = tiny_attack("attack", 8 * SHARD_ROWS), tiny("training", training=True)
    log = bench.make([training, attack], 2, {"attack": 2.0, "training": 1.0}).log
    assert log[:4] == [["attack", "attack"]] * 4 and ["training"] in log[4:]


@pytest.mark.parametrize("name", ["whole", "rows"])
def test_a_job_whose_process_died_is_tried_again_alone(bench: Bench, name: str) -> None:
    whole, rows, other = tiny("whole"), tiny_attack("rows", 3 * SHARD_ROWS), tiny("other")
    executor = bench.make([whole, rows, other], 3, steps={"other": 4}, deaths={name: 1})
    at = [step for step, running in enumerate(executor.log) if name in running]
    assert executor.log[at[1]] == [name]
    assert [line for line in bench.said if "tried again, alone" in line and line.startswith(f"    {name}")]
    assert bench.is_made(whole) and bench.is_made(other)
    assert records.read(rows.folder(bench.store) / "records.jsonl") == [result(row) for row in range(3 * SHARD_ROWS)]
    assert (rows.folder(bench.store) / DONE).read_text() == str(3 * SHARD_ROWS), "no row twice"


def test_several_processes_of_a_stage_that_die_at_once_cost_it_one_try(bench: Bench) -> None:
    rows = tiny_attack("rows", 6 * SHARD_ROWS)
    log = bench.make([rows], 3, deaths={"rows": 3}).log
    assert [len(running) for running in log[:2]] == [3, 1]
    assert (rows.folder(bench.store) / DONE).read_text() == str(6 * SHARD_ROWS)
    with pytest.raises(RobenchError, match="the second time alone"):
        bench.make([tiny_attack("others", 6 * SHARD_ROWS)], 3, deaths={"others": 4})


def test_a_job_whose_process_died_after_its_last_record_is_not_tried_again(bench: Bench) -> None:
    rows, beside, after = tiny_attack("rows", SHARD_ROWS), tiny("beside"), tiny("after", tiny("beside"))
    log = bench.make([rows, beside, after], 2, steps={"beside": 4}, late_deaths={"rows": 1}).log
    assert sum("rows" in running for running in log) == 3, "a shard, the death, and the summary"
    assert (rows.folder(bench.store) / DONE).read_text() == str(SHARD_ROWS) and bench.is_made(after)


@pytest.mark.parametrize("name", ["whole", "rows"])
def test_a_job_whose_process_dies_twice_ends_the_run_with_a_sentence(bench: Bench, name: str) -> None:
    whole, rows = tiny("whole"), tiny_attack("rows", 3 * SHARD_ROWS)
    with pytest.raises(RobenchError, match=f"^{name}: the process that computed it ended unexpectedly twice"):
        bench.make([whole, rows], 2, deaths={name: 2})
    assert not list(bench.store.root.glob("*/.*")) and not list(bench.store.root.glob("*/*/.*"))


@pytest.mark.parametrize(
    ("exit_code", "told"),
    [
        (None, "ended unexpectedly twice, .*possibly ran out of memory"),
        (-9, "ended unexpectedly twice, .*possibly ran out of memory"),
        (-11, "was ended by SIGSEGV twice, .*possibly ran out of memory"),
        (3, "ended itself with exit code 3 twice, .*code in it called os._exit"),
    ],
)
def test_death_with_an_exit_code_is_no_want_of_memory(exit_code: int | None, told: str) -> None:
    assert re.match(told, explain_death(exit_code))
    assert ("memory" in explain_death(exit_code)) == (exit_code != 3)


def test_jobs_whose_machines_are_lost_go_on_beside_others_however_often_that_happens(bench: Bench) -> None:
    whole, rows, other = tiny("whole", training=True), tiny_attack("rows", 4 * SHARD_ROWS), tiny("other")
    deaths = {"whole": 3, "rows": 3}
    executor = bench.make([whole, rows, other], 4, steps={"other": 9}, deaths=deaths, is_machine_lost=True)
    assert not any(deaths.values())
    for title in ("whole", "rows"):
        assert all("other" in running for running in executor.log[1:10] if title in running)
        assert sum(f"{title}: the machine that computed it was lost" in line for line in bench.said) == 3
    assert bench.is_made(whole) and (rows.folder(bench.store) / DONE).read_text() == str(4 * SHARD_ROWS)


def test_a_failure_ends_the_run_and_keeps_what_was_recorded(bench: Bench) -> None:
    attack = tiny_attack("attack", 6 * SHARD_ROWS)
    executor = StepExecutor(bench.context, 2)
    with pytest.raises(RobenchError, match="the encoder folder is gone"):
        stages: list[Stage] = [tiny("broken", deed="fail"), attack]
        Coordinator(bench.folders, executor, bench.context.reporter, threads=1).make(stages, {})
    assert executor.is_closed
    (file,) = attack.folder(bench.store).iterdir()
    assert file.name == "records.jsonl" and len(file.read_bytes().splitlines()) == SHARD_ROWS
    assert bench.make([attack], 1).log == [["attack"]] * 6 + [["attack"]] and bench.is_made(attack)


@pytest.mark.parametrize("slots", [1, 3])
def test_a_failure_of_one_defense_stops_only_what_needs_it(bench: Bench, slots: int) -> None:
    broken, sound = tiny("broken", deed="fail alone"), tiny("sound")
    child, both = tiny_attack("child", SHARD_ROWS, broken), tiny("both", sound, tiny("child of child", broken))
    grandchild, attack = tiny("grandchild", both), tiny_attack("attack", 2 * SHARD_ROWS, sound)
    stages: list[Stage] = [broken, sound, child, both.requires[1], both, grandchild, attack]
    told = "broken: the loss is None. Not made without it: 4 stages."
    with pytest.raises(UnfinishedRunError, match=f"^{re.escape(told)}$"):
        bench.make(stages, slots)
    assert [bench.is_made(stage) for stage in stages] == [False, True, False, False, False, False, True]
    assert f"    {told} What does not need it is made." in bench.said
    assert not list(bench.store.root.glob("*/.*"))


@pytest.mark.parametrize("slots", [1, 3])
def test_a_stage_that_needs_two_which_failed_is_given_up_once(bench: Bench, slots: int) -> None:
    first, second, sound = tiny("first", deed="fail alone"), tiny("second", deed="fail alone"), tiny("sound")
    stages: list[Stage] = [first, second, tiny("both", first, second), sound]
    with pytest.raises(UnfinishedRunError) as failure:
        bench.make(stages, slots)
    told = str(failure.value)
    assert told.startswith("2 stages failed:") and told.count("Not made without it: 1 stage.") == 1
    assert [bench.is_made(stage) for stage in stages] == [False, False, False, True]


def test_several_failures_end_a_run_with_a_sentence_each_and_the_rest_of_them_counted(bench: Bench) -> None:
    stages: list[Stage] = [tiny(f"broken {number}", deed="fail alone") for number in range(5)]
    with pytest.raises(UnfinishedRunError) as failure:
        bench.make(stages, 1)
    assert str(failure.value).splitlines() == [
        "5 stages failed:",
        *(f"- broken {number}: the loss is None." for number in range(3)),
        "and 2 more, which are told above",
    ]
    assert len(bench.said) == 5


def test_an_attack_that_fails_gives_no_more_rows_to_its_other_jobs_and_keeps_theirs(bench: Bench) -> None:
    attack, other = tiny_attack("attack", 9 * SHARD_ROWS), tiny_attack("other", SHARD_ROWS)
    executor = StepExecutor(bench.context, 3, errors={"attack": UnitError("it cannot be built.")})
    (failure,) = Coordinator(bench.folders, executor, bench.context.reporter, threads=1).make([attack, other], {})
    assert str(failure) == "attack: it cannot be built."
    assert bench.is_made(other) and not bench.is_made(attack)
    (file,) = attack.folder(bench.store).iterdir()
    assert file.name == "records.jsonl" and len(file.read_bytes().splitlines()) < 4 * SHARD_ROWS
    bench.make([attack], 1)
    assert (attack.folder(bench.store) / DONE).read_text() == str(9 * SHARD_ROWS), "no row twice"


def test_a_full_disk_under_code_of_others_ends_the_run(bench: Bench) -> None:
    other = tiny("other")
    with pytest.raises(RobenchError, match="No space left") as failure:
        bench.make([tiny("broken", deed="fill disk"), other], 1)
    assert not isinstance(failure.value, UnfinishedRunError) and not bench.is_made(other)


def locked(bench: Bench, stage: Stage, until: int) -> Callable[[int], None]:
    """Hold the lock of a stage from now on to the beginning of a step."""
    lock = Store(bench.store.root).lock(stage.folder(bench.store))
    lock.__enter__()

    def before_step(step: int) -> None:
        if step == until:
            lock.__exit__(None, None, None)

    return before_step


def test_a_stage_that_another_process_makes_is_waited_for_while_others_are_made(bench: Bench) -> None:
    theirs, mine = tiny("theirs", training=True), [tiny(f"mine {number}", deed="nap") for number in range(9)]
    child = tiny("child", theirs)
    ranks, free = {"theirs": 5.0, "child": 4.0}, locked(bench, theirs, until=2)
    log = bench.make([theirs, child, *mine], 2, ranks, before_step=free, steps={"mine 0": 4}).log
    assert log[:2] == [["mine 0", "mine 1"], ["mine 0", "mine 2"]], "the stage that goes first holds nobody up"
    assert log.index(["theirs"]) < len(log) - 3, "once it can begin, it waits for the slots that it needs, and no more"
    assert bench.is_made(child) and all(map(bench.is_made, mine))
    assert bench.said.count("    theirs: another process is making this stage: waiting") == 1


def test_an_attack_is_shared_with_another_process_and_finished_by_whoever_sees_its_end(bench: Bench) -> None:
    attack = tiny_attack("attack", 4 * SHARD_ROWS)
    theirs = attack.share_rows(attack.folder(bench.store))
    theirs.open(lambda path: [])
    taken = theirs.take()

    def before_step(step: int) -> None:
        if step == 1:
            for row in taken:
                theirs.keep(result(row))

    log = bench.make([attack], 2, before_step=before_step).log
    theirs.close()
    found = records.read(attack.folder(bench.store) / "records.jsonl")
    assert found == [result(row) for row in range(4 * SHARD_ROWS)]
    assert (attack.folder(bench.store) / DONE).read_text() == str(4 * SHARD_ROWS), "no row twice"
    assert log[0] == ["attack", "attack"] and sum(map(len, log)) < 8, "theirs is not attacked here as well"


def test_rows_that_another_process_attacks_are_waited_for_and_count_when_they_are_recorded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = tiny_attack("attack", 3 * SHARD_ROWS)
    theirs = attack.share_rows(attack.folder(bench.store))
    theirs.open(lambda path: [])
    taken, done = theirs.take(), list[int]()

    def finish_theirs_at_last(seconds: float) -> None:
        done.append(bench.listener.done)
        if len(done) == 3:
            for row in taken:
                theirs.keep(result(row))
            theirs.close()

    monkeypatch.setattr("robench.study.coordinator.time.sleep", finish_theirs_at_last)
    bench.make([attack], 1)
    assert done == [2 * SHARD_ROWS] * 3 and bench.listener.done == 3 * SHARD_ROWS
    assert bench.said.count("    attack: another process attacks the last rows: waiting") == 1
    assert (attack.folder(bench.store) / DONE).read_text() == str(3 * SHARD_ROWS)
