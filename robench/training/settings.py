"""The training settings that all defenses share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings with which every defense is trained; the defaults are the paper's (section 4.1 and its code).

    Attributes:
        epochs: number of passes over the training rows.
        batch_size: rows, or pairs of rows, in one optimiser step.
        learning_rate: AdamW's learning rate at the first step; it decays linearly to zero.
        weight_decay: AdamW's weight decay.
        max_length: most tokens of a text, special tokens included; longer texts are cut.
        eval_every: optimiser steps between two evaluations on the development set.
    """

    epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 3e-5
    weight_decay: float = 0.0
    max_length: int = 50
    eval_every: int = 75

    def __post_init__(self) -> None:
        """Reject values with which nothing would be trained."""
        for name in ("epochs", "batch_size", "learning_rate", "eval_every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.max_length < 3:
            raise ValueError(f"max_length must leave room for a token between the special ones, not {self.max_length}")
