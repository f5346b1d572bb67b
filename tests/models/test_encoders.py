from __future__ import annotations

import json
import logging.handlers
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DebertaConfig,
    DebertaModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizerFast,
    T5Config,
    T5EncoderModel,
    T5Model,
)

from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi
from robench.errors import RobenchError, UnavailableError
from robench.models.encoders import EncoderSource, find_encoder
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import digest_folder
from robench.study.stages import trained_model
from robench.training.defense import Defense
from robench.training.settings import TrainingSettings
from support import tiny
from support.dataset_hub import use_hub
from support.http_server import LocalServer, QuietHandler

LENGTH = 12
SETTINGS = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=LENGTH)
WORDS = len(tiny.tokenizer())


def byte_pairs(folder: Path) -> Any:
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator([example.text for example in tiny.examples(60)], 300, special_tokens=special)
    folder.mkdir()
    return RobertaTokenizerFast(*trained.save_model(str(folder)))


def with_type_ids() -> Any:
    """Any tokenizer saved by the tokenizers library is loaded as this class, which gives token_type_ids."""
    return PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer().backend_tokenizer, pad_token="[PAD]")


def save_family(name: str, folder: Path) -> None:
    """A pre-trained encoder of that family, with a tokenizer, as small as it goes."""
    shape = {**tiny.SHAPE, "vocab_size": WORDS, "max_position_embeddings": LENGTH}
    relative: dict[str, Any] = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}
    made: dict[str, Callable[[], tuple[Any, Any]]] = {
        "bert": lambda: (tiny.encoder(), tiny.tokenizer()),
        "roberta": lambda: (
            # Its positions begin after the padding's number.
            RobertaModel(
                RobertaConfig(
                    **{**shape, "vocab_size": 300, "max_position_embeddings": LENGTH + 2},
                    type_vocab_size=1,
                    pad_token_id=1,
                )
            ),
            byte_pairs(folder.with_name("byte_pairs")),
        ),
        "distilbert": lambda: (
            DistilBertModel(
                DistilBertConfig(
                    vocab_size=WORDS, max_position_embeddings=LENGTH, dim=32, n_layers=2, n_heads=2, hidden_dim=64
                )
            ),
            with_type_ids(),
        ),
        "electra": lambda: (ElectraModel(ElectraConfig(**shape, embedding_size=16)), tiny.tokenizer()),
        "deberta": lambda: (DebertaModel(DebertaConfig(**shape, **relative)), tiny.tokenizer()),
        "deberta-v2": lambda: (DebertaV2Model(DebertaV2Config(**shape, **relative)), tiny.tokenizer()),
    }
    with torch.random.fork_rng([]):
        model, tokenizer = made[name]()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders") / "bert"
    save_family("bert", folder)
    tiny.tokenizer().backend_tokenizer.model.save(str(folder))  # vocab.txt, which Transformers 5 does not write
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "encoder")


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "deberta", "deberta-v2"])
def test_an_encoder_of_any_family_is_trained_saved_and_loaded(family: str, tmp_path: Path) -> None:
    save_family(family, tmp_path / family)
    source = find_encoder(str(tmp_path / family))
    tokenizer = source.tokenizer()
    defenses: list[Defense] = [Base(), TaiChi()]
    texts = [example.text for example in tiny.examples(20)]
    for defense in defenses:
        rows = tiny.rows(16, pairs=defense.network_count == 2)
        result = tiny.trained(defense, rows, SETTINGS, encoder=source.model, tokenizer=tokenizer)
        trained_model.save(tmp_path / "model", result.predictor.classifier, tokenizer, [], [], tiny.model_info())
        loaded = trained_model.load(tmp_path / "model", 2, max_length=LENGTH, precision="fp32", device=tiny.CPU)
        assert torch.equal(loaded.logits(texts), result.predictor.logits(texts))
        assert loaded.logits(texts).isfinite().all()


def test_an_encoder_is_what_was_saved(folder: Path) -> None:
    source = find_encoder(str(folder))
    assert source.location == str(folder)
    weights = source.model().state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in tiny.encoder().state_dict().items())
    assert source.tokenizer()("the film")["input_ids"] == tiny.tokenizer()("the film")["input_ids"]


def test_half_precision_weights_are_trained_in_full(folder: Path) -> None:
    tiny.encoder().half().save_pretrained(folder)
    assert {value.dtype for value in find_encoder(str(folder)).model().state_dict().values()} == {torch.float32}


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def add(path: Path) -> None:
    path.write_text("something new")


