"""The tokens of a tokenizer, and whether they belong to a network.

A token that has no embedding would end a run at the text that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.escaping import show_value

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def check_vocabulary(title: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that every token of a tokenizer has an embedding in a network.

    Args:
        title: the model, as the subject of a sentence, such as ``encoder DIR``.
        network: a Transformers model; one without word embeddings passes.
        tokenizer: its tokenizer.

    Raises:
        RobenchError: a token's number is too large.
    """
    try:
        weights = getattr(network.get_input_embeddings(), "weight", None)
    except (NotImplementedError, AttributeError):
        return
    if weights is None or weights.dim() != 2:
        return
    count = len(weights)
    beyond = {word: number for word, number in tokenizer.get_vocab().items() if number >= count}
    if beyond:
        word = min(beyond, key=lambda word: beyond[word])
        raise RobenchError(
            f"{title}: its tokenizer has {len(beyond):,} tokens, such as {show_value(word)}, that the network with"
            f" {count:,} word embeddings lacks: they do not belong together, or tokens were added without"
            " model.resize_token_embeddings(len(tokenizer))."
        )


def list_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the tokens in the order of their numbers; a number without a token has an empty text."""
    numbers = tokenizer.get_vocab()
    tokens = [""] * (1 + max(numbers.values(), default=-1))
    for token, number in numbers.items():
        tokens[number] = token
    return tuple(tokens)
