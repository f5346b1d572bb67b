"""``robench verify``: it reads everything, reports, and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.runs import snapshot
from support.tiny_job import robench

HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "400")
    return Path(shutil.copytree(HOUSE, tmp_path / "runs"))


def test_verify_of_a_sound_folder_says_that_all_fits(runs: Path) -> None:
    before = snapshot(runs)
    done = robench("verify", "--runs", runs)
    assert done.exit_code == 0 and done.stdout == f"22 finished stages in {runs}: all of them fit.\n"
    assert "reading: 22 stages" in done.stderr, "its progress is shown"
    assert snapshot(runs) == before


def test_verify_names_every_stage_that_does_not_fit_and_exits_with_1(runs: Path) -> None:
    cells = sorted(runs.glob("cells/*"))
    (cells[0] / "stage.json").write_bytes(b"[")
    (cells[1] / "records.jsonl").unlink()
    (cells[2] / "stage.json").unlink()
    done = robench("verify", "--runs", runs)
    assert done.exit_code == 1
    *sentences, verdict = done.stdout.splitlines()
    assert len(sentences) == 2 and all(cell.name in text for cell, text in zip(cells, sentences, strict=False))
    assert verdict == f"21 finished stages in {runs}, 1 unfinished: 2 do not fit."


def test_verify_of_no_folder_is_a_sentence(tmp_path: Path) -> None:
    done = robench("verify", "--runs", tmp_path / "nowhere")
    assert done.exit_code == 2 and "nowhere is no folder" in done.stderr
