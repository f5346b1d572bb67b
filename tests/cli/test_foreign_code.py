"""Code of others that ends the program or changes the working directory neither counts as success nor moves results."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import robench as python
from robench.errors import RobenchError
from robench.plugins import registry
from support.refusals import told
from support.runs import left_behind
from support.tiny_job import TASK, TinyJob, robench

pytestmark = pytest.mark.usefixtures("forget_plugins")

DEFENSE = """import sys
from dataclasses import dataclass
import robench

@robench.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Defense):
    def loss(self, networks, batch):
        {}
"""
ATTACK = """import sys
from dataclasses import dataclass
import robench

@robench.register("mya")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Attack):
    uses = {uses}
    def {method}:
        {body}
    {more}
"""
BUILD = "def build(self, victim): pass"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("sys.exit(0)", r"the defense mine failed at step 1: .*plug\.py, line 9: SystemExit: 0"),
        ("return None", r"the loss of the defense mine \(.*plug\.py, line 8\) is None"),
        (
            "return {}\n    place: object = __import__('pathlib').Path()",
            r"plug\.py, line 5, cannot be used: its field place is PosixPath\(.*\), not a text, a number",
        ),
        (
            "raise ValueError('x')",
            r"the defense mine failed at step 1: .*plug\.py, line 9: ValueError: x\. Not made.*: 1 stage\.$",
        ),
        (
            "batch.texts['input_ids'][0, 0] = 99999; return {'ce': networks[0](batch.texts).logits.sum()}",
            r"the defense mine failed at step 1: .*plug\.py, line 9: the encoder BertModel .* failed .*: IndexError",
        ),
        (
            "return {'ce': networks[0](batch.texts).logits.sum() * float('nan')}",
            r"diverged at step 1 in the defense mine \(.*plug\.py, line 8\): the loss term ce .* mend the loss",
        ),
    ],
)
def test_a_defense_that_exits_or_fails_is_a_sentence_and_leaves_nothing(
    tiny_job: TinyJob, tmp_path: Path, body: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plugin = tmp_path / "plug.py"
    plugin.write_text(DEFENSE.format(body), encoding="utf-8")
    done = robench(*tiny_job.command(tmp_path / "runs", "--plugin", "plug.py", defense="mine"))
    assert re.search(sentence, told(done)), done.stderr
    if "failed at step 1" in sentence:
        assert "training: 0 steps" not in done.stderr and f"{plugin}, line 9" in done.stderr.replace('"', "")
        assert f"--plugin {plugin}" in robench("status", "--runs", "runs").stdout
    assert left_behind(tmp_path / "runs") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys\nsys.exit(0)\n", r"plug\.py failed: line 2: SystemExit: 0"),
        (
            "import sys\nfrom robench.task import Task\nimport robench\n"
            "robench.register('myt', Task(labels=('a', 'b'), index=lambda offline: sys.exit(0)))\n",
            r"the task's function that reads the package index \(.*plug\.py, line 4\) failed: line 4: SystemExit: 0",
        ),
        (ATTACK.format(uses='("glove",)', method="build(self, victim)", body="pass", more=""), "uses has 'glove'"),
    ],
    ids=["registration", "task", "uses"],
)
def test_a_plugin_that_exits_or_names_unknown_data_is_a_sentence(
    tiny_job: TinyJob, tmp_path: Path, text: str, sentence: str
) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(text, encoding="utf-8")
    attack, task = ("mya" if "mya" in text else "pwws"), ("myt" if "myt" in text else TASK)
    options = ["--encoder", tiny_job.encoder, "--preset", "quick", "--offline", "--runs", tmp_path / "runs"]
    data = [] if task == "myt" else ["--data", tiny_job.data]
    done = robench("run", "-d", "base", "-t", task, "-a", attack, "--plugin", plugin, *options, *data)
    assert re.search(sentence, told(done)), done.stderr
    assert left_behind(tmp_path / "runs") == []


FUNCTIONS = """import os, sys

def scores(texts):
    return [[float("fine" in text), 0.5] for text in texts]

