"""Batches of training rows as tensors.

Rows are tokenised once. In each epoch they are shuffled by a stream that the seed and the epoch determine. Then they
are sorted by length within stretches of ``SORTED_BATCHES`` batches and cut into batches, and the batches are shuffled
again. So a batch needs little padding, but is no random draw: its rows are of about the same length, whose variance in
a batch of TREC's questions is 3 to 4 % of that in the whole set. A set of no more batches than that is sorted as a
whole. Each batch is padded to its longest row, on the side on which the tokenizer pads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from robench.errors import translate_failures
from robench.escaping import replace_surrogates

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Inputs = dict[str, Tensor]
"""An encoder's input: ``input_ids`` and ``attention_mask``, (B, L), further tensors of the tokenizer, and
``position_ids`` if padding is on the left."""

Tokens = dict[str, list[int]]
"""The tokenizer's columns for one text, such as ``input_ids``."""

SORTED_BATCHES = 25
"""Batches whose rows are sorted by length together. If it were all, each would have nearly the same texts again."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One training text with its label, and with more if the defense needs it.

    Attributes:
        text: the text.
        label: its class number.
        adversarial: the adversarial text that was made from it, for a defense that trains on pairs; None if there is
            none.
        soft: the Base model's probability of each class, if ``text`` is adversarial.
    """

    text: str
    label: int
    adversarial: str | None = None
    soft: tuple[float, ...] | None = None


class Shape(NamedTuple):
    """The size of a batch.

    Attributes:
        rows: texts of the batch.
        length: tokens of each text, padding included.
    """

    rows: int
    length: int


@dataclass(frozen=True)
class Batch:
    """B rows as tensors; the first P of them have an adversarial text, usually all B or none.

    Attributes:
        texts: tokens of the training texts, (B, L).
        labels: class numbers, (B,).
        adversarial: tokens of the adversarial texts of the first P rows, (P, L) with the same L, if the defense trains
            on pairs.
        soft: the Base model's probabilities, (B, K), if the defense trains on D_adv alone.
    """

    texts: Inputs
    labels: Tensor
    adversarial: Inputs | None = None
    soft: Tensor | None = None

    @property
    def paired(self) -> slice:
        """Return the slice of the rows that have an adversarial text: the first P."""
        return slice(0 if self.adversarial is None else len(self.adversarial["input_ids"]))


