"""Transformers classifiers that a user gives: a folder, or a model and its tokenizer in memory."""

from __future__ import annotations

import functools
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import transformers
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from robench.api import attack_model
from robench.models import devices
from robench.models.exported_model import RobenchForSequenceClassification
from robench.report.export import export
from robench.results.info import ModelInfo
from robench.results.store import Store
from robench.victims import find_victim
from support.damages import Damage, put, remove
from support.refusals import told
from support.runs import attacked, cells, comparable
from support.tiny_job import TASK, TinyJob, robench


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Base as a folder for Transformers."""
    folder = tmp_path_factory.mktemp("exported") / "my-base"
    export(Store(finished), "mr-base", folder)
    return folder


def spoilt(exported: Path, tmp_path: Path, spoil: Damage, name: str = "mine") -> Path:
    folder = Path(shutil.copytree(exported, tmp_path / name))
    spoil(folder)
    return folder


def configured(**changes: Any) -> Damage:
    def spoil(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        (folder / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")

    return spoil


def turned(folder: Path) -> None:
    """Exchange the model's columns."""
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights |= {name: weights[name].flip(0).contiguous() for name in ("head.weight", "head.bias")}
    safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights.pop("head.weight")
    safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


FOLDERS: list[tuple[Damage, str]] = [
    (remove("config.json"), r"has no config\.json; save the model there"),
    (remove("model.safetensors"), r"has no weights \(model\.safetensors\); save the model there"),
    (remove("tokenizer.json", "vocab.txt"), r"has no tokenizer \(tokenizer\.json\)?|has no tokenizer"),
    (put("model.safetensors", b"not weights"), r"cannot be loaded from .*mine"),
    (put("config.json", b"{"), r"cannot be loaded from .*mine"),
    (put("tokenizer.json", b"{"), r"cannot be loaded from .*mine"),
    (configured(model_type="no-such-thing"), r"brings Python code of its own; look at it, and allow it with --trust"),
    (configured(model_type="no-such-thing", auto_map={}), r"brings Python code"),
    (configured(model_type="bert"), r"brings Python code of its own"),
    (
        configured(id2label={"0": "a", "1": "b", "2": "c"}),
        r"cannot be loaded from .* \(.*(size mismatch for (b|w)|ignore_mismatched_sizes)",
    ),
    (
        cut,
        r"lack 1 tensors of a RobenchForSequenceClassification, such as head\.weight: it is not a trained classifier",
    ),
    (turned, r"fewer than by chance"),
]


@pytest.mark.parametrize(("spoil", "sentence"), FOLDERS, ids=[f"{n} {case[1][:30]}" for n, case in enumerate(FOLDERS)])
def test_a_folder_that_cannot_be_attacked_says_why(
    spoil: Damage, sentence: str, exported: Path, options: list[str], tmp_path: Path
) -> None:
    folder = spoilt(exported, tmp_path, spoil)
    assert re.search(sentence, told(robench("attack", "--model", folder, *options)))
    assert not cells(tmp_path / "runs")


def test_a_folder_of_the_runs_is_to_be_exported_first(finished: Path, options: list[str]) -> None:
    model = next(finished.glob("models/mr-base-*"))
    assert f"robench export {model.name} DIR" in told(robench("attack", "--model", model, *options))


def test_a_folders_own_code_runs_when_it_is_trusted(
    exported: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Transformers copies the code to its cache and imports it from there: not the user's cache here.
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])

    def foreign(folder: Path) -> None:
        configured(model_type="foreign")(folder)
        code = (folder / "exported_model.py").read_text(encoding="utf-8")
        (folder / "exported_model.py").write_text(code.replace("robench_classifier", "foreign"), encoding="utf-8")

    folder = spoilt(exported, tmp_path, foreign)
    done = robench("attack", "--model", folder, *options, "--precision", "fp32", "--trust-remote-code")
    assert done.exit_code == 0, done.output
    (cell,) = cells(tmp_path / "runs").values()
    same = find_victim(str(folder), trust_remote_code=True)
    (folder / "exported_model.py").write_text("changed", encoding="utf-8")
    assert find_victim(str(folder), trust_remote_code=True).digest != same.digest, "its code is part of the key"
    assert cell.info.defense.fields["digest"] == same.digest


@pytest.mark.parametrize(
    ("names", "more"),
    [
        ({"0": "POSITIVE", "1": "-negative-"}, []),
        ({"0": "LABEL_0", "1": "LABEL_1"}, ["--label-order", "1,0"]),
        ({"0": "up", "1": "down"}, ["--label-order", "1,0"]),
    ],
    ids=["by name", "by order", "by order in spite of names"],
)
def test_columns_in_another_order_give_the_same_records(
    names: dict[str, str], more: list[str], exported: Path, finished: Path, options: list[str], tmp_path: Path
) -> None:
    folder = spoilt(exported, tmp_path, turned)
    configured(id2label=names, label2id={name: int(i) for i, name in names.items()})(folder)
    done = robench("attack", "--model", folder, *options, "--precision", "fp32", *more)
    assert done.exit_code == 0, done.output
    (cell,) = cells(tmp_path / "runs").values()
    assert comparable(attacked(cell)) == comparable(attacked(cells(finished)["base", "pwws"]))


