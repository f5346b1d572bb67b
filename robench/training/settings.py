"""The training settings that all defenses share."""

from __future__ import annotations

from dataclasses import dataclass

from robench.plugins.option import check_values, option

BETAS = (0.9, 0.999)
"""AdamW's decay rates of the mean gradient and of its mean square: Transformers' defaults (section 4.1)."""
EPSILON = 1e-8
"""Added to the denominator of AdamW's step, as in the paper's code."""
_PAPER = "the TaiChi paper, section 4.1"


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings with which every defense is trained; the defaults are the paper's (section 4.1 and its code)."""

    epochs: int = option(3, "passes over the training rows", above=0, source=_PAPER)
    batch_size: int = option(16, "rows, or pairs of rows, in one optimiser step", above=0, source=_PAPER)
    learning_rate: float = option(
        3e-5, "step size of AdamW at the first step; it decays linearly to zero", above=0, source=_PAPER
    )
    weight_decay: float = option(0.0, "weight decay of AdamW", minimum=0, source="Transformers' default (section 4.1)")
    max_length: int = option(
        50,
        "most tokens of a text, special tokens included; longer texts are cut. A task of long texts has a default of"
        " its own, which `robench list TASK` shows",
        minimum=3,
        source=_PAPER,
    )
    eval_every: int = option(
        75,
        "optimiser steps between two evaluations on the development set",
        above=0,
        source="the TaiChi authors' code",
    )

    def __post_init__(self) -> None:
        """Reject settings that train nothing."""
        check_values(self)