@pytest.mark.parametrize(
    ("change", "name", "differs"),
    [
        (flip_last_byte, "model.safetensors", True),
        (flip_last_byte, "config.json", True),
        (flip_last_byte, "tokenizer.json", True),
        (flip_last_byte, "tokenizer_config.json", True),
        (flip_last_byte, "vocab.txt", True),
        (Path.unlink, "vocab.txt", True),
        (add, "merges.txt", True),
        (add, "README.md", False),
        (add, ".gitattributes", False),
        (add, "pytorch_model.bin", False),
        (Path.touch, "model.safetensors", False),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_digest_is_that_of_what_decides_the_outputs(
    change: Callable[[Path], None], name: str, differs: bool, folder: Path, original: Path
) -> None:
    before = digest_folder(folder)
    assert before == digest_folder(original)
    change(folder / name)
    assert (digest_folder(folder) != before) is differs


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        (["config.json"], "has no config.json"),
        (["model.safetensors"], "has no weights"),
        (["tokenizer.json", "vocab.txt"], "has no tokenizer"),
    ],
    ids=["config", "weights", "tokenizer"],
)
def test_a_folder_that_lacks_a_part_is_told_which(missing: list[str], complaint: str, folder: Path) -> None:
    for name in missing:
        (folder / name).unlink()
    with pytest.raises(RobenchError, match=complaint) as error:
        find_encoder(str(folder))
    assert str(folder) in str(error.value)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def emptied(path: Path) -> None:
    path.write_text("{}")


def no_object(path: Path) -> None:
    path.write_text("[1]")


