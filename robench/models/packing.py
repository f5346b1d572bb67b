"""Linear layers with weights laid out for the CPU once, not anew for each batch.

A matrix product of oneDNN first brings the weights into the layout its kernel reads, and autocast casts them before
that; both cost about as much for a small batch as for a large one. :func:`pack_weights` does it once for many batches.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from typing import TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from robench.models.devices import Precision


@contextlib.contextmanager
def pack_weights(model: nn.Module, precision: Precision) -> Iterator[None]:
    """Keep the packed weights of the model's linear layers inside the block, in which its weights must not change.

    Only forward passes without gradients use them. In bfloat16 they give the same bits as autocast does; in float32 the
    last digits differ, as another library multiplies. Does nothing where that library is not the faster one, or when
    the weights are packed already.

    Args:
        model: on the CPU.
        precision: of the matrix products; with ``bf16``, layers outside of autocast stay in float32.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layers = [layer for layer in model.modules() if _can_pack(layer)] if _has_packing(dtype) else []
    try:
        for layer in layers:
            vars(layer)["forward"] = _PackedLinear(layer, dtype)  # goes before the method of its class
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _has_packing(dtype: torch.dtype) -> bool:
    """Whether this machine and this torch multiply packed weights (on others nobody has measured what they gain)."""
    operations = torch.ops.mkldnn
    return (
        platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()
        and hasattr(operations, "_reorder_linear_weight")
        and hasattr(operations, "_linear_pointwise")
        and (dtype != torch.bfloat16 or operations._is_mkldnn_bf16_supported())
    )


def _can_pack(module: nn.Module) -> TypeGuard[nn.Linear]:
    return (
        type(module) is nn.Linear  # what is derived from it may do something else
        and "forward" not in vars(module)  # somebody's hook, or packed already
        and module.weight.dtype == torch.float32
        and module.weight.device.type == "cpu"
    )


class _PackedLinear:
    """The forward pass of a linear layer."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        self._weight, self._bias, self._dtype = layer.weight, layer.bias, dtype
        self._packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype))
        self._packed_bias = None if layer.bias is None else layer.bias.detach().to(dtype)

    def __call__(self, input: Tensor) -> Tensor:
        under_autocast = torch.is_autocast_enabled("cpu")
        if torch.is_grad_enabled() or under_autocast != (self._dtype == torch.bfloat16):
            return functional.linear(input, self._weight, self._bias)
        product = torch.ops.mkldnn._linear_pointwise
        return cast(Tensor, product(input.to(self._dtype), self._packed, self._packed_bias, "none", [], ""))
