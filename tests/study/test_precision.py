"""The precision that models run in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from transformers import AutoModel, AutoModelForSequenceClassification

from support import small_bert
from support.encoder_families import FAMILIES
from support.tiny_job import TASK, TinyJob, robench


@pytest.fixture
def deberta(tmp_path: Path) -> Path:
    """A folder with an encoder that fails in bfloat16, and one with a classifier of that kind."""
    words = small_bert.tokenizer(["good"])
    config = FAMILIES["deberta"]()
    config.vocab_size = len(words)
    small_bert.save(tmp_path / "encoder", words, AutoModel.from_config(config))
    small_bert.save(tmp_path / "classifier", words, AutoModelForSequenceClassification.from_config(config))
    return tmp_path


def plan(*arguments: object) -> tuple[list[str], str]:
    done = robench(*arguments, "--dry-run")
    assert done.exit_code == 0, done.output
    return re.findall(r"[0-9a-f]{16}", done.stdout), done.stderr


def test_run_with_an_encoder_that_fails_in_bfloat16_is_in_float32(deberta: Path, tiny_job: TinyJob) -> None:
    command = [*tiny_job.command(deberta / "runs"), "--encoder", deberta / "encoder", "--precision"]
    keys, told = plan(*command, "bf16")
    assert re.search(r"note: encoder .*encoder cannot run in bfloat16 \(RuntimeError: .*it runs in float32", told)
    plain = plan(*command, "fp32")
    assert keys == plain[0] and "bfloat16" not in plain[1]


def test_attack_on_a_model_that_fails_in_bfloat16_is_in_float32(deberta: Path, tiny_job: TinyJob) -> None:
    options = ["--task", TASK, "--data", tiny_job.data, "--preset", "quick", "--runs", deberta / "runs", "--offline"]
    command = ["attack", "--model", deberta / "classifier", "--attack", "pwws", *options, "--precision"]
    keys, told = plan(*command, "bf16")
    assert "cannot run in bfloat16" in told
    assert keys == plan(*command, "auto")[0]


def test_run_with_an_encoder_that_fails_in_bfloat16_trains(deberta: Path, tiny_job: TinyJob) -> None:
    command = tiny_job.command(deberta / "runs", attack="deepwordbug")
    done = robench(*command, "--encoder", deberta / "encoder", "--precision", "bf16", "--attack-limit", 1)
    assert done.exit_code == 0, done.output
