"""A padding token for a model that has none, such as GPT-2, whose batches hold texts of different lengths.

How it works: a network that classifies by a text's last token finds it as the last one that is no padding, by the
number in its configuration. So tokenizer and configuration must name the same token, and no text may end with it, but
for one that is nothing else. Most such models have an end-of-text token that their tokenizer does not add to texts, and
it is the usual choice.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from robench.errors import RobenchError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_PROBE = ["a", "a b."]
"""Texts whose tokens show which special tokens a tokenizer adds to every text."""


def give_padding(
    shown: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a model and its tokenizer with a padding token that both know.

    Neither is changed: what lacks the token is copied. The copy of a model shares all weights with it.

    Args:
        shown: the model's location, for messages.
        model: the model.
        tokenizer: its tokenizer.

    Raises:
        RobenchError: neither has such a token, and no other special token can stand in.
    """
    if tokenizer.pad_token is None:
        number = _choose_padding(shown, model, tokenizer)
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(number)
    if None in _read_padding(model):
        config, model = copy.deepcopy(model.config), copy.copy(model)
        model.config = config
        for part, known in zip(_list_configs(model), _read_padding(model), strict=True):
            if known is None:
                part.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _list_configs(model: PreTrainedModel) -> list[PretrainedConfig]:
    """Return the configurations that may name a network's padding token: its own, and that of its part for texts."""
    own, part = model.config, model.config.get_text_config()
    return [own] if part is own else [own, part]


def _read_padding(model: PreTrainedModel) -> list[int | None]:
    """Return the padding token of each configuration; None where there is none, or no such entry."""
    return [getattr(config, "pad_token_id", None) for config in _list_configs(model)]


def _choose_padding(shown: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Choose a token of the vocabulary: the configuration's, or a special one that is no part of every text."""
    for number in _read_padding(model):
        if isinstance(number, int) and 0 <= number < len(tokenizer):
            return number
    used = {number for row in tokenizer(_PROBE)["input_ids"] for number in row}
    for number in (tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id):
        if isinstance(number, int) and number not in used:
            return number
    raise RobenchError(
        f"{shown}: its tokenizer has no padding token, which a batch of texts needs, and no other special token can"
        " stand in: set tokenizer.pad_token, and model.config.pad_token_id = tokenizer.pad_token_id, and save both."
    )
