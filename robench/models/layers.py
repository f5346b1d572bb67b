"""Hidden states inside an encoder: what one of its layers returns can be read, and be changed on the way.

How it works: an encoder keeps its layers in one ``nn.ModuleList``. Hooks on these modules count their calls in a
forward pass, and call number m is layer m; so encoders whose layers share weights, such as ALBERT, need no exception.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Size, Tensor, nn
from transformers import PreTrainedModel

from robench.errors import RobenchError

Change = Callable[[Tensor], Tensor]
"""Takes the hidden states (B, L, H) of a layer, and returns those that the next layer gets, of the same shape."""


class HiddenStates:
    """The hidden states that one layer passed on in the last forward pass.

    Args:
        encoder: the encoder.
        number: of the layer, counted from 1.
        change: what becomes of the layer's hidden states; None leaves them as they are.
    """

    def __init__(self, encoder: PreTrainedModel, number: int, change: Change | None) -> None:
        self._encoder, self._number, self._change = encoder, number, change
        self._calls = 0
        self._shape = Size()
        self._value: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """Return them, changed if they are: (B, L, H), with their gradients' graph; padding has states as well.

        Raises:
            ValueError: there was no forward pass.
        """
        if self._value is None:
            raise ValueError(f"no text went through layer {self._number} yet; call the network inside the block")
        return self._value

    @contextlib.contextmanager
    def watch(self) -> Iterator[HiddenStates]:
        """Take them, and change them, in every forward pass inside the block."""
        blocks = dict.fromkeys(find_blocks(self._encoder))  # each module once
        hooks = [block.register_forward_hook(self._end_block) for block in blocks]
        hooks.append(self._encoder.register_forward_pre_hook(self._begin, with_kwargs=True))
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def _begin(self, encoder: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        self._calls, self._value = 0, None
        self._shape = named["input_ids" if "input_ids" in named else "inputs_embeds"].shape[:2]

    def _end_block(self, block: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        self._calls += 1
        if self._calls != self._number:
            return None  # keeps the output
        states = output[0] if isinstance(output, tuple) else output
        if not isinstance(states, Tensor) or states.ndim != 3 or states.shape[:2] != self._shape:
            raise RobenchError(
                f"layer {self._number} of {type(self._encoder).__name__} returns no hidden states of texts x tokens x"
                " dimensions, which the defense works on: take another encoder."
            )
        value = states if self._change is None else self._change(states).to(states.dtype)
        if value.shape != states.shape:
            raise ValueError(f"hidden states of {tuple(states.shape)} were changed to {tuple(value.shape)}")
        self._value = value
        return (value, *output[1:]) if isinstance(output, tuple) else value


def find_blocks(encoder: PreTrainedModel) -> nn.ModuleList:
    """Return the layers of an encoder: fewer than its hidden layers only if they share weights.

    Raises:
        RobenchError: it keeps none that can be told from its other parts.
    """
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]  # outer ones come first
    for name in ("num_hidden_layers", "num_hidden_groups"):  # the latter is ALBERT's
        for blocks in lists:
            if len(blocks) == getattr(encoder.config, name, None):
                return blocks
    raise RobenchError(
        f"{type(encoder).__name__} has no list of layers whose hidden states can be reached, which the defense does:"
        " take another encoder."
    )