@pytest.mark.parametrize(
    ("harm", "name", "part"),
    [
        (torn, "model.safetensors", "weights"),
        (add, "model.safetensors", "weights"),
        (torn, "config.json", "weights"),
        (emptied, "config.json", "weights"),
        (no_object, "config.json", "weights"),
        (torn, "tokenizer.json", "tokenizer"),
        (emptied, "tokenizer.json", "tokenizer"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_file_is_a_sentence_about_its_part(
    harm: Callable[[Path], None], name: str, part: str, folder: Path
) -> None:
    harm(folder / name)
    source = find_encoder(str(folder))
    with pytest.raises(RobenchError, match=f"its {part} cannot be loaded from") as error:
        source.tokenizer() if part == "tokenizer" else source.model()
    assert str(folder) in str(error.value)


def test_weights_of_another_architecture_are_not_taken_for_random_ones(folder: Path) -> None:
    trained_model.save(folder, tiny.classifier(), tiny.tokenizer(), [], [], tiny.model_info())
    with pytest.raises(RobenchError, match=r"its weights lack \d+ tensors of a bert, such as "):
        find_encoder(str(folder)).model()


def test_a_language_model_is_an_encoder_with_a_head_too_many(folder: Path) -> None:
    language_model = BertForMaskedLM(BertConfig(vocab_size=WORDS, **tiny.SHAPE))
    language_model.save_pretrained(folder)
    said = logging.handlers.BufferingHandler(100)
    logging.getLogger("transformers").addHandler(said)
    try:
        weights = find_encoder(str(folder)).model().state_dict()
    finally:
        logging.getLogger("transformers").removeHandler(said)
    for name, value in language_model.bert.state_dict().items():
        assert torch.equal(weights[name], value)
    assert said.buffer == []  # a head or a pooler more or less is no news


CODE = """
from transformers import BertConfig, BertModel

class MineConfig(BertConfig):
    model_type = "mine"

class Mine(BertModel):
    config_class = MineConfig
"""


@pytest.fixture
def with_code(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An encoder that brings its own code."""
    # Transformers copies the code to its cache and imports it from there: not the user's cache here.
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = json.loads((folder / "config.json").read_text("utf-8"))
    classes = {"AutoConfig": "code_of_mine.MineConfig", "AutoModel": "code_of_mine.Mine"}
    config |= {"model_type": "mine", "auto_map": classes}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "code_of_mine.py").write_text(CODE, "utf-8")
    return folder


def test_an_encoder_with_code_is_refused_without_consent(with_code: Path) -> None:
    with pytest.raises(RobenchError, match=r"brings Python code of its own; .* allow it with --trust-remote-code"):
        find_encoder(str(with_code))


def test_an_encoder_with_code_is_trained_and_loaded_with_consent(with_code: Path, tmp_path: Path) -> None:
    source = find_encoder(str(with_code), trust_remote_code=True)
    assert [file.name for file in source.code] == ["code_of_mine.py"]
    result = tiny.trained(Base(), tiny.rows(16), SETTINGS, encoder=source.model, tokenizer=source.tokenizer())
    made = tmp_path / "model"
    classifier = result.predictor.classifier
    trained_model.save(made, classifier, source.tokenizer(), [], [], tiny.model_info(), source.code)
    options: dict[str, Any] = {"max_length": LENGTH, "precision": "fp32", "device": tiny.CPU}
    loaded = trained_model.load(made, 2, **options, trust_remote_code=True)
    assert type(loaded.classifier.encoder).__name__ == "Mine"
    assert torch.equal(loaded.logits(["the film"]), result.predictor.logits(["the film"]))
    with pytest.raises(RobenchError, match="only a `robench run` with --trust-remote-code runs it"):
        trained_model.load(made, 2, **options)


def test_the_digest_of_an_encoder_has_its_code_if_that_is_trusted(with_code: Path, original: Path) -> None:
    before = find_encoder(str(with_code), trust_remote_code=True).digest
    (with_code / "code_of_mine.py").write_text(CODE + "# edited", "utf-8")
    assert find_encoder(str(with_code), trust_remote_code=True).digest != before
    assert find_encoder(str(original), trust_remote_code=True) == find_encoder(str(original))


def test_a_tokenizer_without_padding_is_refused(folder: Path) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer().backend_tokenizer)
    for file in folder.glob("*token*"):
        file.unlink()
    bare.save_pretrained(folder)
    with pytest.raises(RobenchError, match="no padding token"):
        find_encoder(str(folder)).tokenizer()


@pytest.mark.parametrize("kind", [T5Model, T5EncoderModel], ids=lambda kind: kind.__name__)
def test_an_encoder_decoder_is_refused(kind: Any, folder: Path) -> None:
    kind(T5Config(vocab_size=WORDS, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)).save_pretrained(folder)
    with pytest.raises(RobenchError, match=r"is a t5, not an encoder of tokens|tensors of a t5"):
        find_encoder(str(folder)).model()


@pytest.mark.parametrize("name", ["./no-such-folder", "/no/such/folder", "~/no-such-folder"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(name: str) -> None:
    with pytest.raises(RobenchError, match=f"encoder folder {name} does not exist"):
        find_encoder(name)


# The Hub


class Hub(QuietHandler):
    """Knows one model, and one commit of it."""

    def do_GET(self) -> None:
        if self.path == "/api/models/house/bert":
            self.answer(200, b'{"id": "house/bert", "sha": "c0ffee"}')
        elif self.path.startswith("/api/models/house/bert/revision/"):
            self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif self.path == "/api/models/house/down":
            self.answer(500, b"{}")
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalServer]:
    """A Hub of our own with an empty cache."""
    server = LocalServer(Hub)
    # Files would be asked of the real Hub, whose address the library fixes when it is imported.
    monkeypatch.setattr("robench.resources.model_files.ModelFiles.locate", lambda *_: None)
    with server.run() as address:
        use_hub(monkeypatch, address, tmp_path / "hub")
        yield server


def test_a_model_of_the_hub_is_pinned_to_its_commit(hub: LocalServer) -> None:
    source = find_encoder("house/bert")
    assert (source.location, source.revision) == ("house/bert", "c0ffee")
    assert source.digest != find_encoder_cached(hub, "house/bert", commit="decaf").digest
    assert source.digest == find_encoder_cached(hub, "house/bert", commit="c0ffee").digest


def find_encoder_cached(hub: LocalServer, name: str, commit: str) -> EncoderSource:
    """The encoder, offline, from a cache of that commit."""
    cached = Path(huggingface_hub.constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    (cached / "snapshots" / commit).mkdir(parents=True)
    (cached / "snapshots" / commit / "config.json").write_text("{}")
    (cached / "refs").mkdir(exist_ok=True)
    (cached / "refs" / "main").write_text(commit)
    found = find_encoder(name, offline=True)
    assert found.location == str(cached / "snapshots" / commit)
    return found


@pytest.mark.parametrize(
    ("name", "offline", "complaint"),
    [
        ("house/none", False, "neither bundled .* nor a folder nor a model of the Hub"),
        ("a b c", False, "neither bundled .* nor a folder nor a model of the Hub"),
        ("house/down", False, "the Hub cannot be reached"),
        ("house/bert", True, "--offline is set; give a folder .* or use the bundled encoder minilm"),
        ("a b c", True, "neither bundled .* nor a folder nor a model of the Hub"),
    ],
)
def test_what_the_hub_does_not_give_is_an_error(name: str, offline: bool, complaint: str, hub: LocalServer) -> None:
    with pytest.raises(RobenchError, match=complaint):
        find_encoder(name, offline=offline)


def test_revision_that_the_hub_does_not_have_is_told_from_a_hub_that_cannot_be_reached(hub: LocalServer) -> None:
    sentence = "it is not in the Hub's cache on this machine and the Hub has no such revision of it."
    with pytest.raises(UnavailableError, match=f"^{re.escape(sentence)}$"):
        find_on_hub("house/bert", "it", (), "give a folder", revision="no-such-branch")


def test_without_a_network_the_hub_is_tried_once(hub: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.shutdown()
    hub.server_close()
    tried: list[object] = []
    connect = socket.socket.connect

    def counted(self: socket.socket, address: Any) -> None:
        tried.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", counted)
    with pytest.raises(RobenchError, match=r"cannot be reached .*; give a folder"):
        find_encoder("house/bert")
    assert tried == [("127.0.0.1", hub.server_port)]


@pytest.mark.parametrize(
    ("family", "room"),
    [("bert", 64), ("roberta", LENGTH), ("distilbert", LENGTH), ("electra", LENGTH), ("deberta", LENGTH)],
)
def test_more_tokens_than_an_encoder_has_positions_are_a_sentence(family: str, room: int, tmp_path: Path) -> None:
    save_family(family, tmp_path / "encoder")
    source = find_encoder(str(tmp_path / "encoder"))
    (tmp_path / "encoder" / "model.safetensors").unlink()  # no weights are needed
    source.check_length(room)
    with pytest.raises(RobenchError, match=rf"room for {room} tokens.*--set training\.max_length={room}\."):
        source.check_length(room + 1)


def test_digest_of_pipe_is_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(RobenchError, match=r"config\.json cannot be read: it is a folder, a pipe"):
        digest_folder(tmp_path)
