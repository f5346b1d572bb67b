"""Data of two tasks, and a machine without any."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tasks in a folder; sst2 has 2 + 4 + 3 + 3 tokens in its four texts."""
    for task, splits in {
        "sst2": {"train": [("so good", 1), ("it is not good", 0)], "dev": [("just  so so", 0)], "test": [("a b c", 1)]},
        "trec": {"train": [("why ?", 0), ("who ?", 3)], "dev": [("how ?", 1)], "test": [("when ?", 5), ("a ?", 0)]},
    }.items():
        (tmp_path / "data" / task).mkdir(parents=True)
        for split, rows in splits.items():
            text = "".join(f"{sentence}\t{label}\n" for sentence, label in rows)
            (tmp_path / "data" / task / f"{split}.tsv").write_text(f"sentence\tlabel\n{text}", encoding="utf-8")
    return tmp_path / "data"


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("ROBENCH_DATA", raising=False)


@pytest.fixture
def adversarial_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.hand_made.PER_ATTACK", ("ada", "taichi", "base-adv", "base-adv-soft"))
