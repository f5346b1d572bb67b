"""The examples of victims: scikit-learn and a language model; ``tests/victims/test_http_victim.py`` has the third."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from robench.results.info import CellInfo
from robench.results.store import Store
from support import tiny_llama
from support.runs import outcome
from support.tiny_job import TASK, TinyJob, robench, write_data

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.slow


def test_the_example_of_scikit_learn_is_attacked(tiny_job: TinyJob, tmp_path: Path) -> None:
    command = ["attack", "--model", f"{EXAMPLES / 'sklearn_victim.py'}:pipeline", "--task", TASK, "--preset", "quick"]
    done = robench(
        *command, "--attack", "deepwordbug", "--data", tiny_job.data, "--offline", "--runs", tmp_path / "runs"
    )
    assert done.exit_code == 0, done.output
    (stage,) = Store(tmp_path / "runs").stages(CellInfo)
    assert outcome(stage).n == 16 and stage.info.clean.correct > 12, "it learned what the words mean"


def test_the_example_of_a_language_model_is_attacked(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_llama.save(tmp_path / "llama")
    data = write_data(tmp_path / "data", train=4, dev=2, test=6)
    monkeypatch.chdir(tmp_path)
    words = [str(model), "--task", TASK, "--preset", "quick", "--data", str(data)]
    monkeypatch.setattr(sys, "argv", ["language_model_victim.py", *words])
    runpy.run_path(str(EXAMPLES / "language_model_victim.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["attack", "deepwordbug", "pwws"]
    assert {outcome(stage).n for stage in Store(tmp_path / "runs").stages(CellInfo)} == {6}
