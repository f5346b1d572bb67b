"""``robench transfer``: a file of adversarial texts on trained models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from robench.results import records
from robench.results.info import CellInfo
from robench.results.intervals import wilson
from robench.results.store import Store
from robench.study.stages.trained_model import stored_predictor
from support.tiny_job import robench, rows


@pytest.fixture
def file(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The successes of the attack on Base, and eight texts more, as somebody would publish them."""
    monkeypatch.setenv("COLUMNS", "300")
    cell = next(path for path in (finished / "cells").iterdir() if path.name.startswith("mr-base-pwws"))
    found = [one for one in records.read(cell / "records.jsonl") if one.status == "succeeded"]
    lines = [f"{one.original}\t{one.final}\t{one.label}\n" for one in found]
    lines += [f"{text}\t{text}\t{label}\n" for text, label in rows(8, 90)]
    path = tmp_path / "published.tsv"
    path.write_text("original\tadversarial\tlabel\n" + "".join(lines), encoding="utf-8")
    return path


def test_transfer_of_a_file_counts_what_each_model_has_right_and_then_wrong(finished: Path, file: Path) -> None:
    shown = robench("transfer", file, "--task", "mr", "--defense", "base,ada", "--runs", finished, "-f", "json")
    assert shown.exit_code == 0, shown.output
    table = json.loads(shown.stdout)
    rows = {row["model"]: row["cells"] for row in table["blocks"][0]["rows"]}
    assert list(rows) == ["mr-base-seed42", "mr-ada-deepwordbug-seed42", "mr-ada-pwws-seed42"]
    pairs = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    store = Store(finished)
    for cell in store.stages(CellInfo):
        name = f"mr-{cell.info.defense.name}" + (f"-{cell.info.attack.name}" if cell.info.adversarial else "")
        if (cells := rows.get(f"{name}-seed42")) is None:
            continue
        predictor = stored_predictor(store, cell, torch.device("cpu"))
        gold = [int(label) for _, _, label in pairs]
        before = predictor.logits([original for original, _, _ in pairs]).argmax(-1).tolist()
        after = predictor.logits([final for _, final, _ in pairs]).argmax(-1).tolist()
        right = [a == g for a, g in zip(before, gold, strict=True)]
        wrong = [r and a != g for r, a, g in zip(right, after, gold, strict=True)]
        assert cells["right before%"]["percent"] == pytest.approx(100 * sum(right) / len(pairs))
        assert cells["fooled%"]["percent"] == pytest.approx(100 * sum(wrong) / sum(right))
        assert cells["fooled%"]["interval"]["low"] == pytest.approx(100 * wilson(sum(wrong), sum(right))[0])
        if cell.info.defense.name == "base":
            assert wrong == [original != final for original, final, _ in pairs], "what was made against it fools it"
    assert table["notes"] == [f"8 of {len(pairs)} adversarial texts are the original itself"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--defense", "pgd"),
            "has no trained model with defense pgd; there are models with defense ada, base, taichi",
        ),
        (("--task", "trec"), "has no trained model with task trec; there are models with task mr"),
        (("--seed", "7"), "has no trained model with seed 7; there are models with seed 42"),
        (("--format", "pdf"), "unknown format 'pdf'"),
        (("--runs", "nowhere"), "has no trained models yet"),
    ],
)
def test_transfer_without_a_model_is_a_sentence(finished: Path, file: Path, words: tuple[str, ...], told: str) -> None:
    shown = robench("transfer", file, "--runs", finished, *words)
    assert shown.exit_code == 2 and told in " ".join(shown.stderr.split())


def test_transfer_of_a_malformed_file_names_the_line(finished: Path, file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8") + "a text\tb text\tmaybe\n", encoding="utf-8")
    shown = robench("transfer", file, "--runs", finished, "--defense", "base")
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert shown.exit_code == 2 and f"line {lines}: the label 'maybe' is not one of 0 (negative)" in shown.stderr
