"""Whether a network can run in bfloat16, found out before any work is planned.

How it works: some networks mix the two precisions in a way that torch rejects: DeBERTa fills its attention with
float32's smallest number, which bfloat16 cannot hold. Such a failure depends on the network's code and not on its
weights. So a network of zeros, which needs no file of weights, is run on one small batch, forward and backward; of a
list of layers, the first two stand for all. A network that fails in float32 as well, or that is too large for this,
says nothing about bfloat16.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from robench.errors import describe_error
from robench.models.devices import Precision, autocast

LARGEST = 1_000_000_000
"""Most numbers of a network that is tried."""
_TOKENS = (2, 6)
"""Rows and length of the batch."""
_LAYERS = 2


def find_bfloat16_fault(build: Callable[[], object], device: torch.device) -> str:
    """Return the error with which a network fails in bfloat16; empty if it does not, or if that is not known.

    Args:
        build: builds the network; called under torch's device ``meta``.
        device: the device of the forward and backward pass.
    """
    with contextlib.suppress(Exception, SystemExit), torch.random.fork_rng([device] if device.type == "cuda" else []):
        with torch.device("meta"):
            network: Any = build()
        for layers in [part for part in network.modules() if isinstance(part, nn.ModuleList)]:
            del layers[_LAYERS:]
        if sum(part.numel() for part in network.parameters()) > LARGEST:
            return ""
        network.to_empty(device=device)
        _fill_with_zeros(network)
        try:
            _run(network, "bf16", device)
        except Exception as error:
            _run(network, "fp32", device)
            return describe_error(error)
    return ""


def _fill_with_zeros(network: nn.Module) -> None:
    """Set all numbers to 0; only weights of one dimension, such as biases, get a gradient, to save memory."""
    with torch.no_grad():
        for part in (*network.parameters(), *network.buffers()):
            part.zero_()
    for weight in network.parameters():
        weight.requires_grad_(weight.ndim == 1)


def _run(network: Any, precision: Precision, device: torch.device) -> None:
    """Run a network forward and backward once."""
    rows = {"input_ids": torch.zeros(_TOKENS, dtype=torch.long), "attention_mask": torch.ones(_TOKENS).long()}
    rows["attention_mask"][0, -2:] = 0
    network.train()
    with autocast(precision, device):
        outputs = network(**{name: tensor.to(device) for name, tensor in rows.items()})
    states: Tensor = outputs[0]
    states.float().sum().backward()
