"""Searches in other processes find what searches in one process find, and leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.engine import Workers, attack_examples, choose_worker_count
from robench.attacking.engine import workers as engine
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textfooler import TextFooler
from robench.errors import RobenchError
from robench.plugins import plugin_files, registry
from robench.results import records
from robench.results.records import Record
from support.odd_attack import Odd
from support.small_victim import SmallVictim
from support.tiny_job import TASK, TinyJob, robench

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(2) as found:
        yield found


def run(attack: Attack, victim: Any, examples: Sequence[tuple[int, str, int]], **options: Any) -> list[Record]:
    found = attack_examples(attack, victim, examples, seed=5, attack_name="a", **options)
    return sorted((replace(record, seconds=0.0) for record in found), key=by_id)


def processes(workers: Workers) -> list[Any]:
    return [process for process, _ in workers._processes]


@pytest.mark.parametrize(
    ("attack", "live"),
    [
        pytest.param(DeepWordBug(), 64, id="deepwordbug"),  # the one of the three that draws random numbers
        pytest.param(PWWS(), 1, id="pwws", marks=pytest.mark.slow),
        pytest.param(TextFooler(), 7, id="textfooler", marks=pytest.mark.slow),
    ],
)
def test_records_are_those_of_one_process(attack: Attack, live: int, victim: SmallVictim, workers: Workers) -> None:
    assert run(attack, victim, victim.examples(), live=live, workers=workers) == run(attack, victim, victim.examples())
    assert all(process.is_alive() for process in processes(workers))


def test_the_processes_stay_for_the_next_attack(victim: SmallVictim, workers: Workers) -> None:
    run(DeepWordBug(), victim, victim.examples()[:3], workers=workers)
    before = [process.pid for process in processes(workers)]
    run(PWWS(), victim, victim.examples()[:3], workers=workers)
    run(PWWS(), victim, [], workers=workers)
    assert [process.pid for process in processes(workers)] == before


def test_an_attack_may_ask_the_model_while_it_is_built(victim: SmallVictim, workers: Workers) -> None:
    assert run(Odd(), victim, victim.examples()[:5], workers=workers) == run(Odd(), victim, victim.examples()[:5])


def write_plugin(folder: Path) -> Path:
    """A file that registers DeepWordBug under another name."""
    path = folder / "mine.py"
    path.write_text(
        "import robench\n"
        "from dataclasses import dataclass\n"
        "from robench.attacks.deepwordbug import DeepWordBug\n"
        "@robench.register('sent-mine')\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(DeepWordBug):\n"
        "    '''Mine.'''\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.usefixtures("forget_plugins")
def test_an_attack_from_a_plug_in_file_is_sent(tmp_path: Path, victim: SmallVictim, workers: Workers) -> None:
    path = write_plugin(tmp_path)
    plugin_files.load_plugin(path)
    attack = registry.entry("attacks", "sent-mine").load()
    examples = victim.examples()[:4]
    assert run(attack, victim, examples, workers=workers) == run(DeepWordBug(), victim, examples)


@pytest.mark.slow
@pytest.mark.usefixtures("forget_plugins")
def test_an_edited_attack_from_a_plug_in_file_is_refused(tmp_path: Path, victim: SmallVictim) -> None:
    path = write_plugin(tmp_path)
    plugin_files.load_plugin(path)
    attack = registry.entry("attacks", "sent-mine").load()
    path.write_text(path.read_text("utf-8") + "    max_words_changed = 0.01\n", encoding="utf-8")
    with Workers(1) as workers, pytest.raises(RobenchError, match="source of a was edited while this process runs"):
        run(attack, victim, victim.examples()[:4], workers=workers)


def test_an_attack_that_fails_on_examples_in_a_worker_records_them(victim: SmallVictim, workers: Workers) -> None:
    records = run(Odd(fails="searching"), victim, victim.examples(), workers=workers)
    assert records == run(Odd(fails="searching"), victim, victim.examples())
    errors = [record for record in records if record.status == "error"]
    assert errors
    assert len(errors) < len(records) == len(victim.examples())
    assert all(r.reason.startswith("ArithmeticError: on purpose (odd_attack.py, line ") for r in errors)


def test_a_model_that_fails_on_a_text_ends_one_search_in_a_worker(victim: SmallVictim, workers: Workers) -> None:
    def failing(texts: Sequence[str]) -> torch.Tensor:
        if "Rain." in texts:
            raise ValueError("no rain")
        return victim(texts)

    records = run(DeepWordBug(), failing, victim.examples(), workers=workers)
    assert records == run(DeepWordBug(), failing, victim.examples())
    assert [record.original for record in records if record.status == "error"] == ["Rain."]


# The next tests end the processes that the others share.


def test_an_attack_that_cannot_be_sent_is_told(victim: SmallVictim, workers: Workers) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(DeepWordBug):
        pass

    with pytest.raises(RobenchError, match=r"a cannot be sent to other processes .*--workers 0"):
        run(Local(), victim, victim.examples()[:2], workers=workers)


@pytest.mark.slow
def test_an_attack_that_cannot_be_built_in_a_worker_is_told(victim: SmallVictim, workers: Workers) -> None:
    with pytest.raises(RobenchError, match="ZeroDivisionError: on purpose"):
        run(Odd(fails="building"), victim, victim.examples(), workers=workers)
    assert not processes(workers)


@pytest.mark.slow
def test_an_interrupt_ends_the_processes_and_a_dead_one_is_told(victim: SmallVictim) -> None:
    calls = iter(range(3))

    def interrupted(texts: Sequence[str]) -> torch.Tensor:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return victim(texts)

    with Workers(1) as workers:
        found = attack_examples(
            PWWS(), interrupted, victim.examples(), seed=5, attack_name="a", live=2, workers=workers
        )
        started = []
        with pytest.raises(KeyboardInterrupt):
            for _ in found:
                started = processes(workers)
        assert not processes(workers)
        assert not any(process.is_alive() for process in started)

        found = attack_examples(PWWS(), victim, victim.examples(), seed=5, attack_name="a", live=2, workers=workers)
        next(found)
        os.kill(processes(workers)[0].pid, signal.SIGKILL)
        with pytest.raises(RobenchError, match=r"a search worker ended unexpectedly.*fewer --workers"):
            list(found)


@pytest.mark.slow
def test_a_script_that_does_not_guard_its_work_is_told(tiny_job: TinyJob, finished: Path, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    (cell,) = runs.glob("cells/[!.]*-base-deepwordbug-*")
    shutil.rmtree(cell)
    given = {"task": TASK, "data": str(tiny_job.data), "encoder": str(tiny_job.encoder), "precision": "fp32"}
    more = {"defense": "base", "attack": "deepwordbug", "preset": "quick", "runs": str(runs), "offline": True}
    script = tmp_path / "unguarded.py"
    script.write_text(f"import robench\nrobench.run(**{given | more}, workers=1)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RobenchError: a script that uses workers needs `if __name__ ==" in done.stderr
    assert "RobenchError: a search worker did not start" in done.stderr


@pytest.mark.slow
def test_the_command_lines_workers_make_the_same_cell(tiny_job: TinyJob, finished: Path, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    (cell,) = runs.glob("cells/[!.]*-base-deepwordbug-*")
    before = sorted((replace(record, seconds=0.0) for record in records.read(cell / "records.jsonl")), key=by_id)
    shutil.rmtree(cell)
    done = robench(*tiny_job.command(runs, "--workers", "1", attack="deepwordbug"))
    assert done.exit_code == 0, done.output
    after = sorted((replace(record, seconds=0.0) for record in records.read(cell / "records.jsonl")), key=by_id)
    assert after == before
    refused = robench(*tiny_job.command(runs, "--workers", "-1"))
    assert (refused.exit_code, "--workers -1 is out of range; it should be 0 or more" in refused.output) == (2, True)
    both = robench(*tiny_job.command(runs, "--workers", "1", "--jobs", "2"))
    assert both.exit_code == 2 and "leave one of the two out" in both.output


def by_id(record: Record) -> int:
    return record.id


def test_workers_are_for_models_that_are_faster_than_the_searches() -> None:
    assert choose_worker_count(None, torch.device("cpu")) == 0
    assert 1 <= choose_worker_count(None, torch.device("cuda")) <= 8
    assert choose_worker_count(3, torch.device("cpu")) == 3


def test_workers_beside_a_gpu_are_as_many_as_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robench.attacking.engine.workers.count_cores", lambda: 4)
    assert choose_worker_count(None, torch.device("cuda")) == 3


def test_a_new_process_runs_no_module_of_the_working_directory_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("multiprocessing", "pickle", "threading"):
        (tmp_path / f"{name}.py").write_text(planted, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with engine._worker_environment():
        process = multiprocessing.get_context("spawn").Process(target=os.getpid)
        process.start()
        process.join()
    assert (process.exitcode, (tmp_path / "ran").exists()) == (0, False)
