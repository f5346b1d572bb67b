"""The builder of every small BERT in the tests: two layers, random weights that its seed fixes, and WordPiece."""

from __future__ import annotations

import string
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from transformers import BertConfig, BertTokenizerFast, PreTrainedModel

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = string.ascii_lowercase + string.digits + string.punctuation

Model = TypeVar("Model", bound=PreTrainedModel)


def words_of(texts: Iterable[str]) -> list[str]:
    """The words as a BERT without case sees them, sorted."""
    return sorted({word.strip(string.punctuation).lower() for text in texts for word in text.split()})


def tokenizer(words: Iterable[str], *, letters: str = LETTERS, **options: Any) -> BertTokenizerFast:
    """WordPiece that knows these words, and takes all others to letters.

    Args:
        words: entries of their own; those that are a letter already count once.
        letters: at the beginning of a word and inside it.
        options: of the tokenizer, such as ``model_max_length``.
    """
    known = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    known += [word for word in words if word not in known]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vocab.txt"
        file.write_text("\n".join(known), encoding="utf-8")
        return BertTokenizerFast(str(file), **options)


def model(
    kind: type[Model], words: BertTokenizerFast, *, seed: int, spread: float, positions: int = 64, **settings: Any
) -> Model:
    """A model for that tokenizer; torch's random state stays as it is.

    Args:
        kind: with or without a head.
        words: the tokenizer.
        seed: of the weights.
        spread: their standard deviation; the larger, the more texts differ.
        positions: tokens of the longest text.
        settings: other entries of the configuration.
    """
    config = BertConfig(
        vocab_size=len(words), max_position_embeddings=positions, initializer_range=spread, **SHAPE, **settings
    )
    with torch.random.fork_rng(), _no_bias_of(len(words)):
        torch.manual_seed(seed)
        return kind(config)


@contextmanager
def _no_bias_of(count: int) -> Iterator[None]:
    """Skip draws of that many numbers, so that both versions of Transformers draw the same weights.

    Transformers 5 draws a bias for the layer that predicts words, and sets it to 0 afterwards.
    """
    draw = torch.nn.init.uniform_

    def uniform(tensor: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        return tensor if tensor.shape == (count,) else draw(tensor, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.init, "uniform_", uniform)
        yield


def save(folder: Path, words: BertTokenizerFast, network: PreTrainedModel) -> Path:
    """Write both as Transformers does; give the folder."""
    words.save_pretrained(folder)
    network.save_pretrained(folder)
    return folder
