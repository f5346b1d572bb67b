"""Models that attacks ask: where they come from, and what is said when they cannot be had."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from robench.attacking.derived_attack import DerivedAttack
from robench.attacking.padding_tokenizer import BatchPaddingTokenizer
from robench.attacks.a2t import A2T
from robench.attacks.bae import BAE
from robench.attacks.models import COMMITS
from robench.errors import RobenchError
from robench.resources import Pin, language_models, model_names
from robench.study.request import Request
from support import small_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    small_models.bert(folder / "bert")
    small_models.bert(folder / "encoder", head=False)
    small_models.gpt2(folder / "gpt2")
    for lost in ("config.json", "model.safetensors"):
        made = shutil.copytree(folder / "bert", folder / f"without {lost}")
        (made / lost).unlink()
    broken = shutil.copytree(folder / "bert", folder / "broken")
    (broken / "model.safetensors").write_bytes(b"no tensors")
    return folder


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bert-base-uncased", "language model bert-base-uncased is not in the Hub's cache .* and --offline is set"),
        ("a name with spaces", "neither a folder nor a model of the Hub"),
        ("./nowhere", "the folder ./nowhere of a language model does not exist"),
        ("DIR/encoder", "does not fill in masked words"),
        ("DIR/gpt2", "cannot be loaded|does not fill in"),
        ("DIR/without config.json", "has no config.json"),
        ("DIR/without model.safetensors", "has no weights"),
        ("DIR/broken", "cannot be loaded from"),
    ],
)
def test_a_model_that_cannot_fill_in_words_is_a_sentence_that_names_the_option(
    name: str, told: str, models: Path
) -> None:
    attack = BAE(language_model=name.replace("DIR", str(models)))
    with pytest.raises(RobenchError, match=rf"({told}).*--set ATTACK\.language_model=DIR"):
        attack.prepare(offline=True)


def test_another_kind_of_model_is_a_sentence(models: Path) -> None:
    with pytest.raises(RobenchError, match="is a bert; this attack needs a gpt2"):
        language_models.prepare_language_model(str(models / "bert"), offline=True, kind="gpt2")


def test_a_model_is_taken_from_the_hub_s_cache_at_its_commit(hub: Path, models: Path) -> None:
    for name in ("bert-base-uncased", "some/model", "some/model@" + "a" * 40):
        folder = small_models.snapshot(hub, name)
        shutil.copytree(models / "bert", folder, dirs_exist_ok=True)
        assert language_models.prepare_language_model(name, COMMITS, offline=True) == folder
    assert language_models.identify_language_model("some/model", COMMITS) == "some/model@main"
    assert language_models.identify_language_model("bert-base-uncased") == "bert-base-uncased@main"
    assert language_models.identify_language_model("bert-base-uncased", COMMITS).endswith(
        "@86b5e0934494bd15c9632b12f734a8a67f723594"
    )


@pytest.mark.parametrize("revision", ["main", "v1"])
@pytest.mark.usefixtures("bundled_resources")
def test_a_branch_is_settled_at_the_commit_that_the_hub_s_cache_has(
    revision: str, hub: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_names, "_find_commit", model_names._find_commit.__wrapped__)
    name = "some/model" if revision == "main" else f"some/model@{revision}"
    attack, folder = BAE(language_model=name), hub / "models--some--model"
    identities = []
    for commit in ("a" * 40, "b" * 40):
        shutil.copytree(models / "bert", folder / "snapshots" / commit)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / revision).write_text(commit)
        settled = attack.settle(offline=True)
        assert settled.language_model == f"some/model@{commit}"
        assert settled.settle(offline=True) is settled
        settled.prepare(offline=True)
        identities.append(settled.identity())
    assert identities[0] != identities[1]


def test_a_name_that_means_the_same_for_ever_is_settled(models: Path) -> None:
    for attack in (BAE(), BAE(language_model=f"some/model@{COMMIT}"), BAE(language_model=str(models / "bert")), A2T()):
        assert attack.settle(offline=True) is attack


def test_a_model_that_is_not_here_cannot_be_settled() -> None:
    with pytest.raises(RobenchError, match=r"some/other is not in the Hub's cache.*--set ATTACK\.language_model=DIR"):
        BAE(language_model="some/other").settle(offline=True)


def test_an_attack_that_is_another_with_one_thing_changed_has_its_model_settled(
    hub: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_names, "_find_commit", model_names._find_commit.__wrapped__)
    shutil.copytree(models / "bert", small_models.snapshot(hub, "some/model"), dirs_exist_ok=True)
    changes = {"bae": {"language_model": "some/model", "max_candidates": 5}}
    request = Request(task="sst2", defense="base", attack="random-order:bae", settings=changes, offline=True)
    (named,) = request._attacks()
    pinned = "some/model@" + "0" * 40
    assert named.base is not None and isinstance(named.attack, DerivedAttack)
    assert named.base.attack == named.attack.base == BAE(language_model=pinned, max_candidates=5)
    assert dict(named.base.changed) == {"language_model": pinned, "max_candidates": 5}
    assert pinned in json.dumps(named.identity)


COMMIT = "a" * 40


def test_a_tagger_is_taken_from_the_hub_s_cache_at_its_pin(hub: Path) -> None:
    folder = small_models.snapshot(hub, f"flair/ner-english@{COMMIT}")
    pin = Pin(hashlib.sha256(b"a tagger").hexdigest(), COMMIT)
    with pytest.raises(RobenchError, match=r"has no pytorch_model\.bin"):
        language_models.fetch_flair_tagger("flair/ner-english", pin, offline=True)
    (folder / "pytorch_model.bin").write_bytes(b"a tagger")
    assert language_models.fetch_flair_tagger("flair/ner-english", pin, offline=True) == folder / "pytorch_model.bin"


class Harmful:
    """Leaves a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.mark.parametrize(
    ("pin", "told"),
    [
        (Pin(), "is a pickle, which can run any code, and is not pinned"),
        (Pin("0" * 64, COMMIT), r"is not the pinned file: its sha256 is [0-9a-f]{64}, not 0+"),
    ],
    ids=["without a pin", "another file"],
)
@pytest.mark.usefixtures("textattack")
def test_a_tagger_that_is_not_the_pinned_one_is_not_unpickled(pin: Pin, told: str, hub: Path, tmp_path: Path) -> None:
    for name in ("flair/ner-english", f"flair/ner-english@{COMMIT}"):
        planted = small_models.snapshot(hub, name) / "pytorch_model.bin"
        planted.write_bytes(pickle.dumps(Harmful(tmp_path / "ran")))
    with pytest.raises(RobenchError, match=told):
        language_models.load_flair_tagger("ner", "flair/ner-english", pin)
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("textattack")
def test_textattack_fetches_and_unpickles_no_tagger_itself() -> None:
    from textattack.shared.utils import strings

    with pytest.raises(RobenchError, match="needs Flair's tagger no-such-tagger, a pickle that can run any code"):
        strings.flair_tag("a text", "no-such-tagger")


