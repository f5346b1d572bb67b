"""Packed weights: the same answers, and nothing left behind."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from torch import nn

from robench.attacking.engine import attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.models import devices, packing
from robench.models.batches import Shape
from robench.models.classifier import Classifier
from robench.models.packing import pack_weights
from robench.models.predictor import Predictor, Reading
from support import tiny


def packable(dtype: torch.dtype) -> pytest.MarkDecorator:
    """Not every machine multiplies packed weights, and fewer do so in bfloat16."""
    return pytest.mark.skipif(
        not packing._has_packing(dtype), reason=f"this machine or this torch has no packed weights in {dtype}"
    )


needs_packing = packable(torch.float32)
PRECISIONS: Sequence[devices.Precision] = ("fp32", "bf16")


def logits(model: Classifier, precision: devices.Precision) -> torch.Tensor:
    inputs = {"input_ids": torch.arange(24).reshape(3, 8), "attention_mask": torch.ones(3, 8, dtype=torch.long)}
    with torch.inference_mode(), devices.autocast(precision, tiny.CPU):
        found: torch.Tensor = model(inputs).logits
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_answers_stay(precision: devices.Precision) -> None:
    model = tiny.classifier().eval()
    plain = logits(model, precision)
    with pack_weights(model, precision):
        found = logits(model, precision)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-6)
    assert torch.equal(logits(model, precision), plain)


@pytest.mark.parametrize(
    "precision",
    [pytest.param("fp32", marks=needs_packing), pytest.param("bf16", marks=packable(torch.bfloat16))],
)
def test_packed_weights_are_used_inside_and_only_there(precision: devices.Precision) -> None:
    model = tiny.classifier().eval()
    before = logits(model, precision)
    with pack_weights(model, precision):
        with torch.no_grad():
            for parameter in model.encoder.parameters():
                parameter.mul_(2 if parameter.ndim == 2 and parameter.shape[0] < 100 else 1)  # not the embeddings
        inside = logits(model, precision)
    assert not torch.allclose(logits(model, precision), before, atol=1e-4)
    torch.testing.assert_close(inside, before, rtol=0, atol=1e-2)
    assert not any("forward" in vars(module) for module in model.modules())


def test_gradients_flow_through_the_weights_themselves() -> None:
    layer = nn.Linear(4, 3)
    with pack_weights(layer, "fp32"):
        layer(torch.ones(2, 4)).sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, torch.full((3, 4), 2.0))


def test_a_layer_outside_of_autocast_stays_in_float32() -> None:
    layer, input = nn.Linear(64, 8), torch.randn(5, 64)
    with pack_weights(layer, "bf16"), torch.inference_mode():
        output = layer(input)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, nn.functional.linear(input, layer.weight, layer.bias), rtol=0, atol=1e-6)


@needs_packing
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_head_gives_a_row_the_same_bits_wherever_it_stands_in_the_batch(precision: devices.Precision) -> None:
    generator = torch.Generator().manual_seed(0)
    for width, classes in itertools.product((32, 64, 384), (2, 3, 6)):  # MKL's products differ for some of these
        layer, row = nn.Linear(width, classes), torch.randn(1, width, generator=generator)
        with pack_weights(layer, precision), torch.inference_mode():
            for rows in (4, 8, 10, 13):
                output = layer(row.repeat(rows, 1))
                assert torch.equal(output, output[:1].expand_as(output))


@needs_packing
def test_blocks_may_be_nested() -> None:
    layer = nn.Linear(4, 3)
    with pack_weights(layer, "fp32"):
        outer = layer.forward
        with pack_weights(layer, "fp32"):
            assert layer.forward is outer
        assert layer.forward is outer
    assert "forward" not in vars(layer)


def test_what_is_derived_from_a_linear_layer_does_as_it_likes() -> None:
    class Doubled(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    layer, input = Doubled(4, 3), torch.randn(2, 4)
    expected = layer(input)
    with pack_weights(layer, "fp32"), torch.inference_mode():
        assert torch.equal(layer(input), expected)


def test_a_machine_without_them_goes_on_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    model = tiny.classifier().eval()
    with pack_weights(model, "fp32"):
        assert not any("forward" in vars(module) for module in model.modules())


@pytest.mark.network
@needs_packing
def test_an_attack_packs_the_weights_from_its_first_question_to_its_end() -> None:
    model = tiny.classifier()

    class Watched(Predictor):
        def batch_logits(self, tokens: Sequence[Reading], shape: Shape) -> torch.Tensor:
            seen.append(any("forward" in vars(module) for module in model.modules()))
            return super().batch_logits(tokens, shape)

    seen: list[bool] = []
    victim = Watched(model, tiny.tokenizer(), max_length=24, precision="fp32", device=tiny.CPU)
    examples = [(i, e.text, e.label) for i, e in enumerate(tiny.examples(4))]
    found = attack_examples(DeepWordBug(), victim, examples, seed=0, attack_name="deepwordbug")
    next(found)
    found.close()
    assert seen and all(seen)
    assert not any("forward" in vars(module) for module in model.modules())
