"""A function that is named on the command line."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from robench.report.tables import accuracy_table
from robench.results.info import CellInfo, ModelInfo
from robench.results.info_parts import Clean
from robench.results.store import Store
from support.processes import Processes
from support.refusals import told
from support.runs import TEXTS, attacked, cells, comparable, everything, lines, rewrite, snapshot
from support.tiny_job import TASK, VERDICTS, TinyJob, robench, write_data
from support.victims import given


def test_a_function_gets_a_cell_a_row_and_a_page(counting: Path, options: list[str], tmp_path: Path) -> None:
    done = robench("attack", "--model", "counting:scores", "--name", "count+1", *options)
    assert done.exit_code == 0, done.output
    assert "warning" not in done.stderr
    ((key, cell),) = cells(tmp_path / "runs").items()
    assert key == ("count+1", "pwws") and cell.info.warnings == ()
    assert cell.info.clean == Clean(correct=16, n=16, majority=8)
    found = attacked(cell)
    assert {record.status for record in found} == {"succeeded", "failed"}
    for record in found:
        bad, good = (sum(w in group for w in record.final.lower().split()) for group in VERDICTS)
        (expected,) = [1 / (1 + math.exp(1.5 * good - bad - 0.25))]
        assert record.probabilities_after == pytest.approx([expected, 1 - expected])
    shown = robench("table", "5", "--runs", tmp_path / "runs").stdout
    assert re.search(r"count\+1 § +100\.0 \(81.100\) +\d+\.\d", shown), shown
    page = robench("show", cell.key, "--runs", tmp_path / "runs").stdout
    assert "counting:scores (Python function)" in page
    assert "your own model" in robench("show", cell.info.model, "--runs", tmp_path / "runs").stdout


def test_without_progress_notes_and_warnings_reach_the_user_each_time(
    counting: Path, tiny_job: TinyJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / TASK).mkdir(parents=True)
    for split in ("train", "test"):  # and no dev, which a note tells
        shutil.copy(tiny_job.data / TASK / f"{split}.tsv", tmp_path / "data" / TASK)
    warning = "the model's scores are probabilities"
    for _ in ("made", "used again"):
        table = given("counting:probabilities", tiny_job, tmp_path, data=tmp_path / "data")
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert out == "" and len(lines) == 2
        assert lines[0].startswith(f"note on {TASK}: no dev split: 2 rows of train")
        assert lines[1].startswith(f"warning: {warning}")
        assert table["warnings"][0].startswith(warning) and table["notes"][0].startswith("no dev split")


def test_a_second_run_makes_nothing(counting: Path, options: list[str], tmp_path: Path) -> None:
    assert robench("attack", "--model", "counting:scores", *options).exit_code == 0
    before = snapshot(tmp_path / "runs")
    planned = robench("attack", "--model", "counting:scores", *options, "--dry-run")
    assert "nothing to do" in planned.stdout
    again = robench("attack", "--model", "counting:scores", "--name", "other", *options)
    assert again.exit_code == 0 and "[1/" not in again.stderr
    assert "the same model was attacked before as scores, and keeps that name" in again.stderr
    assert snapshot(tmp_path / "runs") == before


def test_a_plan_goes_by_the_pace_of_the_same_model(counting: Path, options: list[str], tmp_path: Path) -> None:
    assert robench("attack", "--model", "counting:scores", *options).exit_code == 0
    for kind, unit in (("models", "texts"), ("cells", "examples")):
        (file,) = (tmp_path / "runs").glob(f"{kind}/*/stage.json")
        info = json.loads(file.read_bytes())
        assert info["timing"][unit] == 16
        rewrite(file, timing={"seconds": 32.0, unit: 16})
    again = robench("attack", "--model", "counting:scores", *options, "--dry-run", "--existing", "always")
    assert re.search(r"2 stages to do, one after the other about 1 min", again.stdout), again.stdout


def test_the_commands_of_a_table_make_its_missing_cells(counting: Path, options: list[str], tmp_path: Path) -> None:
    runs, given = tmp_path / "runs", [word for word in options if word not in ("--attack", "pwws")]
    command = ["attack", "--model", "counting:scores", "--name", "count", "--version", "2", *given]
    for attack, seed in (("pwws", "1"), ("deepwordbug", "2")):
        assert robench(*command, "--attack", attack, "--seed", seed, "--attack-limit", "4").exit_code == 0
    table = accuracy_table(Store(runs).stages(CellInfo), command_options=["--runs", str(runs)])
    assert len(table.commands) == 2
    for line in table.commands:
        done = robench(*shlex.split(line)[1:], "--offline")
        assert done.exit_code == 0, done.output
    found = Store(runs).stages(CellInfo)
    assert len(found) == 4 and len(Store(runs).stages(ModelInfo)) == 1 and not accuracy_table(found).commands


def test_a_dry_run_leaves_nothing(counting: Path, options: list[str], tmp_path: Path) -> None:
    done = robench("attack", "--model", "counting:scores", *options, "--dry-run")
    assert done.exit_code == 0 and "unknown" in done.stdout and "how long they take is not known yet." in done.stdout
    assert re.search(r"check scores on the test texts of mr +16 test texts +to do", done.stdout)
    assert re.search(r"attack scores on mr with pwws, seed 42 +16 texts +to do", done.stdout)
    assert not (tmp_path / "runs").exists()
    assert "none of these cells is in" in told(
        robench("attack", "--model", "counting:scores", *options, "--existing", "only-cache")
    )


def test_scores_come_in_many_forms(counting: Path, options: list[str], tmp_path: Path) -> None:
    functions = ("scores", "arrays", "tensors", "rows", "scorer", "scorer.score", "probabilities")
    for function in functions:
        assert robench("attack", "--model", f"counting:{function}", *options).exit_code == 0
    found = cells(tmp_path / "runs")
    expected = comparable(attacked(found["scores", "pwws"]))
    for function in functions:
        assert comparable(attacked(found[function.rpartition(".")[2], "pwws"])) == expected, function


def test_a_function_whose_weights_changed_is_not_mistaken_for_what_it_was(
    counting: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["attack", "--model", "counting:scores", *options]
    assert robench(*command).exit_code == 0
    import counting as module  # type: ignore[import-not-found]

    monkeypatch.setattr(module, "GOOD", ("superb",))
    before = snapshot(tmp_path / "runs")
    assert "does not score the test texts as it did" in told(robench(*command))
    assert snapshot(tmp_path / "runs") == before
    assert robench(*command, "--version", "2").exit_code == 0
    assert len(Store(tmp_path / "runs").stages(ModelInfo)) == 2


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [(signal.SIGINT, 130, "continues from there"), (signal.SIGKILL, -9, "")],
    ids=["interrupted", "killed"],
)
def test_an_attack_stopped_in_the_middle_goes_on_where_it_stopped(
    number: signal.Signals,
    code: int,
    sentence: str,
    processes: Processes,
    counting: Path,
    tmp_path: Path,
) -> None:
    data = write_data(tmp_path / "data", train=4, dev=4, test=TEXTS)
    fixed = ["attack", "--model", "counting:scores", "--task", TASK, "--data", data, "--preset", "quick", "--offline"]
    fixed += ["--attack", "pwws", "--attack-limit", TEXTS, "--runs"]
    runs = tmp_path / "runs"
    started = processes.start(*fixed, runs, folder=counting)
    assert started.signal_when(lambda: lines(runs) >= TEXTS // 10, number) == code
    assert sentence in started.stderr and "Traceback" not in started.stderr
    assert TEXTS // 10 <= lines(runs) < TEXTS and not Store(runs).stages(CellInfo)
    again = robench(*fixed, runs)
    assert again.exit_code == 0 and "[1/1] attack" in again.stderr, again.output
    assert robench(*fixed, tmp_path / "undisturbed").exit_code == 0
    assert everything(runs) == everything(tmp_path / "undisturbed")


def test_a_function_that_fails_on_attacked_texts_gets_a_cell_without_a_number(
    counting: Path, options: list[str], tmp_path: Path
) -> None:
    done = robench("attack", "--model", "counting:fails_later", *options)
    assert done.exit_code == 0, done.output
    (cell,) = cells(tmp_path / "runs").values()
    assert {record.status for record in attacked(cell)} == {"error"}
    assert all("day" not in record.failed_text for record in attacked(cell))
    assert all(record.reason.startswith("ValueError: what day? (counting.py, line ") for record in attacked(cell))
    assert "—, 16 errors !" in done.stdout
    assert "16 of 16 texts ended in an error and count on no side, such as row 0: ValueError: what day?" in done.stderr


def test_a_function_that_fails_on_one_clean_text_is_told_with_this_text(counting: Path, options: list[str]) -> None:
    done = robench("attack", "--model", "counting:fails_on_one", *options)
    assert done.exit_code == 2
    assert re.search(
        r"counting:fails_on_one \(.*\) failed on '[^']* on day 30 [^']*': .*: ValueError: not day 30", told(done)
    )
