"""The precision that a model runs in: the one that the user chose, if the model's network can run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robench.models.devices import Precision, choose_precision
from robench.progress import Reporter

if TYPE_CHECKING:
    import torch

    from robench.models.encoders import EncoderSource
    from robench.victims.source import VictimSource


def settle_precision(
    name: str, device: torch.device, title: str, source: EncoderSource | VictimSource, reporter: Reporter
) -> Precision:
    """Choose the precision of a model, and say so if it has to be float32.

    Args:
        name: auto, fp32 or bf16.
        device: the device that the model runs on.
        title: the model in messages.
        source: the model, not loaded yet.
        reporter: receives the note.

    Raises:
        RobenchError: there is no precision of that name, or the network cannot be built.
    """
    chosen = choose_precision(name, device)
    fault = source.find_bfloat16_fault(device) if chosen == "bf16" else ""
    if not fault:
        return chosen
    reporter.warn(f"note: {title} cannot run in bfloat16 ({fault}); it runs in float32, as with --precision fp32.")
    return "fp32"
