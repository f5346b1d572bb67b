"""The training settings that all defenses share."""

from __future__ import annotations

from dataclasses import dataclass

from robench.plugins.option import check_values, option


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings with which every defense is trained; the defaults are the paper's (section 4.1 and its code)."""

    epochs: int = option(3, "passes over the training rows", above=0)
    batch_size: int = option(16, "rows, or pairs of rows, in one optimiser step", above=0)
    learning_rate: float = option(3e-5, "step size of AdamW at the first step; it decays linearly to zero", above=0)
    weight_decay: float = option(0.0, "weight decay of AdamW")
    max_length: int = option(50, "most tokens of a text, special tokens included; longer texts are cut", minimum=3)
    eval_every: int = option(75, "optimiser steps between two evaluations on the development set", above=0)

    def __post_init__(self) -> None:
        """Reject settings that train nothing."""
        check_values(self)
