"""Hidden states of an encoder's layers: read as the encoder itself gives them, changed on the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, FunnelConfig, FunnelModel, XLNetConfig, XLNetModel

from robench.errors import RobenchError
from robench.models.batches import Inputs
from robench.models.classifier import Classifier
from support.encoder_families import FAMILIES

TEXTS: Inputs = {
    "input_ids": torch.tensor([[5, 6, 7, 8], [9, 8, 0, 0], [7, 7, 5, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]),
}


def family(name: str) -> Classifier:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return Classifier(AutoModel.from_config(FAMILIES[name]()), 2).eval()


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "deberta-v2"])
def test_hidden_states_of_each_layer_are_those_that_the_encoder_returns(name: str) -> None:
    network = family(name)
    expected = network.encoder(**network._accepts(TEXTS), output_hidden_states=True).hidden_states
    assert network.layer_count == len(expected) - 1 == 2
    for number in (1, 2):
        with network.at_layer(number) as hidden:
            outputs = network(TEXTS)
        assert torch.equal(hidden.value, expected[number])
        assert torch.equal(outputs.logits, network(TEXTS).logits)


@pytest.mark.parametrize("name", FAMILIES)
def test_states_changed_at_a_layer_are_those_that_the_rest_computes_with(name: str) -> None:
    network, order = family(name), torch.tensor([2, 0, 1])
    texts = {key: value[:, :2] for key, value in TEXTS.items()}  # without padding, rows differ in their states alone
    swapped = {key: value[order] for key, value in texts.items()}
    for number in (1, 2):
        with network.at_layer(number, lambda states: states[order]) as hidden, network.at_layer(2) as last:
            found = network(texts)
        if name != "deberta-v2" or number == 2:  # whose convolution between its layers reads its embeddings, too
            torch.testing.assert_close(found.logits, network(swapped).logits)
        assert not torch.allclose(found.logits, network(texts).logits, atol=1e-4)
        assert hidden.value.shape == last.value.shape == (3, 2, 32)


def test_gradient_goes_through_a_change_into_the_layers_below() -> None:
    network = family("bert")
    with network.at_layer(1, lambda states: 0.5 * states) as hidden:
        network(TEXTS).logits.sum().backward()
    assert hidden.value.requires_grad
    weight = network.encoder.get_submodule("encoder.layer.0.output.dense").weight
    assert isinstance(weight, Tensor) and weight.grad is not None and weight.grad.abs().max() > 0


def test_each_pass_in_a_block_has_states_of_its_own_and_none_outside_it() -> None:
    network = family("albert")
    with network.at_layer(2) as hidden:
        with pytest.raises(ValueError, match="no text went through layer 2 yet"):
            _ = hidden.value
        network(TEXTS)
        first = hidden.value
        network({key: value[:1] for key, value in TEXTS.items()})
        second = hidden.value
    assert (first.shape, second.shape) == ((3, 4, 32), (1, 4, 32))
    network(TEXTS)
    assert hidden.value is second


def test_layer_out_of_range_is_rejected_with_the_range() -> None:
    with pytest.raises(RobenchError, match=r"BertModel has layers 1 to 2; the defense asks for layer 3\."):
        family("bert").at_layer(3)


def test_change_of_shape_is_rejected() -> None:
    network = family("bert")
    with pytest.raises(RobenchError, match=r"hidden states of \(3, 4, 32\) were changed to \(2, 4, 32\)"):
        with network.at_layer(1, lambda states: states[:2]):
            network(TEXTS)


def test_encoder_without_reachable_layers_is_rejected_with_a_sentence() -> None:
    funnel = FunnelConfig(vocab_size=99, block_sizes=[1, 2], d_model=16, n_head=2, d_head=8, d_inner=16)
    with pytest.raises(RobenchError, match=r"FunnelModel has no list of layers .* take another encoder"):
        _ = Classifier(FunnelModel(funnel), 2).layer_count
    xlnet = XLNetConfig(vocab_size=99, d_model=32, n_layer=2, n_head=2, d_inner=32)
    network = Classifier(XLNetModel(xlnet), 2)  # its states are tokens x texts x dimensions
    with pytest.raises(RobenchError, match="layer 1 of XLNetModel returns no hidden states of texts x tokens"):
        with network.at_layer(1):
            network(TEXTS)
