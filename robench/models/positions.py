"""Absolute positions of a network: how many it has, and where its texts begin."""

from __future__ import annotations

from torch import Tensor, nn

TABLES = ("position_embeddings", "embed_positions", "positions_embed", "wpe")
"""Names that Transformers gives to tables of absolute positions."""


class Positions:
    """The absolute positions of a network; a network whose positions are relative has none.

    Args:
        network: a Transformers model.

    Attributes:
        count: tokens of the longest text that the network can read; None for no limit.
        first: position of a text's first token.
    """

    def __init__(self, network: nn.Module) -> None:
        self.count: int | None = None
        self.first = 0
        for name, module in network.named_modules():
            if name.endswith(TABLES) and isinstance(module, nn.Embedding):
                # RoBERTa's positions begin after the number of the padding token, BART's after a number of its own.
                begin = 0 if module.padding_idx is None else module.padding_idx + 1
                self.count = module.num_embeddings - max(begin, getattr(module, "offset", 0))
                self.first = begin
                return

    def shift(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """Return the network's positions (B, L) of tokens that are numbered from 0 (B, L); ``mask`` is 0 at padding."""
        return numbers + mask * self.first + (1 - mask) * max(self.first - 1, 0)
