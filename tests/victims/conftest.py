"""A module of functions that a user might bring, and the options of a command on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tiny_job import TASK, TinyJob
from support.victims import COUNTING


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with the module ``counting``."""
    folder = tmp_path_factory.mktemp("counting")
    (folder / "counting.py").write_text(COUNTING, encoding="utf-8")
    (folder / "broken_import.py").write_text("import json, no_such_thing\n", encoding="utf-8")
    (folder / "broken_code.py").write_text("x = 1 / 0\n", encoding="utf-8")
    (folder / "broken_exit.py").write_text("import sys\nsys.exit('usage: ...')\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
    sys.modules.pop("counting", None)


@pytest.fixture
def options(tiny_job: TinyJob, tmp_path: Path) -> list[str]:
    """What every command here has in common."""
    fixed = ["--task", TASK, "--data", tiny_job.data, "--preset", "quick", "--offline", "--runs", tmp_path / "runs"]
    return [*map(str, fixed), "--attack", "pwws"]
