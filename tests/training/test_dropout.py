"""Dropout with cheap masks: the right share, the right scale, the same attention."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from robench.defenses.base import Base
from robench.training.dropout import use_fast_dropout
from robench.training.perturbation import replay_dropout
from robench.training.settings import TrainingSettings
from support import tiny

NEGLIGIBLE = 1e-9
"""A probability to drop that takes the way of dropout and drops nothing."""


@pytest.fixture
def seeded() -> None:
    torch.manual_seed(3)


def dropped(layer: nn.Module, numbers: torch.Tensor) -> torch.Tensor:
    with use_fast_dropout(tiny.CPU):
        found: torch.Tensor = layer(numbers)
    return found


@pytest.mark.parametrize("p", [0.0001, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.usefixtures("seeded")
def test_numbers_are_dropped_as_often_as_asked_and_the_rest_scaled(p: float, dtype: torch.dtype) -> None:
    numbers = torch.full((1000, 403), 3.0, dtype=dtype)
    found = dropped(nn.Dropout(p), numbers)
    assert found.dtype == dtype
    zeros = found == 0
    wanted, error = p, math.sqrt(p * (1 - p) / 100_000)
    for lane in range(4):  # four masks come from one draw
        assert zeros.flatten()[lane::4].double().mean().item() == pytest.approx(wanted, abs=5 * error + 1e-5)
    torch.testing.assert_close(found[~zeros], torch.full_like(found[~zeros], 3 / (1 - p)), rtol=1e-2, atol=0)
    if dtype != torch.bfloat16:  # which rounds the scale
        assert found.double().mean().item() == pytest.approx(3, rel=10 * error / 2 / (1 - p) + 1e-5)


@pytest.mark.usefixtures("seeded")
def test_neighbours_are_dropped_independently() -> None:
    zeros = dropped(nn.Dropout(0.5), torch.ones(400_000)) == 0
    for distance in (1, 2, 3, 4):
        both = (zeros[:-distance] & zeros[distance:]).double().mean().item()
        assert both == pytest.approx(0.25, abs=0.004)


@pytest.mark.usefixtures("seeded")
def test_gradients_go_where_the_numbers_stayed() -> None:
    numbers = torch.ones(6, 50, requires_grad=True)
    found = dropped(nn.Dropout(0.3), numbers)
    found.sum().backward()
    assert numbers.grad is not None
    assert torch.equal(numbers.grad, found.detach())
    assert 0 < (found == 0).sum() < 300


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.0), nn.Dropout(0.4).eval(), nn.Dropout(NEGLIGIBLE)], ids=["p=0", "eval", "negligible"]
)
def test_without_dropout_nothing_changes(layer: nn.Module) -> None:
    numbers = torch.randn(40, 5)
    torch.testing.assert_close(dropped(layer, numbers), numbers)


def test_the_rest_is_torchs() -> None:
    numbers = torch.ones(100)
    assert not dropped(nn.Dropout(1.0), numbers).any()
    assert dropped(nn.Dropout(0.5, inplace=True), numbers) is numbers
    assert (numbers == 0).any()


def test_a_seed_gives_the_same_masks_again() -> None:
    layer, numbers = nn.Dropout(0.5), torch.ones(500)
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(dropped(layer, numbers))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_the_same_dropout_is_that_of_the_pass_before() -> None:
    layer, numbers = nn.Dropout(0.5), torch.ones(500)
    state = replay_dropout(None, tiny.CPU)
    first = dropped(layer, numbers)
    assert not torch.equal(dropped(layer, numbers), first)
    replay_dropout(state, tiny.CPU)
    assert torch.equal(dropped(layer, numbers), first)


@pytest.mark.parametrize("context", [contextlib.nullcontext(), use_fast_dropout(torch.device("cuda"))])
def test_elsewhere_masks_are_torchs_own(context: Any) -> None:
    torch.manual_seed(1)
    before = functional.dropout(torch.ones(50))
    dropped(nn.Dropout(), torch.ones(50))
    torch.manual_seed(1)
    with context:
        assert torch.equal(functional.dropout(torch.ones(50)), before)


def attended(parts: list[torch.Tensor], **options: Any) -> list[torch.Tensor]:
    """What comes of attention, and its gradients."""
    query, key, value = leaves = [part.clone().requires_grad_() for part in parts]
    found = functional.scaled_dot_product_attention(query, key, value, **options)
    found.square().sum().backward()
    return [found.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def allowed(dtype: torch.dtype) -> torch.Tensor:
    """The second of two texts has three places of padding; as yes and no, or as what is added."""
    mask = torch.ones(2, 1, 1, 7, dtype=torch.bool)
    mask[1, ..., 4:] = False
    return mask if dtype == torch.bool else torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(dtype).min)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attn_mask": allowed(torch.bool)},
        {"attn_mask": allowed(torch.float32)},
        {"attn_mask": allowed(torch.float32), "scale": 0.7},
        {"is_causal": True},
    ],
    ids=["plain", "mask", "added", "scaled", "causal"],
)
@pytest.mark.usefixtures("seeded")
def test_attention_is_torchs(options: dict[str, Any]) -> None:
    parts = [torch.randn(2, 3, 7, 8) for _ in range(3)]
    expected = attended(parts, **options)
    with use_fast_dropout(tiny.CPU):
        found = attended(parts, dropout_p=NEGLIGIBLE, **options)
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("seeded")
def test_attention_drops_weights_and_keeps_their_mean() -> None:
    query, key = torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    value = torch.eye(7).expand(2, 3, 7, 7)  # so that what comes of it is the weights
    weights = functional.scaled_dot_product_attention(query, key, value)
    with use_fast_dropout(tiny.CPU):
        drawn = [functional.scaled_dot_product_attention(query, key, value, dropout_p=0.25) for _ in range(2000)]
    shares = torch.stack(drawn) == 0
    assert shares.double().mean().item() == pytest.approx(0.25, abs=0.003)
    torch.testing.assert_close(torch.stack(drawn).mean(0), weights, rtol=0.1, atol=1e-3)


def test_training_on_a_cpu_draws_its_masks_this_way() -> None:
    def drawn(dropout: float) -> set[str]:
        with profile(activities=[ProfilerActivity.CPU]) as events:
            tiny.trained(
                Base(),
                tiny.rows(8),
                TrainingSettings(epochs=1, batch_size=8),
                encoder=lambda: tiny.encoder(dropout=dropout),
            )
        return {event.key for event in events.key_averages()}

    assert "aten::random_" in drawn(0.1) - drawn(0.0)
    assert "aten::bernoulli_" not in drawn(0.1)
