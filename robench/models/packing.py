"""Linear layers whose weights are arranged for the CPU once, and not again for each batch.

Before a matrix product, oneDNN rearranges the weights into the layout that its kernel reads, and autocast first casts
them to bfloat16. Both cost about as much for a small batch as for a large one. :func:`pack_weights` does both once and
replaces the ``forward`` of each linear layer by a product with the packed weights.

Besides, the products of oneDNN depend on the row alone. Those of MKL, which torch takes for small products in float32,
such as a head's, depend in their last bit on the row's position in the batch.
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
    """Use packed weights in the model's linear layers inside the block. The weights must not change meanwhile.

    Only forward passes without gradients use them. In bfloat16 the results have the same bits as with autocast. In
    float32 the last digits differ, because another library multiplies. The function does nothing if that library is not
    faster on this machine, or if the weights are packed already.

    Args:
        model: on the CPU.
        precision: of the matrix products; with ``bf16``, layers outside of autocast are packed in float32.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layers = [layer for layer in model.modules() if _can_pack(layer)] if _has_packing(dtype) else []
    try:
        for layer in layers:
            vars(layer)["forward"] = _PackedLinear(layer, dtype)  # takes precedence over the class's method
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _has_packing(dtype: torch.dtype) -> bool:
    """Tell whether this machine and this torch can multiply packed weights. Only x86 was measured to gain from it."""
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
        type(module) is nn.Linear  # a subclass may compute something else
        and "forward" not in vars(module)  # another hook, or packed already
        and module.weight.dtype == torch.float32
        and module.weight.device.type == "cpu"
    )


class _PackedLinear:
    """The forward pass of a linear layer with packed weights.

    Args:
        layer: the layer.
        dtype: what autocast casts to; outside of autocast, the product is one of float32 in any case.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        self._weight, self._bias, self._dtype = layer.weight, layer.bias, dtype
        self._packed: dict[torch.dtype, tuple[Tensor, Tensor | None]] = {}
        self._pack(dtype)

    def __call__(self, input: Tensor) -> Tensor:
        under_autocast = torch.is_autocast_enabled("cpu")
        if torch.is_grad_enabled() or (under_autocast and self._dtype != torch.bfloat16):
            return functional.linear(input, self._weight, self._bias)
        dtype = self._dtype if under_autocast else torch.float32
        weight, bias = self._pack(dtype)
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(input.to(dtype), weight, bias, "none", [], ""))

    def _pack(self, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """Return the packed weight and the bias; few layers need both types."""
        if dtype not in self._packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(self._weight.detach().to(dtype))
            self._packed[dtype] = weight, None if self._bias is None else self._bias.detach().to(dtype)
        return self._packed[dtype]
