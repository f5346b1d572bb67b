"""Models of today, as the installed Transformers saves them, are loaded as victims, and encoders if they are such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from robench.errors import RobenchError
from robench.models.classifier import Classifier
from robench.models.encoders import find_encoder
from robench.models.predictor import Predictor
from robench.victims.find import find_victim
from support import tiny
from support.classifier_families import WORDS, tiny_config
from support.small_models import alone

TEXTS = [example.text for example in tiny.examples(6, seed=4)]
FAMILIES = ("modernbert", "llama", "t5")
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")


def save_t5_tokenizer(folder: Path) -> None:
    """Write T5's kind of tokenizer, a unigram model with an end token, in the files of the installed Transformers."""
    special = {"<pad>": 0, "<extra>": 1, "<unk>": 2, "</s>": 3}  # its numbers are those of the tiny configurations
    pieces = [*special, "\u2581", *(f"\u2581{word}" for word in tiny.FILLERS), *tiny.LETTERS]
    assert len(pieces) <= WORDS
    inner = Tokenizer(models.Unigram([(piece, -float(at)) for at, piece in enumerate(pieces)], unk_id=2))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 3)])
    inner.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "unk_token": "<unk>"}))
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


@pytest.fixture(params=FAMILIES)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Any]:
    """A family's name, the folder of a classifier of it, and that classifier."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = AutoModelForSequenceClassification.from_config(tiny_config(request.param)).eval()
    network.save_pretrained(tmp_path)
    if request.param == "t5":
        save_t5_tokenizer(tmp_path)
    else:
        tiny.tokenizer().save_pretrained(tmp_path)
    return request.param, tmp_path, network


def test_classifier_that_was_saved_scores_texts_as_transformers_does(saved: tuple[str, Path, Any]) -> None:
    _, folder, network = saved
    scorer = find_victim(folder).load(max_length=None, precision="fp32", device=tiny.CPU)
    expected = alone((network, AutoTokenizer.from_pretrained(folder)), TEXTS)
    torch.testing.assert_close(scorer(TEXTS), expected, rtol=1e-5, atol=1e-5)
    assert expected.std(0).min() > 0.01, "texts have to differ"


def test_encoder_that_was_saved_is_loaded_or_refused_with_a_sentence(saved: tuple[str, Path, Any]) -> None:
    family, folder, _ = saved
    source = find_encoder(str(folder))
    if family == "t5":
        with pytest.raises(RobenchError, match="is a t5, not an encoder of tokens"):
            source.model()
        return
    encoder, plain = source.model(), AutoModel.from_pretrained(folder).eval()
    predictor = Predictor(Classifier(encoder, 2), source.tokenizer(), max_length=32, precision="fp32", device=tiny.CPU)
    found = predictor.outputs(TEXTS).representations
    with torch.no_grad():
        rows = [tiny.tokenizer()(text, return_tensors="pt") for text in TEXTS]
        states = [plain(row["input_ids"], attention_mask=row["attention_mask"]).last_hidden_state for row in rows]
    torch.testing.assert_close(found, torch.cat([state.mean(1) for state in states]), rtol=1e-5, atol=1e-5)