def test_a_column_of_no_label_is_left_out_told_and_stored(
    exported: Path, finished: Path, options: list[str], tmp_path: Path
) -> None:
    def widen(folder: Path) -> None:
        """Put a class between the two that no text is near to."""
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        for name in ("head.weight", "head.bias"):
            first, second = weights[name].split(1)
            weights[name] = torch.cat([first, torch.zeros_like(first), second])
        safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        configured(id2label={"0": "bad", "1": "neutral", "2": "good"})(folder)

    folder = spoilt(exported, tmp_path, widen)
    command = ["attack", "--model", folder, *options, "--precision", "fp32"]
    assert re.search(
        r"gives 3 scores .* 1 \(neutral\).* none has the name of .* --label-order with the column of each",
        told(robench(*command)),
    )
    done = robench(*command, "--label-order", "0,2")
    assert "the model's column 1 (neutral) is of none of the task's labels and left out" in done.stderr, done.output
    (cell,) = cells(tmp_path / "runs").values()
    assert comparable(attacked(cell)) == comparable(attacked(cells(finished)["base", "pwws"]))
    assert cell.info.victim is not None and cell.info.victim.label_order == (0, 2)
    assert "left out" in cell.info.warnings[0]


def test_a_length_is_the_models_own_or_what_is_said(exported: Path, options: list[str], tmp_path: Path) -> None:
    run = functools.partial(robench, "attack", "--model", exported, *options, "--attack-limit", "2")
    assert run().exit_code == 0 and run("--max-length", "16").exit_code == 0
    assert "has room for 64 tokens at most" in told(run("--max-length", "65"))
    assert "--max-length 2 leaves no room" in told(run("--max-length", "2"))
    stages = Store(tmp_path / "runs").stages(ModelInfo)
    models = {stage.info.victim.max_length: stage for stage in stages if stage.info.victim}
    assert models.keys() == {50, 16}
    (warning,) = models[16].info.warnings
    assert re.match(r"\d+% of the test texts are longer than 16 tokens", warning)
    assert "my-base (max_length=16)" in robench("table", "5", "--runs", tmp_path / "runs").stdout


def small_bert(exported: Path, labels: int = 2, seed: int = 0) -> BertForSequenceClassification:
    encoder = RobenchForSequenceClassification.from_pretrained(exported).encoder
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        config = BertConfig(**{**encoder.config.to_diff_dict(), "num_labels": labels})
        return BertForSequenceClassification(config)


def test_any_sequence_classifier_can_be_attacked_by_folder_or_in_memory(
    exported: Path, options: list[str], tiny_job: TinyJob, tmp_path: Path
) -> None:
    model, tokenizer = small_bert(exported), AutoTokenizer.from_pretrained(exported)
    model.save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    model.train()
    order = ["--label-order", "0,1", "--precision", "fp32", "--attack-limit", "4"]
    assert robench("attack", "--model", tmp_path / "bert", *options, *order).exit_code == 0
    assert model.training, "only the copy in the folder was loaded"
    found = attack_model(
        (model, tokenizer),
        task=TASK,
        attack="pwws",
        name="mine",
        data=tiny_job.data,
        preset="quick",
        offline=True,
        precision="fp32",
        runs=tmp_path / "runs",
        label_order=(0, 1),
        attack_limit=4,
        progress=False,
    )
    both = cells(tmp_path / "runs")
    assert comparable(attacked(both["mine", "pwws"])) == comparable(attacked(both["bert", "pwws"]))
    assert list(found["defense"]) == ["mine"] and found["n_attacked"][0] == 4
    folder = both["bert", "pwws"].info.victim
    assert folder is not None and folder.kind == "Transformers model"


@pytest.mark.parametrize(("named", "used"), [([], "fp32"), (["--precision", "bf16"], "bf16")])
def test_precision_of_a_users_model_on_a_device_that_is_fast_at_bfloat16_is_float32_unless_named(
    exported: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[str], used: str
) -> None:
    monkeypatch.setattr(devices, "_has_fast_bfloat16", lambda on: True)
    more = ["--trust-remote-code", "--attack-limit", "2", *named]
    assert robench("attack", "--model", exported, *options, *more).exit_code == 0
    (cell,) = cells(tmp_path / "runs").values()
    assert cell.info.precision == used


def test_a_classifier_of_another_number_of_labels_is_refused(
    exported: Path, options: list[str], tmp_path: Path
) -> None:
    small_bert(exported, labels=3).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(exported).save_pretrained(tmp_path / "bert")
    assert "gives 3 scores per text; the task has 2 labels" in told(
        robench("attack", "--model", tmp_path / "bert", *options)
    )


def test_an_encoder_without_a_trained_head_is_refused(tiny_job: TinyJob, options: list[str]) -> None:
    sentence = told(robench("attack", "--model", tiny_job.encoder, *options))
    assert "lack 2 tensors of a BertForSequenceClassification, such as classifier.bias: it is not a trained" in sentence
