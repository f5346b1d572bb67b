"""Whole runs on a tiny task: what is written, found again, interrupted, killed, starved and shared."""

from __future__ import annotations

import errno
import json
import re
import shutil
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from safetensors.numpy import load_file

from robench.results.find_stage import find_stage
from robench.results.info import AdversarialInfo, CellInfo, ModelInfo
from robench.results.info_parts import Clean
from robench.results.outcome import summarise
from robench.results.store import Store, StoredStage
from support.processes import Processes, Run
from support.runs import TEXTS, attacked, cells, everything, left_behind, lines, snapshot
from support.tiny_job import TASK, TinyJob, robench, write_data

DEFENSES, ATTACKS = ("base", "ada", "taichi"), ("pwws", "deepwordbug")


def take_away(runs: Path, *patterns: str) -> None:
    for pattern in patterns:
        for folder in runs.glob(pattern):
            if folder.is_dir():
                shutil.rmtree(folder)


def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "runs"))


def test_a_run_leaves_a_cell_for_every_defense_and_attack(finished: Path) -> None:
    assert set(cells(finished)) == {(defense, attack) for defense in DEFENSES for attack in ATTACKS}
    kinds = Counter(path.parent.name for path in finished.glob("*/[!.]*"))
    assert kinds == {"models": 5, "adversarial": 2, "cells": 6}
    assert list(finished.glob("*/.*")) == []


