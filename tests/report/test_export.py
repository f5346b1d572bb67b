"""An exported model is the trained one: for Transformers, for robench, and in what its card says."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from robench.errors import RobenchError
from robench.models.classifier import Classifier
from robench.models.devices import Precision
from robench.models.predictor import Predictor
from robench.report.export import export, model_card, trained_model
from robench.results.clean_lines import CleanLine
from robench.results.info import ModelInfo
from robench.results.store import Store
from robench.study.stages import trained_model as models
from robench.victims import find_victim
from support import tiny
from support.encoder_families import FAMILIES, letters
from support.hand_made import add_cell, add_model, add_transfer, record
from support.processes import Processes
from support.refusals import told
from support.runs import attacked, cells, comparable, outcome
from support.tiny_job import TASK, TinyJob, robench

TEXTS = [
    "bright",
    "the film was dull",
    "a superb story and a loud actor",
    "quiet music " * 3,
    "the long ending was " * 9,
]
LABELS = ["gray", "blue", "red"]
LENGTH = 24


@pytest.fixture(autouse=True)
def own_modules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Transformers copies a model's code to a cache, from which it is imported; not the user's here."""
    folder = str(tmp_path_factory.mktemp("modules"))
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith("transformers_modules"):
            del sys.modules[name]


def store_of(folder: Path, family: str) -> tuple[Store, Predictor]:
    """A runs folder with one model of that family, its weights random, and the same as it is attacked."""
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        classifier = Classifier(AutoModel.from_config(FAMILIES[family]()), len(LABELS))
    classifier.initialise_head(1)
    with torch.no_grad():
        classifier.head.weight.mul_(10)
    words = folder / "words"
    classifier.encoder.config.save_pretrained(words)
    tokenizer = letters(words) if family == "roberta" else tiny.tokenizer()
    info = {
        **{"robench": "0.1.0", "kind": "models", "key": "0123456789abcdef", "label": f"{TASK}-base-seed1"},
        **{"task": TASK, "labels": LABELS, "seed": 1, "train_rows": 20, "clean": {"correct": 3, "n": 4}},
        **{"data": {"source": "local:x", "digest": "d" * 64}, "encoder": {"name": family, "digest": "e" * 64}},
        **{"defense": {"name": "base", "fields": {}}, "training": {"max_length": LENGTH}},
    }
    store = Store(folder / "runs")
    described = msgspec.convert(info, ModelInfo)
    clean = [CleanLine(i, 0, [0.75, 0.25], correct=i < 3) for i in range(4)]
    models.save(store.folder("models", described.label, described.key), classifier, tokenizer, clean, [], described)
    return store, Predictor(classifier, tokenizer, max_length=LENGTH, precision="fp32", device=tiny.CPU)


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta", "deberta-v2", "distilbert", "electra", "albert"])
def test_plain_transformers_gives_the_logits_of_the_attacked_model(family: str, tmp_path: Path) -> None:
    store, predictor = store_of(tmp_path, family)
    export(store, "0123", tmp_path / "out")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(model).__module__.startswith("transformers_modules"), "the folder's own code, not robench's"
    assert not model.training and model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id == {label: i for i, label in enumerate(LABELS)}
    assert tokenizer.model_max_length == LENGTH
    expected = predictor.logits(TEXTS)
    assert expected.std(0).min() > 0.01, "texts have to differ"
    with torch.no_grad():
        together = model(**tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")).logits
        alone = [model(**tokenizer([t], truncation=True, return_tensors="pt")).logits for t in TEXTS]
    torch.testing.assert_close(together, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat(alone), expected, atol=1e-5, rtol=0)


def test_it_can_be_trained_on_and_saved_again(tmp_path: Path) -> None:
    store, _ = store_of(tmp_path, "bert")
    export(store, "0123", tmp_path / "out")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", trust_remote_code=True)
    tokens = AutoTokenizer.from_pretrained(tmp_path / "out")(TEXTS[:2], padding=True, return_tensors="pt")
    labels = torch.tensor([2, 0])
    loss, logits = model(**tokens, labels=labels, return_dict=False)
    by_hand = -(logits[0].softmax(0)[2].log() + logits[1].softmax(0)[0].log()) / 2
    torch.testing.assert_close(loss, by_hand)
    embedded = model.get_input_embeddings()(tokens["input_ids"])
    again = model(inputs_embeds=embedded, attention_mask=tokens["attention_mask"]).logits
    torch.testing.assert_close(again, logits)
    loss.backward()
    assert all(p.grad is not None for p in model.head.parameters())
    model.save_pretrained(tmp_path / "again")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "again", trust_remote_code=True)
    torch.testing.assert_close(again(**tokens).logits, logits)


