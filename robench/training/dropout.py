"""Dropout whose masks are cheap to draw on a CPU.

How it works: torch draws one float for each number that may be dropped, one after another on a single core, and for
attention in bfloat16 it also computes in float32; together that is a sixth of a training step. Here one random 64-bit
integer is split into four 16-bit integers, and a number is kept if its 16 bits reach a threshold: one draw decides four
numbers. A ``TorchFunctionMode`` replaces dropout and attention inside the block, so networks need no change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_VALUES = 2**16  # number of values of 16 bits


def use_fast_dropout(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Draw all dropout masks inside the block from few random numbers, if the device is a CPU.

    This replaces ``functional.dropout``, which ``nn.Dropout`` calls, and ``functional.scaled_dot_product_attention``.
    The numbers come from torch's default generator, so the same seed or state gives the same masks. The drop
    probability is rounded to the nearest multiple of 2**-16, and kept numbers are scaled by exactly that probability.
    On a GPU, which draws fast enough, nothing changes.

    Args:
        device: the device of the networks.
    """
    return _FastDropout() if device.type == "cpu" else contextlib.nullcontext()


class _FastDropout(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _REPLACEMENTS.get(function, function)(*args, **(kwargs or {}))


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    bits = round(p * _VALUES)
    if not training or inplace or not 0 < bits < _VALUES or not input.is_cpu or not input.is_floating_point():
        return functional.dropout(input, p, training, inplace)
    draws = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)  # None: up to the largest
    kept = draws.view(torch.int16)[: input.numel()].view(input.shape) >= bits - _VALUES // 2
    return input * kept.to(input.dtype).mul_(_VALUES / (_VALUES - bits))


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Compute attention with dropout by its definition: (..., L, E), (..., S, E), (..., S, V) -> (..., L, V)."""
    if dropout_p == 0 or is_causal or enable_gqa or not query.is_cpu:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return _dropout(scores.softmax(-1).to(value.dtype), dropout_p) @ value


_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.dropout: _dropout,
    functional.scaled_dot_product_attention: _attention,
}
