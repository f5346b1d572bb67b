"""The command line and its function: what is fast, what is listed, what a run says and returns."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import robench as package
from robench.bars import RichReporter, choose_reporter
from robench.console import Console
from robench.errors import RobenchError
from robench.plugins import registry
from robench.progress import PlainReporter, Reporter, SilentReporter, format_duration
from robench.results.store import Store
from robench.study.estimate import Estimator
from robench.study.plan import order_stages
from robench.study.presets import PRESETS
from robench.study.request import Request
from robench.study.stages.attack import SECONDS_PER_EXAMPLE
from robench.study.stages.train import SECONDS_PER_STEP, ModelStage
from support.fresh import HEAVY
from support.runs import rewrite
from support.tiny_job import TASK, TinyJob, robench


def elsewhere(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command line in a fresh process, which then names the heavy modules that it has imported."""
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('heavy:', *[m for m in {HEAVY} if m in sys.modules], file=sys.stderr))\n"
        "from robench.cli import main\nmain()"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        ([], 2),
        (["run", "--help"], 0),
        (["list"], 0),
        (["list", "defenses", "--format", "json"], 0),
        (["table", "5"], 2),
        (["show", "nothing"], 2),
        (["run", "-d", "taichy", "-t", "trec"], 2),
        (["run", "-d", "base", "-t", "trek"], 2),
        (["run", "-d", "base", "-t", "trec", "--plugin", "missing.py"], 2),
        (["run", "-d", "base", "-t", "trec", "--attack-limit", "0"], 2),
        (["run", "-d", "base", "-t", "trec", "--seed", "x"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_needs_no_arithmetic_imports_none(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = elsewhere(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.splitlines()[-1] == "heavy:", done.stderr
    assert not list(tmp_path.iterdir()), "nothing is written either"


def test_it_runs_as_a_module_and_with_nobody_to_read_it() -> None:
    command = f"{sys.executable} -m robench list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("defenses") and done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "robench", "list"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "robench: the output cannot be written: no space left on device.\n")


@pytest.mark.parametrize("command", [["table", "5"], ["show", "mr-taichi-pwws"]], ids=["table", "show"])
def test_a_terminal_without_arrows_gets_question_marks(finished: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robench", *command, "--runs", str(finished)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0 and "taichi" in done.stdout and "?" in done.stdout, done.stderr


def test_everything_that_can_be_named_is_listed() -> None:
    listed = json.loads(robench("list", "--format", "json").stdout)
    assert {kind: [row["name"] for row in listed[kind]] for kind in registry.KINDS} == {
        kind: [entry.pattern for entry in registry.entries(kind)] for kind in registry.KINDS
    }
    assert [row["name"] for row in listed["presets"]] == list(PRESETS)
    assert "minilm" in [row["name"] for row in listed["encoders"]]
    shown = robench("list").stdout
    assert all(row["name"] in shown for section in listed.values() for row in section)
    assert "taichi" not in robench("list", "tasks").stdout


@pytest.mark.parametrize(
    ("name", "section", "option"),
    [
        ("taichi", "defenses", ("temperature", "a number, above 0", "1.0")),
        ("fgm", "defenses", ("norm", "one of linf, l2", "l2")),
        ("pwws", "attacks", ("query_budget", "a whole number, 1 or more, or none", "none")),
        ("textattack", "attacks", ("recipe", "a text", "")),
        ("textattack:LEAP2023", "attacks", ("recipe", "a text", "LEAP2023")),
        ("training", "settings", ("epochs", "a whole number, above 0", "3")),
    ],
)
def test_a_name_is_listed_with_its_options(name: str, section: str, option: tuple[str, str, str]) -> None:
    (row,) = json.loads(robench("list", name, "--format", "json").stdout)[section]
    assert option in [(one["name"], one["values"], one["default"]) for one in row["options"]]
    shown = robench("list", name).stdout
    assert row["name"] in shown and all(one["name"] in shown for one in row["options"])


def test_attack_that_a_defense_names_is_listed_with_it(tmp_path: Path, forget_plugins: None) -> None:
    file = tmp_path / "shield.py"
    file.write_text(
        "import robench\nfrom robench.defenses.base import Base\n\n@robench.register('shield')\nclass Shield(Base):\n"
        "    '''A defense of our own.'''\n    adaptive_attack = 'pwws'\n"
    )
    listed = json.loads(robench("list", "shield", "--plugin", file, "--format", "json").stdout)
    assert listed["defenses"][0]["adaptive_attack"] == "pwws"
    assert "attack made against it, shown in table 5: pwws" in robench("list", "shield").stdout


@pytest.mark.parametrize(
    ("name", "text"), [("trec", "ABBR, ENTY"), ("quick", "train_limit: 500"), ("minilm", "MiniLM")]
)
def test_a_task_preset_or_encoder_is_listed_by_name(name: str, text: str) -> None:
    assert text in robench("list", name).stdout


def planned(job: TinyJob, runs: Path, *more: str, **names: str) -> tuple[int, list[str]]:
    """Stages to do according to ``--dry-run``, and its lines; it does not ask for what the attacks will fetch."""
    shown = robench(*(word for word in job.command(runs, "--dry-run", *more, **names) if word != "--offline"))
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    found = re.match(r"(\d+) stages? to do|nothing to do", lines[-1])
    assert found, shown.stdout
    return int(found[1] or 0), lines


@pytest.mark.parametrize(
    ("defense", "attack", "more", "stages"),
    [
        ("base", "pwws", (), 2),
        ("base,ada", "pwws", (), 5),
        ("base", "pwws", ("-d", "ada"), 5),
        (" base , ada,", "pwws", (), 5),
        ("base,base", "pwws,pwws", ("-d", "base"), 2),
        ("base", "pwws", ("-a", "deepwordbug"), 3),
        ("base", "all", (), len(registry.names("attacks"))),  # one loads code of others, and is left out
        ("base", "pwws", ("--seed", "1,2", "--seed", "3"), 6),
        ("base", "pwws", ("--seed", "1,1"), 2),
        ("base,ada,taichi", "pwws,deepwordbug", (), 13),
    ],
)
def test_lists_are_separated_by_commas_or_repeated(
    tiny_job: TinyJob, tmp_path: Path, defense: str, attack: str, more: tuple[str, ...], stages: int
) -> None:
    runs = tmp_path / "new" / "runs"
    assert planned(tiny_job, runs, *more, defense=defense, attack=attack)[0] == stages
    assert not runs.parent.exists(), "a plan makes no folder"


def steps(rows: int) -> int:
    """Of three epochs over that many rows in the preset of these runs."""
    return -(-rows // PRESETS["quick"].training.batch_size) * 3


def test_a_plan_tells_stages_counts_and_what_is_there(finished: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    names = {"defense": "base,ada", "attack": "pwws,deepwordbug"}
    count, lines = planned(tiny_job, tmp_path / "none", **names)
    assert count == 9
    assert "unknown" in lines[1] and "how long they take is not known" in lines[-1], "an encoder never timed"
    text = "\n".join(lines)
    assert re.search(rf"train base on mr, seed 42 +{steps(20)} steps +to do", text)
    assert re.search(r"attack the training set of mr with pwws, victim base +20 texts +to do", text)
    assert re.search(rf"train ada against pwws on mr, seed 42 +{steps(40)} steps +to do", text)
    assert re.search(r"attack ada on mr with deepwordbug, seed 42 +16 texts +to do", text)

    count, lines = planned(tiny_job, finished, **names)
    assert count == 0 and lines[-1] == "nothing to do: everything is there."
    assert sum("cached" in line for line in lines) == 9

    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    for folder in (*runs.glob("cells/mr-ada-pwws-*"), *runs.glob("models/mr-base-*")):
        shutil.rmtree(folder)
    count, lines = planned(tiny_job, runs, **names)
    assert count == 1 and next(line for line in lines if " to do " in line).startswith("attack ada on mr with pwws")
    assert len([line for line in lines if " not needed " in line]) == 1
    assert planned(tiny_job, runs, "--existing", "always", **names)[0] == 9


def timed(job: TinyJob, **changes: Any) -> Request:
    fixed = {"preset": "quick", "encoder": str(job.encoder), "data": job.data, "precision": "fp32", "offline": True}
    return Request(**{"defense": ["taichi"], "task": [TASK], "attack": ["pwws"], **fixed, **changes})


def set_timing(runs: Path, pattern: str, **timing: float) -> None:
    for file in runs.glob(f"{pattern}/stage.json"):
        rewrite(file, timing=timing)


def test_an_estimate_goes_by_the_median_pace_of_the_same_kind(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    set_timing(runs, "models/*-taichi-pwws-*", seconds=12.0, steps=6)
    set_timing(runs, "models/*-taichi-deepwordbug-*", seconds=24.0, steps=6)
    set_timing(runs, "models/*-base-*", seconds=3.0, steps=6)
    set_timing(runs, "cells/*-pwws-*", seconds=8.0, examples=16)
    set_timing(runs, "adversarial/*-pwws-*", seconds=0.0, examples=0)  # its records were there already
    (cell,) = timed(tiny_job, seed=[7]).stages(SilentReporter())
    seconds = {stage.title: Estimator(Store(runs)).seconds(stage) for stage in order_stages([cell])}
    assert seconds == {
        "train base on mr, seed 7": pytest.approx(steps(20) * 0.5),
        "attack the training set of mr with pwws, victim base": pytest.approx(20 * 0.5),
        "train taichi against pwws on mr, seed 7": pytest.approx(steps(20) * 3.0),
        "attack taichi on mr with pwws, seed 7": pytest.approx(16 * 0.5),
    }


def test_without_history_only_the_bundled_encoder_has_a_pace(tiny_job: TinyJob, tmp_path: Path) -> None:
    from dataclasses import replace

    (cell,) = timed(tiny_job).stages(SilentReporter())
    for stage in order_stages([cell]):
        assert Estimator(Store(tmp_path)).seconds(stage) is None
        encoder = replace(stage.setting.encoder, name="minilm")
        bundled = replace(stage, setting=replace(stage.setting, encoder=encoder))
        passes = 4 if stage.title.startswith("train taichi") else 1
        pace = SECONDS_PER_STEP * passes * steps(20) if isinstance(stage, ModelStage) else 0
        seconds = Estimator(Store(tmp_path)).seconds(bundled)
        assert seconds == pytest.approx(pace or SECONDS_PER_EXAMPLE * len(stage.examples()))  # type: ignore[attr-defined]


def test_the_function_returns_a_row_per_cell_with_the_documented_columns(
    finished: Path, tiny_job: TinyJob, capsys: pytest.CaptureFixture[str]
) -> None:
    table = package.run(
        defense=["base", "taichi"],
        task=TASK,
        attack="pwws",
        preset="quick",
        encoder=str(tiny_job.encoder),
        data=str(tiny_job.data),
        runs=finished,
        precision="fp32",
        offline=True,
        progress=False,
    )
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"warning: 25% of the test texts are longer than 50 tokens .*\n", err)
    loaded = package.load_results(finished, defense=["base", "taichi"], attack="pwws")
    assert loaded.sort_values("key", ignore_index=True).equals(table.sort_values("key", ignore_index=True))
    assert list(table["defense"]) == ["base", "taichi"] and set(table["attack"]) == {"pwws"}
    for row in table.to_dict("records"):
        records = [json.loads(line) for line in Path(row["records"]).read_text(encoding="utf-8").splitlines()]
        count = {status: sum(r["status"] == status for r in records) for status in ("succeeded", "failed", "skipped")}
        assert row["n_attacked"] == row["n_test"] == len(records) == 16
        assert row["accuracy_under_attack"] == count["failed"] / 16
        assert row["clean_accuracy"] == 1 - count["skipped"] / 16
        assert row["attack_success_rate"] == pytest.approx(count["succeeded"] / (16 - count["skipped"]))


def test_the_function_raises_what_the_command_line_says(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match="unknown --existing 'never': there are only-missing"):
        package.run(defense="base", task=TASK, existing="never", runs=tmp_path / "r")  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match="unknown defense 'bass': did you mean base"):
        package.run(defense="bass", task=TASK, runs=tmp_path / "r")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["md", "csv", "json", "latex", "rich"])
def test_a_finished_run_can_be_tabled_and_shown(finished: Path, format: str) -> None:
    shown = robench("table", "5", "--runs", finished, "--format", format)
    assert shown.exit_code == 0 and "taichi" in shown.stdout
    assert robench("show", "mr-taichi-pwws", "--runs", finished).exit_code == 0


def works(reporter: Reporter) -> None:
    reporter.say("mr: rows from [/tmp/x] and [bold]")
    reporter.announce_stage(1, 2, "train base on mr")
    with reporter.track("training", "step") as work:
        for step in range(1, 5):
            work.set_progress(step, 4)
    with reporter.track("attacking", "text", total=5, done=2) as work:
        for outcome in ("failed", "succeeded", "failed"):
            work.advance(1, outcome)


def test_a_log_gets_whole_lines_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    reporter = choose_reporter(Console(file=out, width=60))
    assert isinstance(reporter, PlainReporter)
    works(reporter)
    told = re.sub(r"\d+\.\d (\w+/s)", r"R \1", out.getvalue())
    assert told.splitlines() == [
        "mr: rows from [/tmp/x] and [bold]",
        "[1/2] train base on mr",
        "    training: 4 steps in 0 s, R steps/s",
        "    attacking: 5 texts in 0 s, R texts/s, 2 failed, 1 succeeded",
    ]


def test_a_log_hears_of_long_work_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("robench.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    with PlainReporter(Console(file=out, width=60)).track("attacking", "text", total=100, done=40) as work:
        for _ in range(60):
            now[0] += 1
            work.advance(1, "failed")
    assert out.getvalue().splitlines() == [
        "    attacking: 55 of 100 texts, 1.0 texts/s, 15 failed, 45 s left",
        "    attacking: 70 of 100 texts, 1.0 texts/s, 30 failed, 30 s left",
        "    attacking: 85 of 100 texts, 1.0 texts/s, 45 failed, 15 s left",
        "    attacking: 100 texts in 1 min 00 s, 1.0 texts/s, 60 failed",
    ]


def test_a_terminal_gets_bars_and_keeps_what_is_finished() -> None:
    out = io.StringIO()
    reporter = choose_reporter(Console(file=out, force_terminal=True, width=100))
    assert isinstance(reporter, RichReporter)
    works(reporter)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "mr: rows from [/tmp/x] and [bold]" in plain and "1/2 train base on mr" in plain
    assert "━" in plain and "attacking" in plain and "5/5" in plain
    assert "2 failed, 1 succeeded" in plain.splitlines()[-1]
    assert "\x1b[?25h" in out.getvalue(), "the cursor is shown again"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (8.4, "8 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3600, "1 h 00 min"), (7800, "2 h 10 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_version_of_the_command_is_that_of_the_package_and_needs_no_command() -> None:
    done = robench("--version")
    assert (done.exit_code, done.stdout) == (0, f"robench {package.__version__}\n")
