"""One stored model gives the same keys, logits and records under every version of its libraries.

Its folder is the same bytes everywhere: a formula gives the weights as fractions, and the tokenizer's file is written
here and not by a library. So what was frozen under Transformers 4 holds under Transformers 5.

``ROBENCH_FREEZE=1 python -m pytest tests/test_stored_model.py`` writes the golden in place of comparing with it.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.results import records
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import Store
from robench.victims.find import find_victim
from support.freezing import FREEZING, GOLDENS, how
from support.small_bert import LETTERS, SHAPE, SPECIAL, words_of
from support.tiny_job import robench, rows, write_data

GOLDEN = GOLDENS / "stored_model.json"
TEXTS = [text for text, _ in rows(12, 40)]
VOCABULARY = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words_of(text for text, _ in rows(60))]
WORDS = {word: number for number, word in enumerate(dict.fromkeys(VOCABULARY))}

CONFIG: dict[str, Any] = {
    "model_type": "robench_classifier",
    "encoder_config": {"model_type": "bert", "vocab_size": len(WORDS), "max_position_embeddings": 48, **SHAPE},
    "id2label": {"0": "positive", "1": "negative"},
    "label2id": {"positive": 0, "negative": 1},
    "dtype": "float32",
}


def _special(name: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": WORDS[name], "content": name, **flags, "special": True}


def _part(kind: str, name: str, row: int = 0) -> dict[str, Any]:
    return {kind: {"id": name, "type_id": row}}


TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [_special(name) for name in SPECIAL],
    "normalizer": {
        **{"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True},
        **{"strip_accents": None, "lowercase": True},
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [_part("SpecialToken", "[CLS]"), _part("Sequence", "A"), _part("SpecialToken", "[SEP]")],
        "pair": [_part("Sequence", "A"), _part("Sequence", "B", 1)],
        "special_tokens": {name: {"id": name, "ids": [WORDS[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")},
    },
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {
        **{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"},
        **{"max_input_chars_per_word": 100, "vocab": WORDS},
    },
}


def _fill(shape: tuple[int, ...], number: int, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Fractions between -0.5 and 0.5 that a float32 holds exactly; a norm's weights lie around 1."""
    steps = (np.arange(np.prod(shape), dtype=np.int64) * 40_503 + number * 7_919 + 12_345) * 48_271 % 65_537 % 65_536
    values = (steps / 65_536 - 0.5).astype(np.float32).reshape(shape)
    if name == "head.bias":  # so that both labels are predicted
        values += np.array([-17 / 64, 17 / 64], dtype=np.float32)
    return (values / 8 + 1).astype(np.float32) if name.endswith("LayerNorm.weight") else values


def write_model(folder: Path) -> Path:
    """Write the model as ``robench export`` does, and give the folder."""
    with torch.device("meta"):
        network = RobenchForSequenceClassification(RobenchConfig.from_dict(copy.deepcopy(CONFIG)))
    state = {
        name: _fill(tuple(value.shape), number, name)
        for number, (name, value) in enumerate(sorted(network.state_dict().items()))
    }
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(state, metadata={"format": "pt"}))
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 40}
    for name, content in (("config", CONFIG), ("tokenizer", TOKENIZER), ("tokenizer_config", settings)):
        (folder / f"{name}.json").write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
    return folder


@pytest.fixture
def found(tmp_path: Path, textattack: Any, one_thread: None) -> dict[str, Any]:
    """What this version of everything makes of the model."""
    folder = write_model(tmp_path / "stored")
    source = find_victim(folder)
    scorer = source.load(max_length=None, precision="fp32", device=torch.device("cpu"))
    runs, data = tmp_path / "runs", write_data(tmp_path / "data", test=12)
    command = ("attack", "--model", folder, "--task", "mr", "--data", data, "--runs", runs, "--preset", "quick")
    attack = ("--attack", "deepwordbug", "--set", "deepwordbug.max_words_changed=0.1")
    done = robench(*command, *attack, "--precision", "fp32", "--device", "cpu", "--offline")
    assert done.exit_code == 0, done.output
    store = Store(runs)
    (model,), (cell,) = store.stages(ModelInfo), store.stages(CellInfo)
    lines = records.read(cell.folder / "records.jsonl")
    return {
        "digest": source.digest,
        "keys": [model.key, cell.key],
        "logits": scorer(TEXTS).tolist(),
        "records": [[line.id, line.status, line.queries, line.final] for line in lines],
    }


def test_stored_model_has_the_frozen_keys_logits_and_records(found: dict[str, Any]) -> None:
    if FREEZING:
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert GOLDEN.exists(), how(__file__)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {record[1] for record in golden["records"]} == {"succeeded", "failed", "skipped"}
    assert (found["digest"], found["keys"]) == (golden["digest"], golden["keys"])
    assert found["records"] == golden["records"]
    torch.testing.assert_close(torch.tensor(found["logits"]), torch.tensor(golden["logits"]), rtol=0, atol=1e-5)