def test_records_tell_what_the_summary_tells(finished: Path, tiny_job: TinyJob) -> None:
    test_rows = (tiny_job.data / TASK / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    stages: list[StoredStage[Any]] = [*Store(finished).stages(CellInfo), *Store(finished).stages(AdversarialInfo)]
    for stage in stages:
        found = attacked(stage)
        assert stage.info.attacked == summarise(found)
        assert stage.info.files["records.jsonl"].bytes == (stage.folder / "records.jsonl").stat().st_size
        if stage.info.kind == "cells":
            assert [f"{record.original}\t{record.label}" for record in found] == test_rows


def test_both_outcomes_and_wrong_texts_occur(finished: Path) -> None:
    """Or the other tests here would prove little."""
    statuses = Counter(record.status for stage in cells(finished).values() for record in attacked(stage))
    assert set(statuses) == {"succeeded", "failed", "skipped"}


def test_a_cell_skips_exactly_what_its_model_has_wrong_on_clean_text(finished: Path) -> None:
    for stage in cells(finished).values():
        model = find_stage(Store(finished), stage.info.model)
        lines = (model.folder / "clean.jsonl").read_text(encoding="utf-8").splitlines()
        wrong = {row["id"] for row in map(json.loads, lines) if not row["correct"]}
        assert {record.id for record in attacked(stage) if record.status == "skipped"} == wrong
        labels = [json.loads(line)["label"] for line in lines]
        clean = Clean(correct=len(lines) - len(wrong), n=len(lines), majority=max(map(labels.count, labels)))
        assert stage.info.clean == clean == model.info.clean


def test_defenses_share_base_and_the_adversarial_training_sets(finished: Path) -> None:
    base = next(stage for stage in Store(finished).stages(ModelInfo) if stage.info.defense.name == "base")
    sets = {stage.info.attack.name: stage for stage in Store(finished).stages(AdversarialInfo)}
    assert {stage.info.model for stage in sets.values()} == {base.key}
    for (defense, attack), stage in cells(finished).items():
        assert stage.info.adversarial == (None if defense == "base" else sets[attack].key)


def test_a_model_says_what_its_training_and_its_predictions_cost(finished: Path) -> None:
    for stage in Store(finished).stages(ModelInfo):
        info, rows = stage.info, stage.info.rows
        assert info.timing is not None and info.timing.forwards is not None and rows is not None
        texts = info.training["epochs"] * rows.training
        passes = {"base": 1, "ada": 1, "taichi": 4}[info.defense.name]
        assert info.timing.forwards == info.timing.backwards == passes * texts
        assert info.timing.inference_seconds is not None and 0 < info.timing.inference_seconds < 60
        weights = load_file(stage.folder / "model.safetensors").values()
        assert info.parameters == sum(weight.size for weight in weights) != 0


def test_a_second_run_does_nothing(finished: Path, tiny_job: TinyJob) -> None:
    before = snapshot(finished)
    again = robench(*tiny_job.command(finished, defense=",".join(DEFENSES), attack=",".join(ATTACKS)))
    assert again.exit_code == 0 and "taichi" in again.stdout
    assert "[1/" not in again.stderr
    assert snapshot(finished) == before


def test_a_run_that_lacks_nothing_deletes_the_lock_of_one_that_was_killed_when_its_last_stage_was_whole(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = copied(finished, tmp_path)
    cell = next(iter(cells(runs).values())).folder
    lock = cell.with_name(f".{cell.name[-16:]}.lock")
    lock.touch()
    done = robench(*tiny_job.command(runs, defense="base", attack="deepwordbug"))
    assert done.exit_code == 0 and not lock.exists(), done.output


def test_run_on_a_read_only_store_that_lacks_nothing_shows_its_table(
    finished: Path, tiny_job: TinyJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("robench.disk.tempfile.TemporaryFile", refuse)
    shown = robench(*tiny_job.command(finished, defense="base,taichi", attack="pwws"))
    assert shown.exit_code == 0 and "taichi" in shown.stdout
    more = robench(*tiny_job.command(finished, defense="base", attack="pwws"), "--seed", "7")
    assert more.exit_code == 2 and "cannot write" in more.stderr and "read-only" in more.stderr


@pytest.mark.parametrize(
    ("gone", "stages"),
    [
        pytest.param(["models"], 0, id="models of finished cells do not matter"),
        pytest.param(["models", "adversarial"], 0, id="nor do adversarial training sets"),
        pytest.param(["cells/*-base-pwws-*"], 1, id="a cell is attacked again with the model that is there"),
        pytest.param(["cells/*-base-pwws-*", "models/*-base-*"], 2, id="and with a new one where it is not"),
        pytest.param(["cells/*-ada-pwws-*", "models/*-base-*", "models/*-ada-pwws-*"], 2, id="D_adv needs no Base"),
        pytest.param(["cells/*-ada-pwws-*", "models", "adversarial/*-pwws-*"], 4, id="a cell may need the whole way"),
    ],
)
def test_only_what_is_missing_and_needed_is_made(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, gone: list[str], stages: int
) -> None:
    runs = copied(finished, tmp_path)
    take_away(runs, *gone)
    again = robench(*tiny_job.command(runs, defense=",".join(DEFENSES), attack=",".join(ATTACKS)))
    assert again.exit_code == 0
    assert again.stderr.count(f"/{stages}] ") == stages and ("[1/" in again.stderr) == bool(stages)
    assert {k: v for k, v in everything(runs).items() if "cells" in k} == {
        k: v for k, v in everything(finished).items() if "cells" in k
    }


def test_only_cache_shows_what_is_there_and_makes_nothing(finished: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    runs = copied(finished, tmp_path)
    take_away(runs, "cells/*-taichi-*")
    before = snapshot(runs)
    shown = robench(*tiny_job.command(runs, "--existing", "only-cache", defense="base,taichi", attack="pwws"))
    assert shown.exit_code == 0 and "base" in shown.stdout and "taichi" not in shown.stdout
    none = robench(*tiny_job.command(runs, "--existing", "only-cache", defense="taichi", attack="pwws"))
    assert none.exit_code == 2 and "none of these cells" in none.stderr
    assert snapshot(runs) == before


def test_always_makes_all_of_it_again_with_the_same_results(finished: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    runs = copied(finished, tmp_path)
    before = snapshot(runs)
    again = robench(*tiny_job.command(runs, "--existing", "always", defense="base,ada", attack="pwws"))
    assert again.exit_code == 0 and "[5/5]" in again.stderr
    redone = {name for name, state in snapshot(runs).items() if before[name] != state}
    assert {name.rpartition("-")[0] for name in redone if name.endswith("stage.json")} == {
        f"models/{TASK}-base-seed42",
        f"adversarial/{TASK}-pwws-seed42",
        f"models/{TASK}-ada-pwws-seed42",
        f"cells/{TASK}-base-pwws-seed42",
        f"cells/{TASK}-ada-pwws-seed42",
    }
    assert everything(runs) == everything(finished)


@pytest.fixture(scope="module")
def long_job(tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> TinyJob:
    """As many texts as give time to stop in the middle."""
    return replace(tiny_job, data=write_data(tmp_path_factory.mktemp("long"), train=16, dev=4, test=TEXTS))


@pytest.fixture(scope="module")
def undisturbed(long_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed") / "runs"
    assert robench(*long_job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug")).exit_code == 0
    return runs


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        pytest.param(signal.SIGINT, 130, "continues from there", id="interrupted"),
        pytest.param(signal.SIGKILL, -9, "", id="killed", marks=pytest.mark.slow),
    ],
)
def test_an_attack_stopped_in_the_middle_goes_on_where_it_stopped(
    processes: Processes,
    long_job: TinyJob,
    undisturbed: Path,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    told: str,
) -> None:
    runs = tmp_path / "runs"
    started = processes.start(*long_job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug"))
    assert started.signal_when(lambda: lines(runs) >= TEXTS // 10, number) == code
    assert told in started.stderr and "Traceback" not in started.stderr
    (file,) = runs.glob("cells/*/records.jsonl")
    first = [json.loads(line)["id"] for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    assert TEXTS // 10 <= len(first) < TEXTS
    assert not Store(runs).stages(CellInfo), "an unfinished cell does not count as one"

    again = robench(*long_job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug"))
    assert again.exit_code == 0 and "[1/1] attack" in again.stderr
    ids = [json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert ids[: len(first)] == first and sorted(ids) == list(range(TEXTS)), "each text is attacked once"
    (stage,) = Store(runs).stages(CellInfo)
    assert stage.info.timing is not None and stage.info.timing.examples == TEXTS
    assert everything(runs) == everything(undisturbed)


def test_a_line_torn_by_a_crash_is_attacked_again(
    long_job: TinyJob, undisturbed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = copied(undisturbed, tmp_path)
    (cell,) = runs.glob("cells/mr-*")
    (cell / "stage.json").unlink()
    file = cell / "records.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    again = robench(*long_job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug"))
    assert again.exit_code == 0 and f"attacking: {TEXTS} texts" in again.stderr
    assert everything(runs) == everything(undisturbed)


def test_a_kill_during_training_leaves_no_half_model_and_no_lock(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path
) -> None:
    job = replace(tiny_job, data=write_data(tmp_path / "data", train=240, dev=8, test=4))
    runs = tmp_path / "runs"
    started = processes.start(*job.command(runs))
    assert started.signal_when(lambda: any(runs.glob("models/.*.lock")), signal.SIGKILL) == -9
    assert not list(runs.glob("models/[!.]*"))
    (left,) = runs.glob("models/.*.lock")
    with FileLock(left, timeout=0):
        pass
    half = left.with_name(f".{TASK}-base-seed42-{left.stem.removeprefix('.')}.abcd")
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert robench(*job.command(runs)).exit_code == 0
    assert not half.exists(), "what a killed process was writing is swept up"


@pytest.mark.slow
def test_two_processes_on_one_folder_make_each_stage_once_and_agree(
    processes: Processes, finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    command = tiny_job.command(tmp_path / "runs", defense="base,ada", attack="pwws")
    both = [processes.start(*command) for _ in range(2)]
    assert [run.wait() for run in both] == [0, 0], [run.stderr for run in both]
    told = [f"{run.stderr}" for run in both]
    assert any("another process is making this stage: waiting" in text for text in told)
    # What is finished; a slow machine shows lines before that.
    assert sum(len(re.findall(r" training: \d+ steps in ", text)) for text in told) == 2
    assert sum(len(re.findall(r" attacking: \d+ texts in ", text)) for text in told) >= 3, "attacks may be shared"
    assert both[0].stdout == both[1].stdout
    made = everything(tmp_path / "runs")
    assert len(made) == 3 and made.items() <= everything(finished).items()


def starved(processes: Processes, job: TinyJob, runs: Path, largest: int) -> Run:
    command = job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug")
    return processes.start(*command, largest_file=largest)


@pytest.mark.parametrize(
    ("largest", "stage"),
    [
        pytest.param(3, "runs", id="not one byte can be written"),
        pytest.param(400, "models", id="in the middle of the configuration"),
        pytest.param(2_500, "models", id="in the middle of the tokenizer"),
        pytest.param(50_000, "models", id="in the middle of the weights"),
    ],
)
def test_a_disk_that_fills_up_leaves_nothing_half_written(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path, largest: int, stage: str
) -> None:
    runs = tmp_path / "runs"
    started = starved(processes, tiny_job, runs, largest)
    assert started.wait() == 2
    message = started.stderr.splitlines()[-1]
    assert message.startswith(f"robench: cannot write {runs}") and stage in message and "too large" in message
    assert "Traceback" not in started.stderr
    assert left_behind(runs) == []


def test_a_disk_that_fills_up_during_an_attack_keeps_what_is_known(
    processes: Processes, long_job: TinyJob, undisturbed: Path, tmp_path: Path
) -> None:
    runs = copied(undisturbed, tmp_path)
    (cell,) = runs.glob("cells/mr-*")
    take_away(runs, "cells/mr-*")
    started = starved(processes, long_job, runs, 5_000)
    assert started.wait() == 2
    assert f"cannot write {cell / 'records.jsonl'}" in started.stderr and "Traceback" not in started.stderr
    assert 5 < lines(runs) < TEXTS
    assert robench(*long_job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug")).exit_code == 0
    assert everything(runs) == everything(undisturbed)


def test_more_tokens_than_positions_are_refused_before_anything_is_loaded(tiny_job: TinyJob, tmp_path: Path) -> None:
    no_data = replace(tiny_job, data=tmp_path)
    refused = robench(*no_data.command(tmp_path / "runs", "--set", "training.max_length=65"))
    assert refused.exit_code == 2 and "Traceback" not in refused.stderr
    assert "room for 64 tokens, and training.max_length is 65" in " ".join(refused.stderr.split())
    assert not (tmp_path / "runs" / "models").exists()


def test_a_window_that_cuts_many_texts_is_told_stored_and_in_the_table(tiny_job: TinyJob, tmp_path: Path) -> None:
    done = robench(*tiny_job.command(tmp_path / "runs", "--set", "training.max_length=8", "--attack-limit", "2"))
    assert done.exit_code == 0, done.output
    sentence = "of the test texts are longer than 8 tokens and are cut there"
    (cell,) = cells(tmp_path / "runs").values()
    (warning,) = cell.info.warnings
    assert sentence in warning and "--set training.max_length=N" in warning
    assert f"warning: {warning}" in done.stderr
    shown = " ".join(robench("table", "5", "--runs", tmp_path / "runs").stdout.split())
    assert f"Note: base on {TASK}: warning: " in shown and sentence in shown
