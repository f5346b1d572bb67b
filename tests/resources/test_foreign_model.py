"""Models of strangers: what their configuration would run or build is known before anything is."""

from __future__ import annotations

import builtins
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification

from robench.errors import RobenchError
from robench.models.encoders import find_encoder
from robench.resources import foreign_model, language_models
from robench.resources.model_files import ModelFiles
from robench.study.stages import trained_model
from robench.victims.pretrained import load_pretrained
from support import small_models, tiny


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier, which is an encoder as well."""
    folder = tmp_path_factory.mktemp("foreign") / "model"
    config = BertConfig(**tiny.SHAPE, vocab_size=len(tiny.tokenizer()), max_position_embeddings=16)
    with torch.random.fork_rng([]):
        BertForSequenceClassification(config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "model")


def change(folder: Path, name: str = "config.json", **values: Any) -> None:
    content = json.loads((folder / name).read_text("utf-8"))
    (folder / name).write_text(json.dumps(content | values), "utf-8")


def as_pickle(folder: Path) -> None:
    """Store the weights as ``pytorch_model.bin``."""
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def files(folder: Path) -> ModelFiles:
    return ModelFiles("the model", folder)


LOADERS: dict[str, Callable[[Path], object]] = {
    "encoder": lambda folder: find_encoder(str(folder)).model(),
    "victim": lambda folder: load_pretrained(files(folder)),
    "trained": lambda folder: trained_model.load(folder, 2, max_length=9, precision="fp32", device=tiny.CPU),
    "mean": lambda folder: language_models.load_mean_pooling_encoder(str(folder)),
    "masked": lambda folder: language_models.load_masked_model(str(folder)),
}
HUGE: dict[str, dict[str, Any]] = {
    "labels": {"num_labels": 10**9},
    "layers": {"num_hidden_layers": 10**6},
    "words": {"vocab_size": 10**9},
    "positions": {"max_position_embeddings": 10**9},
    "width": {"intermediate_size": 10**9},
}


@pytest.mark.parametrize("what", HUGE)
@pytest.mark.parametrize("loader", LOADERS)
def test_config_that_asks_for_all_memory_is_refused(loader: str, what: str, folder: Path) -> None:
    change(folder, **HUGE[what])
    with pytest.raises(RobenchError, match=r"its config\.json (asks for a .* much larger|has 1e\+09 labels)"):
        LOADERS[loader](folder)


def test_config_with_labels_by_name_is_held_against_its_weights(folder: Path) -> None:
    change(folder, id2label={str(i): str(i) for i in range(5)}, num_hidden_layers=10**6)
    as_pickle(folder)
    with pytest.raises(RobenchError, match="much larger than its weights"):
        load_pretrained(files(folder))


@pytest.mark.parametrize(
    "header",
    [
        {"x": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}},
        {"x": {"dtype": "F32", "shape": "no shape"}},
        {"x": 1},
        [],
    ],
)
def test_header_of_weights_that_lies_makes_nothing_larger(header: Any, folder: Path) -> None:
    content = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(content)) + content + b"1234")
    change(folder, num_labels=10**9)
    with pytest.raises(RobenchError, match=r"1e\+09 labels"):
        load_pretrained(files(folder))


def test_model_that_fits_its_weights_is_accepted_in_either_form(folder: Path) -> None:
    assert find_encoder(str(folder)).model() and load_pretrained(files(folder))
    as_pickle(folder)
    assert find_encoder(str(folder)).model() and load_pretrained(files(folder))


def test_check_of_size_leaves_the_random_numbers_alone(folder: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    foreign_model.check_size(files(folder), tiny.encoder)
    assert torch.equal(torch.rand(3), expected)


ATTENTIONS: list[dict[str, Any]] = [
    {"_attn_implementation": "someone/kernel"},
    {"attn_implementation": "someone/kernel@v1:fast"},
    {"_attn_implementation_internal": "eager|someone/kernel"},
    {"_attn_implementation": {"": "eager", "encoder": "someone/kernel"}},
    {"text_config": {"attn_implementation": "someone/kernel"}},
    {"attn_implementation": "flash_attention_2"},
]


@pytest.mark.parametrize("values", ATTENTIONS, ids=str)
@pytest.mark.parametrize("loader", LOADERS)
def test_attention_from_elsewhere_is_neither_fetched_nor_run(
    loader: str, values: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, *_: Any, **__: Any) -> None:
        raise AssertionError(f"{name} was fetched")

    for place in (transformers.modeling_utils, transformers.integrations.hub_kernels):
        for function in ("load_and_register_kernel", "load_and_register_attn_kernel"):  # of Transformers 4, of 5
            monkeypatch.setattr(place, function, fetch, raising=False)
    change(folder, **values)
    with pytest.raises(RobenchError, match=r"the attention '.*', which may be code from the Hub; robench runs eager"):
        LOADERS[loader](folder)


@pytest.mark.parametrize("name", foreign_model.ATTENTIONS[:2])
def test_attention_of_transformers_itself_is_accepted(name: str, folder: Path) -> None:
    change(folder, attn_implementation=name)
    assert find_encoder(str(folder)).model()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("loader", LOADERS)
def test_code_of_a_model_is_not_run_and_no_question_is_asked(
    loader: str, file: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM", "AutoModelForSequenceClassification")
    auto_map: dict[str, Any] = dict.fromkeys(names, "mine.Mine") | {"AutoTokenizer": ["mine.Mine", None]}
    if file == "config.json":
        del auto_map["AutoTokenizer"]
        change(folder, model_type="mine")
    change(folder, file, auto_map=auto_map)
    (folder / "mine.py").write_text("raise SystemExit('it ran')", "utf-8")
    monkeypatch.setattr(builtins, "input", lambda question: "y")
    monkeypatch.setattr("select.select", lambda *_: ([True], [], []))
    with pytest.raises(RobenchError, match="brings Python code of its own; "):
        LOADERS[loader](folder)


def test_code_in_another_repository_is_refused_even_if_it_is_trusted(folder: Path) -> None:
    change(folder, auto_map={"AutoModel": "someone/else--mine.Mine"})
    with pytest.raises(RobenchError, match=r"runs code of another repository .* nothing pins its revision"):
        find_encoder(str(folder), trust_remote_code=True)


def test_small_models_of_the_tests_pass(tmp_path: Path) -> None:
    assert language_models.load_masked_model(str(small_models.bert(tmp_path / "bert")))