class Exiting(list):
    def __iter__(self):
        sys.exit(0)

def exits_when_read(texts):
    return Exiting(scores(texts))

def moves(texts):
    os.chdir({elsewhere!r})
    return scores(texts)

def interrupts(texts):
    raise KeyboardInterrupt
"""


@pytest.fixture
def here(tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data and a module of functions, one of which goes elsewhere."""
    folder, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(tiny_job.data, folder / "data")
    (folder / f"f_{tmp_path.name}.py").write_text(FUNCTIONS.format(elsewhere=str(elsewhere)), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def options(here: Path, function: str) -> list[str]:
    (module,) = here.glob("f_*.py")
    fixed = ["--task", TASK, "--data", "data", "--preset", "quick", "--offline", "--attack-limit", "2"]
    label_order = ["--label-order", "0,1"]
    return ["--model", f"{module.stem}:{function}", "--attack", "deepwordbug", *fixed, *label_order]


@pytest.mark.parametrize(
    ("method", "body", "sentence"),
    [
        ("build(self, victim)", "pass", r"the attack Mine \(.*\) built a NoneType, not a textattack.Attack; perhaps"),
        (
            "build(self, victim)",
            "sys.exit(0)",
            r"the attack Mine failed before its first text: .*, line 10: SystemExit: 0",
        ),
        ("prepare(self, *, offline=False)", "sys.exit(0)", r"plug\.py, line 10 ended the program \(SystemExit: 0\)"),
        ("identity(self)", "sys.exit(0)", r"plug\.py, line 10 ended the program \(SystemExit: 0\)"),
    ],
)
def test_an_attack_that_exits_is_a_sentence_and_makes_no_cell(
    here: Path, method: str, body: str, sentence: str
) -> None:
    more = "" if "build" in method else BUILD
    text = ATTACK.format(uses='("stopwords",)', method=method, body=body, more=more)
    (here / "plug.py").write_text(text, encoding="utf-8")
    words = [word.replace("deepwordbug", "mya") for word in options(here, "scores")]
    done = robench("attack", *words, "--plugin", "plug.py")
    assert re.search(sentence, told(done)), done.stderr
    assert not [path for path in (here / "runs").glob("cells/*-mya-*") if path.is_dir() and left_behind(path)]


def test_a_function_whose_scores_exit_when_they_are_read_is_a_sentence(here: Path) -> None:
    done = robench("attack", *options(here, "exits_when_read"))
    assert re.search(r"f_.*:exits_when_read .*failed on \d+ texts, .*: SystemExit: 0", told(done)), done.stderr
    assert left_behind(here / "runs") == []


def test_an_interrupt_in_a_function_is_an_interrupt(here: Path) -> None:
    done = robench("attack", *options(here, "interrupts"))
    assert done.exit_code == 130 and "interrupted" in done.stderr


def test_a_function_that_changes_the_working_directory_moves_no_results(here: Path) -> None:
    for _ in range(2):  # the second time, everything is there
        done = robench("attack", *options(here, "moves"))
        assert done.exit_code == 0, done.output
        assert len(list((here / "runs" / "cells").glob("*/records.jsonl"))) == 1
        assert list((here.parent / "elsewhere").iterdir()) == []
        os.chdir(here)


def test_a_plugin_that_changes_the_working_directory_moves_no_data(here: Path) -> None:
    (here / "plug.py").write_text(
        f"import os\n{DEFENSE.format('pass')}\nos.chdir({str(here.parent / 'elsewhere')!r})\n", encoding="utf-8"
    )
    done = robench("attack", *options(here, "scores"), "--plugin", "plug.py")
    assert done.exit_code == 0, done.output
    assert (here / "runs" / "cells").is_dir() and not (here.parent / "elsewhere" / "runs").exists()


def test_attack_model_a_function_that_moves_or_exits_is_treated_alike_in_python(here: Path) -> None:
    def moves(texts: list[str]) -> list[list[float]]:
        os.chdir(here.parent / "elsewhere")
        return [[float("fine" in text), 0.5] for text in texts]

    shared: dict[str, Any] = {
        "task": TASK,
        "attack": "deepwordbug",
        "preset": "quick",
        "attack_limit": 2,
        "offline": True,
    }
    frame = python.attack_model(moves, data="data", progress=False, label_order=[0, 1], **shared)
    assert Path(frame["records"][0]).is_relative_to(here / "runs")
    os.chdir(here)
    with pytest.raises(RobenchError, match="SystemExit: 0"):
        python.attack_model(lambda texts: sys.exit(0), name="exits", data="data", progress=False, **shared)


FAILING = """import sys
from dataclasses import dataclass
import robench
print("the plug-in prints")

@robench.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Defense):
    network_count = property(lambda self: {count})
    def loss(self, networks, batch): pass
"""


def test_a_plugin_that_fails_is_a_sentence_with_its_own_frames_and_all_with_traceback(tmp_path: Path) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(FAILING.format(count="1 / 0"), encoding="utf-8")
    done = robench("list", "mine", "--plugin", plugin)
    assert re.search(r"defense mine from .*plug\.py failed: line 9: ZeroDivisionError: division by zero\.$", told(done))
    frames = done.stderr.partition("by zero.\n")[2]
    assert "network_count = property(lambda self: 1 / 0)" in frames
    assert set(re.findall('File "(.*?)"', frames)) == {str(plugin)}
    everything = robench("list", "mine", "--plugin", plugin, "--traceback")
    assert everything.exit_code == 2 and everything.stdout == ""
    assert "Traceback (most recent call last)" in everything.stderr and "contract.py" in everything.stderr


@pytest.mark.parametrize(
    "line",
    ["print('again')", "sys.stdout.close()", "sys.stdout = None", "sys.stderr = None"],
)
def test_what_a_plugin_prints_or_does_to_the_streams_leaves_stdout_as_it_is(tmp_path: Path, line: str) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(FAILING.format(count="1"), encoding="utf-8")
    expected = robench("list", "mine", "--plugin", plugin, "--format", "json")
    assert "the plug-in prints" in expected.stderr and "the plug-in prints" not in expected.stdout
    plugin.write_text(f"{FAILING.format(count='1')}\n{line}\n", encoding="utf-8")
    assert robench("list", "mine", "--plugin", plugin, "--format", "json").stdout == expected.stdout


def test_code_outside_of_any_boundary_is_blamed_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robench.cli import listing

    plugin = tmp_path / "plug.py"
    text = FAILING.format(count="1").replace("def loss", "fails = lambda: {}['x']\n    def loss")
    plugin.write_text(text, encoding="utf-8")
    monkeypatch.setattr(listing, "show", lambda *_: vars(registry.entry("defenses", "mine").target)["fails"]())
    done = robench("list", "--plugin", plugin)
    assert re.search(r"the defense mine failed: .*plug\.py, line 10: KeyError: 'x'\.$", told(done))


@pytest.mark.parametrize(
    ("command", "may_fetch", "may_not"),
    [
        (["verify", "--runs", "."], [], ["--offline"]),
        (["table", "5", "--runs", "."], [], ["--offline"]),
        (["validate", "entry.json"], ["--fetch"], []),
    ],
    ids=lambda words: words[0] if words and not words[0].startswith("-") else "",
)
def test_a_plugin_of_a_command_that_fetches_nothing_fetches_nothing_either(
    command: list[str], may_fetch: list[str], may_not: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "from robench.resources.textattack_finder import TextAttackFinder\n"
    Path("plug.py").write_text(code + "raise ValueError(f'offline: {TextAttackFinder.offline}')\n", encoding="utf-8")
    for options, forbidden in ((may_fetch, False), (may_not, True)):
        done = robench(*command, *options, "--plugin", "plug.py")
        assert done.exit_code == 2 and f"offline: {forbidden}" in done.stderr


def test_a_figure_reads_plugins_first(tmp_path: Path) -> None:
    done = robench("figure", "trade-off", "--runs", tmp_path, "--plugin", tmp_path / "missing.py")
    assert done.exit_code == 2 and "missing.py does not exist" in done.stderr
