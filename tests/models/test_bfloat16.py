"""Which networks can run in bfloat16."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel

from robench import RobenchError
from robench.models.batches import tokenise
from robench.models.bfloat16 import find_bfloat16_fault
from robench.models.classifier import Classifier
from robench.models.devices import autocast
from robench.models.encoders import find_encoder
from robench.victims.find import find_victim
from support import small_bert, tiny
from support.encoder_families import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_find_bfloat16_fault_of_a_family_is_what_the_network_itself_does(family: str) -> None:
    config = FAMILIES[family]()
    state = torch.random.get_rng_state()
    fault = find_bfloat16_fault(lambda: AutoModel.from_config(config), tiny.CPU)
    assert torch.equal(torch.random.get_rng_state(), state)
    network = AutoModel.from_config(config)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            network(input_ids=torch.tensor([[5, 6, 7]]), attention_mask=torch.tensor([[1, 1, 0]]))
    except RuntimeError as error:
        assert fault == f"RuntimeError: {error}"
    else:
        assert fault == ""
    assert bool(fault) == (family == "deberta")


def test_find_bfloat16_fault_of_a_network_that_fails_in_float32_is_not_known() -> None:
    class Broken(torch.nn.Linear):
        def forward(self, *inputs: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("it takes decoder_input_ids")

    assert find_bfloat16_fault(lambda: Broken(2, 2), tiny.CPU) == ""
    assert find_bfloat16_fault(lambda: None, tiny.CPU) == ""


def test_find_bfloat16_fault_of_folders_needs_no_weights(tmp_path: Path) -> None:
    words = small_bert.tokenizer(["good"])
    network = AutoModelForSequenceClassification.from_config(FAMILIES["deberta"]())
    folder = small_bert.save(tmp_path / "deberta", words, network)
    assert "BFloat16" in find_encoder(str(folder)).find_bfloat16_fault(tiny.CPU)
    assert "BFloat16" in find_victim(folder).find_bfloat16_fault(tiny.CPU)
    assert "BFloat16" in find_victim((network, words)).find_bfloat16_fault(tiny.CPU)
    plain = small_bert.save(tmp_path / "bert", words, small_bert.model(BertModel, words, seed=1, spread=0.1))
    assert find_encoder(str(plain)).find_bfloat16_fault(tiny.CPU) == ""


def test_classifier_whose_encoder_fails_names_it_and_the_precision() -> None:
    config = FAMILIES["deberta"]()
    config._name_or_path = "my/deberta"
    classifier = Classifier(AutoModel.from_config(config), 2)
    inputs = {"input_ids": torch.tensor([[5, 6, 7]]), "attention_mask": torch.tensor([[1, 1, 0]])}
    advice = r"DebertaModel my/deberta failed on a batch of 1 x 3 tokens: .*RuntimeError: .*try --precision fp32\.$"
    with pytest.raises(RobenchError, match=advice), autocast("bf16", tiny.CPU):
        classifier(inputs)
    classifier(inputs)
    with pytest.raises(RobenchError, match=r"DebertaModel my/deberta failed .*: IndexError[^-]*$"):
        classifier({**inputs, "input_ids": inputs["input_ids"] + 10**6})


def test_tokenise_whose_tokenizer_fails_names_it(tmp_path: Path) -> None:
    small_bert.tokenizer(["good"]).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    name = rf"{type(tokenizer).__name__} {tmp_path}"
    with pytest.raises(RobenchError, match=rf"the tokenizer {name} failed on 1 texts: \w+Error"):
        tokenise(tokenizer, ["good"], -5)