def test_its_code_needs_torch_and_transformers_alone(tmp_path: Path) -> None:
    store, _ = store_of(tmp_path, "bert")
    export(store, "0123", tmp_path / "out")
    tree = ast.parse((tmp_path / "out" / "exported_model.py").read_text(encoding="utf-8"))
    found = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    found |= {name.name for n in ast.walk(tree) if isinstance(n, ast.Import) for name in n.names}
    assert {name.partition(".")[0] for name in found} == {"__future__", "inspect", "typing", "torch", "transformers"}


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "runs"))


@pytest.mark.parametrize(("defense", "attack"), [("base", "pwws"), ("taichi", "deepwordbug")])
def test_attacking_the_export_gives_the_records_of_the_cell(
    defense: str, attack: str, runs: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    cell = cells(runs)[defense, attack]
    assert robench("export", cell.key, tmp_path / "mine", "--runs", runs).exit_code == 0
    options = ["--task", TASK, "--data", tiny_job.data, "--preset", "quick", "--precision", "fp32", "--offline"]
    done = robench("attack", "--model", tmp_path / "mine", "--attack", attack, "--runs", runs, *options)
    assert done.exit_code == 0, done.output
    again = cells(runs)["mine", attack]
    assert comparable(attacked(again)) == comparable(attacked(cell))
    assert again.info.clean == cell.info.clean and outcome(again).n == outcome(cell).n


def test_the_card_says_how_it_does_and_its_example_runs(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = cells(runs)["base", "pwws"]
    export(Store(runs), base.key, tmp_path / "mine")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    clean, under = base.info.clean, outcome(base)
    assert f"| clean test samples | {100 * clean.correct / clean.n:.1f} % | {clean.n} |" in card
    assert "| under deepwordbug, seed 42 |" in card and "| under pwws, seed 42 |" in card
    assert under.n == 16 and f"| {under.n} |" in card
    for said in (
        base.info.model,
        "* defense: base",
        "negative, positive",
        "robench 0.1.0",
        base.info.data.digest[:16],
    ):
        assert said in card
    code = card.split("```python\n")[1].split("```")[0]
    assert "robench" not in code.replace("robench_", "")
    exec(compile(code.replace('"mine"', repr(str(tmp_path / "mine"))), "card", "exec"), {})
    assert "{0: 'negative', 1: 'positive'}" in capsys.readouterr().out


def test_the_card_tells_attacks_and_splits_apart(store: Store) -> None:
    attacked = [
        add_cell(store, "base", "pwws", 60),
        add_cell(store, "base", "pwws", 70, split="dev"),
        add_cell(store, "base", "pwws", 80, attack_changed={"query_budget": 50}, errors=3),
        add_cell(store, "base", "pwws", 0, n=2, errors=2),
    ]
    model = add_model(store, attacked[0])
    card = model_card(model, attacked, "mine")
    lines = [line for line in card.splitlines() if line.startswith("| under ")]
    assert lines == [
        "| under pwws, seed 42 | 30.0 % | 200 |",
        "| under pwws, seed 42, dev split | 35.0 % | 200 |",
        "| under pwws (query\\_budget=50), seed 42, 3 errors left out | 40.6 % | 197 |",
    ]
    assert "| clean test samples | 90.0 % | 500 |" in card
    part = dataclasses.replace(model, info=msgspec.structs.replace(model.info, clean_limit=500))
    assert "| clean test samples, a random part of the split | 90.0 % | 500 |" in model_card(part, [], "mine")


NAMES = [
    ("no-such", r"no cell or model 'no-such' in .*: it has [1-9].*: mr-"),
    ("mr-", r"'mr-' fits 5 models: .*Give more of the name, or the key"),
    ("mr-pwws", r"mr-pwws-seed42-\w+ is an adversarial training set: name a cell or a trained model"),
]


@pytest.mark.parametrize(("name", "sentence"), NAMES)
def test_what_is_no_model_is_refused(name: str, sentence: str, finished: Path, tmp_path: Path) -> None:
    import re

    assert re.search(sentence, told(robench("export", name, tmp_path / "out", "--runs", finished)))
    assert not (tmp_path / "out").exists()


def test_a_transfer_is_no_model_and_is_named_as_what_it_is(store: Store) -> None:
    transfer = add_transfer(store, add_cell(store, "base", "pwws", 60), [record(0, "failed")])
    with pytest.raises(RobenchError, match="is a transfer: name a cell or a trained model"):
        trained_model(store, transfer.key)


def test_a_cell_stands_for_its_model_and_several_cells_of_one_model_do_too(finished: Path) -> None:
    store, by_name = Store(finished), cells(finished)
    base = by_name["base", "pwws"]
    for name in ("mr-base", base.folder.name, base.key[:10], base.info.model):
        assert trained_model(store, name).key == base.info.model


def test_a_model_that_is_gone_is_told(runs: Path, tmp_path: Path) -> None:
    base = cells(runs)["base", "pwws"]
    shutil.rmtree(next(runs.glob(f"models/*{base.info.model}")))
    assert "is not in" in told(robench("export", base.key, tmp_path / "out", "--runs", runs))


def test_a_model_whose_weights_are_broken_is_told_and_nothing_is_left(runs: Path, tmp_path: Path) -> None:
    base = cells(runs)["base", "pwws"]
    (next(runs.glob(f"models/*{base.info.model}")) / "model.safetensors").write_bytes(b"broken")
    assert "model.safetensors has 6 bytes in place of" in told(
        robench("export", base.key, tmp_path / "out", "--runs", runs)
    )
    assert not [path for path in tmp_path.iterdir() if path.name != "runs"]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_a_folder_that_is_free_or_holds_the_same_model_is_written_to(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    base, ada = ("export", "mr-base", out, "--runs", finished), ("export", "mr-ada-pwws", out, "--runs", finished)
    assert robench(*base).exit_code == 0, "an empty folder is free"
    first = files(out)
    assert robench(*base).exit_code == 0 and files(out) == first
    assert "holds an export of another model" in told(robench(*ada)) and files(out) == first
    (out / "notes.txt").write_text("mine")
    assert robench(*ada, "--force").exit_code == 0
    assert files(out).keys() == {*first, "notes.txt"} and files(out)["model.safetensors"] != first["model.safetensors"]
    (out / "config.json").unlink()
    assert "is not empty; name a new folder, or write into this one with --force" in told(robench(*base))
    assert "is a file; name a folder" in told(robench(*base[:2], out / "notes.txt", *base[3:]))
    assert "cannot write /proc/robench" in told(robench(*base[:2], "/proc/robench", *base[3:]))


@pytest.mark.parametrize("largest", [3, 400, 2_500, 50_000])
@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_fills_up_leaves_nothing_half_written(
    processes: Processes, finished: Path, tmp_path: Path, largest: int, there: bool
) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()
    started = processes.start("export", "mr-base", out, "--runs", finished, largest_file=largest)
    assert started.wait() == 2
    assert started.stderr.startswith(f"robench: cannot write {out}") and "Traceback" not in started.stderr
    assert out.exists() == there and not list(tmp_path.rglob("out/*")) and not list(tmp_path.glob(".*"))


def test_the_config_names_the_model(finished: Path, tmp_path: Path) -> None:
    model = export(Store(finished), "mr-base", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_bytes())
    assert config["robench"]["model"] == model.key
    assert str(finished) not in json.dumps(config), "paths of this machine say nothing elsewhere"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_export_as_a_victim_scores_as_the_cell_was_attacked(precision: Precision, tmp_path: Path) -> None:
    store, predictor = store_of(tmp_path, "bert")
    export(store, "0123", tmp_path / "out")
    source = find_victim(str(tmp_path / "out"))
    scorer = source.load(max_length=None, precision=precision, device=tiny.CPU)
    same = Predictor(predictor.classifier, tiny.tokenizer(), max_length=LENGTH, precision=precision, device=tiny.CPU)
    assert scorer.max_length == LENGTH
    assert torch.equal(scorer(TEXTS), same.logits(TEXTS))