def test_a_language_model_with_code_of_its_own_is_refused(models: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(models / "bert", tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["auto_map"] = {"AutoModelForMaskedLM": "mine.Mine"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(RobenchError, match="brings Python code of its own; an attack's own model may not"):
        language_models.prepare_language_model(str(folder), offline=True)


def test_a_model_is_loaded_once(models: Path) -> None:
    assert language_models.load_masked_model(str(models / "bert")) is language_models.load_masked_model(
        str(models / "bert")
    )


def weight_of_masked_model(folder: Path) -> float:
    model, _ = language_models.load_masked_model(str(folder))
    return float(next(model.parameters())[1, 0].detach())


def weight_of_sentence(folder: Path) -> float:
    return float(language_models.load_mean_pooling_encoder(str(folder)).encode(["good soup"])[0, 0])


@pytest.mark.parametrize("load", [weight_of_masked_model, weight_of_sentence])
def test_a_model_that_was_trained_anew_in_its_folder_is_loaded_anew(
    load: Callable[[Path], float], tmp_path: Path
) -> None:
    before = load(small_models.bert(tmp_path / "model"))
    digest = language_models.identify_language_model(str(tmp_path / "model"))
    after = load(small_models.bert(tmp_path / "model", seed=4))
    assert after != before and after == load(small_models.bert(tmp_path / "other", seed=4))
    assert language_models.identify_language_model(str(tmp_path / "model")) != digest


def test_other_weights_of_the_same_size_and_time_are_another_model(tmp_path: Path) -> None:
    folder = small_models.bert(tmp_path / "model")
    weights = folder / "model.safetensors"
    before, digest = weights.stat(), language_models.identify_language_model(str(folder))
    weights.write_bytes((small_models.bert(tmp_path / "other", seed=4) / weights.name).read_bytes())
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights.stat().st_size == before.st_size
    assert language_models.identify_language_model(str(folder)) != digest


@pytest.mark.usefixtures("textattack")
def test_a_tagger_is_loaded_again_under_another_pin_alone(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textattack.shared.utils import strings

    read = SimpleNamespace(SequenceTagger=SimpleNamespace(load=lambda path: Path(path).read_bytes()))
    monkeypatch.setitem(sys.modules, "flair", SimpleNamespace(models=read))
    monkeypatch.setitem(sys.modules, "flair.models", read)
    monkeypatch.setattr(language_models, "require_flair", lambda *_, **__: None)
    monkeypatch.setattr(strings, "_flair_taggers", {})
    for content, commit in ((b"one", "a" * 40), (b"other", "b" * 40), (b"one", "a" * 40)):
        file = small_models.snapshot(hub, f"flair/ner-english@{commit}") / "pytorch_model.bin"
        file.write_bytes(content)
        pin = Pin(hashlib.sha256(content).hexdigest(), commit)
        language_models.load_flair_tagger("ner", "flair/ner-english", pin)
        assert strings._flair_taggers["ner"] == content
        file.unlink()
        language_models.load_flair_tagger("ner", "flair/ner-english", pin)


def test_similarity_of_two_sentences_is_the_same_to_the_bit_in_any_company(models: Path) -> None:
    pair = ["good soup", "good soup and bread"]
    longer = ["the tea was cold and the waiter forgot our bread " * 4]

    def compare(company: list[str]) -> bytes:
        language_models._load_mean_pooling_encoder.cache_clear()  # with what the encoder remembers
        rows = language_models.load_mean_pooling_encoder(str(models / "bert")).encode([*company, *pair])
        return (rows[-2] @ rows[-1]).tobytes() + rows[-2:].tobytes()

    alone = compare([])
    assert all(compare(company) == alone for company in (longer, longer * 3, [*longer, *"abcdefg"], pair))


def test_sentences_are_the_mean_of_their_tokens(models: Path) -> None:
    texts = ["good soup", "the tea was cold and the waiter forgot our bread"]
    rows = language_models.load_mean_pooling_encoder(str(models / "bert")).encode(texts)
    tokenizer = AutoTokenizer.from_pretrained(models / "bert")
    model = AutoModel.from_pretrained(models / "bert").eval()
    for row, text in zip(rows, texts, strict=True):
        with torch.no_grad():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()
        assert np.allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_texts_are_padded_to_the_longest_of_a_batch(models: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(models / "bert")
    padded = BatchPaddingTokenizer(tokenizer, max_pieces=3)
    shape = padded(["soup", "good soup"], padding="max_length", truncation=True, max_length=50, return_tensors="pt")[
        "input_ids"
    ].shape
    assert shape == (2, 4)
    assert padded.mask_token_id == tokenizer.mask_token_id
    assert len(padded.encode("qzj", add_special_tokens=False)) == 3
    assert padded.encode("qzjx", add_special_tokens=False) == []