def tokenise(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> list[Tokens]:
    """Tokenise each text, special tokens included, cut at ``max_length`` tokens and without padding.

    A text without tokens gets one, because networks and means over tokens need one: the end of a text, or else padding.
    A lone surrogate is read as U+FFFD, because tokenizers refuse it. Of a long text, only the beginning is tokenised if
    the tokenizer reads word by word: a word gives a token at least.
    """
    texts = list(map(replace_surrogates, texts))
    parts = [_take_words(text, max_length) for text in texts] if _reads_word_by_word(tokenizer) else texts
    rows = _tokenise_whole(tokenizer, parts, max_length)
    short = [i for i, row in enumerate(rows) if parts[i] is not texts[i] and len(row["input_ids"]) < max_length]
    for i, row in zip(short, _tokenise_whole(tokenizer, [texts[i] for i in short], max_length), strict=True):
        rows[i] = row  # some of its words, such as lone control characters, have no token
    return [row if row["input_ids"] else _make_row(tokenizer, row) for row in rows]


def _make_row(tokenizer: PreTrainedTokenizerBase, columns: Iterable[str]) -> Tokens:
    """Return the columns of one token that stands for no text."""
    number = tokenizer.pad_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    return {name: [{"input_ids": number, "attention_mask": 1}.get(name, 0)] for name in columns}


def _tokenise_whole(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> list[Tokens]:
    if not texts:
        return []
    name = f"{type(tokenizer).__name__} {tokenizer.name_or_path}".strip()
    with translate_failures(f"the tokenizer {name} failed on {len(texts)} texts"):
        columns = tokenizer(texts, truncation=True, max_length=max_length, padding=False, return_attention_mask=True)
    return [{name: columns[name][i] for name in columns} for i in range(len(texts))]


def _take_words(text: str, count: int) -> str:
    """Return the text up to the space after ``count`` words and a few more, or the text itself."""
    parts = text.split(" ", count + _SPARE_WORDS)
    return text[: -len(parts[-1]) - 1] if len(parts) > count + _SPARE_WORDS else text


def _reads_word_by_word(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a text's first tokens are known not to depend on what follows the space after them."""
    if not tokenizer.is_fast or tokenizer.truncation_side != "right":
        return False
    splitter: Any = tokenizer.backend_tokenizer.pre_tokenizer
    first = splitter[0] if type(splitter).__name__ == "Sequence" else splitter
    return type(first).__name__ in _WORD_SPLITTERS and getattr(first, "use_regex", True)


_WORD_SPLITTERS = {"BertPreTokenizer", "ByteLevel", "Whitespace", "WhitespaceSplit"}
"""Kinds of ``tokenizers.pre_tokenizers`` that separate tokens at whitespace."""
_SPARE_WORDS = 8
"""Words beyond the last one that can be seen, for tokens that depend on the whitespace around them."""


def collate(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Tokens], device: torch.device, *, length: int | None = None
) -> Inputs:
    """Pad rows on the side on which the tokenizer pads, and stack them as tensors (B, L).

    On the left, padding would move the tokens to later positions. So the tensors then include ``position_ids``, which
    number the tokens of each text from 0.

    Args:
        tokenizer: gives the padding tokens and the side.
        rows: B tokenised texts.
        device: of the tensors.
        length: L; by default the length of the longest row.
    """
    length = length or max(len(row["input_ids"]) for row in rows)
    filler = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    on_left = tokenizer.padding_side == "left"
    if on_left:
        rows = [{**row, "position_ids": list(range(len(row["input_ids"])))} for row in rows]

    def pad(values: list[int], fill: int) -> list[int]:
        padding = [fill] * (length - len(values))
        return padding + values if on_left else values + padding

    columns = {name: torch.tensor([pad(row[name], filler.get(name, 0)) for row in rows]) for name in rows[0]}
    if device.type == "cuda":  # from pinned memory, the copy does not wait for the GPU
        return {name: column.pin_memory().to(device, non_blocking=True) for name, column in columns.items()}
    return {name: column.to(device) for name, column in columns.items()}


RowsOfEpoch = Callable[[Sequence[TrainingRow], int], Sequence[TrainingRow]]
"""A function from N rows and the number of an epoch, from 0, to the N rows that stand in their place in this epoch."""


class TrainingSet:
    """Tokenised training rows, and the batches of each epoch.

    Args:
        rows: the rows. If some have an adversarial text, they stand first in their batches.
        tokenizer: of the encoder.
        batch_size: rows of a batch; the last one may have fewer.
        max_length: most tokens of a text.
        seed: of the order; epoch e of one seed is always the same.
        device: of the batches.
        rewrite: replaces the texts of the rows at the beginning of each epoch; None keeps them.
    """

    def __init__(
        self,
        rows: Sequence[TrainingRow],
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int,
        max_length: int,
        seed: int,
        device: torch.device,
        rewrite: RowsOfEpoch | None = None,
    ) -> None:
        self._tokenizer, self._device = tokenizer, device
        self._batch_size, self._seed, self._max_length = batch_size, seed, max_length
        self._rows, self._rewrite = rows if rewrite else (), rewrite
        self._labels = [row.label for row in rows]
        self._tokenise(rows)
        self._soft = [row.soft for row in rows if row.soft is not None]

    def __len__(self) -> int:
        """Return the number of batches in one epoch."""
        return -(-len(self._labels) // self._batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch; texts and their adversarial texts are in the same order.

        Rows without an adversarial text follow the others of their batch.

        Args:
            number: the epoch, from 0.
            start: number of batches to leave out, because they were used before.
        """
        if self._rewrite is not None:
            self._tokenise(self._rewrite(self._rows, number))
        stream = random.Random(f"order/{self._seed}/{number}")
        order = list(range(len(self._labels)))
        stream.shuffle(order)
        stretch = SORTED_BATCHES * self._batch_size
        ordered = [
            i for at in range(0, len(order), stretch) for i in sorted(order[at : at + stretch], key=self._length)
        ]
        batches = [ordered[at : at + self._batch_size] for at in range(0, len(ordered), self._batch_size)]
        stream.shuffle(batches)
        for ids in batches[start:]:
            yield self._batch(ids)

    def _tokenise(self, rows: Sequence[TrainingRow]) -> None:
        """Tokenise the texts of all rows, and the adversarial texts of those that have one."""
        self._texts = tokenise(self._tokenizer, [row.text for row in rows], self._max_length)
        paired = {i: row.adversarial for i, row in enumerate(rows) if row.adversarial is not None}
        tokens = tokenise(self._tokenizer, list(paired.values()), self._max_length)
        self._adversarial = dict(zip(paired, tokens, strict=True))

    def _length(self, i: int) -> int:
        longest = len(self._texts[i]["input_ids"])
        return max(longest, len(self._adversarial[i]["input_ids"])) if i in self._adversarial else longest

    def _batch(self, ids: Sequence[int]) -> Batch:
        ids = sorted(ids, key=lambda i: i not in self._adversarial)
        texts = [self._texts[i] for i in ids]
        labels = torch.tensor([self._labels[i] for i in ids], device=self._device)
        if not self._adversarial:
            soft = torch.tensor([self._soft[i] for i in ids], device=self._device) if self._soft else None
            return Batch(collate(self._tokenizer, texts, self._device), labels, soft=soft)
        adversarial = [self._adversarial[i] for i in ids if i in self._adversarial]
        both = collate(self._tokenizer, texts + adversarial, self._device)
        count = len(ids)
        return Batch(
            texts={name: tensor[:count] for name, tensor in both.items()},
            labels=labels,
            adversarial={name: tensor[count:] for name, tensor in both.items()},
        )
