from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from robench.models import batches as batching
from robench.models.batches import Batch, Tokens, TrainingRow, collate, tokenise
from support import tiny

PAD = tiny.tokenizer().pad_token_id


def texts(batches: Sequence[Batch]) -> list[list[int]]:
    """The token numbers of every row, without padding, in the order of the batches."""
    return [unpadded(row) for batch in batches for row in batch.texts["input_ids"]]


def unpadded(row: torch.Tensor) -> list[int]:
    return row[row != PAD].tolist()


def tokens(row: TrainingRow, max_length: int = 32) -> list[int]:
    return tiny.tokenizer()(row.text, truncation=True, max_length=max_length)["input_ids"]


@pytest.mark.parametrize("max_length", [4, 7, 32])
def test_tokens_are_cut_at_the_longest_length_and_keep_their_special_ones(max_length: int) -> None:
    cls, sep = tiny.tokenizer().cls_token_id, tiny.tokenizer().sep_token_id
    found = tokenise(tiny.tokenizer(), ["the film", "the " * 50], max_length)
    assert [len(row["input_ids"]) for row in found] == [4, max_length]
    assert all((row["input_ids"][0], row["input_ids"][-1]) == (cls, sep) for row in found)
    assert tokenise(tiny.tokenizer(), [], max_length) == []


def test_a_tokenizers_own_padding_and_cut_do_not_count() -> None:
    tokenizer = tiny.tokenizer()
    expected = tokenise(tokenizer, ["the film", "the " * 30], 20)
    try:
        tokenizer.backend_tokenizer.enable_padding(length=64)  # as published with MiniLM
        tokenizer.backend_tokenizer.enable_truncation(8)
        assert tokenise(tokenizer, ["the film", "the " * 30], 20) == expected
    finally:
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()


def trained(model: models.Model, trainer: trainers.Trainer, splitter: pre_tokenizers.PreTokenizer) -> Any:
    """A tokenizer of a given kind, trained on a few words."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = splitter
    tokenizer.train_from_iterator(["the film isn't good, or is it?  déjà-vu"] * 3, trainer)
    special = {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": AddedToken("<mask>", lstrip=True)}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


SPECIAL = ["<unk>", "<pad>", "<mask>"]
TOKENIZERS: dict[str, Callable[[], Any]] = {
    "words": tiny.tokenizer,
    "bytes": lambda: trained(models.BPE(), trainers.BpeTrainer(special_tokens=SPECIAL), pre_tokenizers.ByteLevel()),
    "pieces": lambda: trained(
        models.Unigram(),
        trainers.UnigramTrainer(special_tokens=SPECIAL, unk_token="<unk>"),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
    ),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_beginning_of_a_long_text_has_the_tokens_of_the_whole(kind: str) -> None:
    tokenizer, stream = TOKENIZERS[kind](), random.Random(1)
    words = ["film", "isn't", "déjà-vu", "", "\t", "\x07", "\xa0", "\u0308", "<mask>", "茶", "x" * 120, "..."]
    for _ in range(40):
        texts = [" ".join(stream.choices(words, k=stream.randrange(120))) for _ in range(3)]
        whole = tokenizer(texts, truncation=True, max_length=20)
        expected = [row or [tokenizer.pad_token_id] for row in whole["input_ids"]]
        assert [row["input_ids"] for row in tokenise(tokenizer, texts, 20)] == expected


def test_a_text_without_tokens_gets_one_that_counts() -> None:
    tokenizer = TOKENIZERS["bytes"]()
    for end in ("<pad>", "<mask>"):
        texts = collate(tokenizer, tokenise(tokenizer, ["film", ""], 20), tiny.CPU)
        assert texts["input_ids"][1, 0] == tokenizer.convert_tokens_to_ids(end)
        assert texts["attention_mask"][1].sum() == 1
        tokenizer.eos_token = "<mask>"


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_only_the_beginning_of_a_long_text_is_tokenised(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    whole = batching._tokenise_whole

    def note(tokenizer: Any, texts: list[str], max_length: int) -> list[Tokens]:
        lengths.extend(map(len, texts))
        return whole(tokenizer, texts, max_length)

    monkeypatch.setattr(batching, "_tokenise_whole", note)
    tokenise(TOKENIZERS[kind](), ["film " * 2000, "\x07 " * 30 + "film"], 20)
    assert lengths[0] < 200


def test_a_tokenizer_that_joins_words_sees_the_whole_text() -> None:
    kind = trained(models.BPE(), trainers.BpeTrainer(special_tokens=SPECIAL), pre_tokenizers.Metaspace(split=False))
    (row,) = tokenise(kind, ["the film isn't good, or is it?  déjà-vu " * 40], 20)
    assert row["input_ids"] == kind("the film isn't good, or is it?  déjà-vu " * 40)["input_ids"][:20]
    assert not batching._reads_word_by_word(kind)


@pytest.mark.parametrize(("length", "columns"), [(None, 3), (8, 8)], ids=["longest row", "given"])
def test_rows_are_padded_on_the_right_with_what_each_column_needs(length: int | None, columns: int) -> None:
    rows = [
        {"input_ids": [7, 8, 9], "token_type_ids": [1, 1, 1], "attention_mask": [1, 1, 1]},
        {"input_ids": [7], "token_type_ids": [1], "attention_mask": [1]},
    ]
    tokenizer = tiny.tokenizer()
    tokenizer.pad_token = "[MASK]"
    try:
        found = collate(tokenizer, rows, tiny.CPU, length=length)
        filler = tokenizer.pad_token_id
    finally:
        tokenizer.pad_token = "[PAD]"
    assert filler == tokenizer.mask_token_id != 0
    empty = columns - 3
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "input_ids": [[7, 8, 9] + empty * [filler], [7] + (columns - 1) * [filler]],
        "token_type_ids": [[1, 1, 1] + empty * [0], [1] + (columns - 1) * [0]],
        "attention_mask": [[1, 1, 1] + empty * [0], [1] + (columns - 1) * [0]],
    }


@pytest.mark.parametrize(("count", "batch_size", "batches"), [(1, 8, 1), (5, 8, 1), (16, 8, 2), (17, 8, 3), (3, 1, 3)])
def test_an_epoch_has_every_row_once(count: int, batch_size: int, batches: int) -> None:
    rows = tiny.rows(count)
    data = tiny.training_set(rows, batch_size=batch_size)
    epoch = list(data.epoch(0))
    assert len(epoch) == len(data) == batches
    assert max(len(batch.labels) for batch in epoch) <= batch_size
    assert sorted(texts(epoch)) == sorted(tokens(row) for row in rows)


def test_a_label_stays_with_its_text() -> None:
    rows = tiny.rows(40)
    labels = {tuple(tokens(row)): row.label for row in rows}
    for batch in tiny.training_set(rows).epoch(3):
        assert [labels[tuple(unpadded(row))] for row in batch.texts["input_ids"]] == batch.labels.tolist()


@pytest.mark.parametrize(("seed", "epoch", "same"), [(5, 2, True), (6, 2, False), (5, 3, False)])
def test_the_order_is_that_of_the_seed_and_the_epoch(seed: int, epoch: int, same: bool) -> None:
    rows = tiny.rows(60)
    first = texts(list(tiny.training_set(rows, seed=5).epoch(2)))
    assert (texts(list(tiny.training_set(rows, seed=seed).epoch(epoch))) == first) is same


def test_the_order_owes_nothing_to_the_epochs_before() -> None:
    data = tiny.training_set(tiny.rows(60))
    first = texts(list(data.epoch(1)))
    list(data.epoch(0))
    assert texts(list(data.epoch(1))) == first


def test_text_and_counterpart_stand_side_by_side_at_one_length() -> None:
    rows = tiny.rows(30, pairs=True)
    partner = {tuple(tokens(row)): tokens(TrainingRow(row.adversarial, row.label)) for row in rows if row.adversarial}
    for batch in tiny.training_set(rows).epoch(0):
        assert batch.adversarial is not None
        assert batch.texts["input_ids"].shape == batch.adversarial["input_ids"].shape
        for text, adversarial in zip(batch.texts["input_ids"], batch.adversarial["input_ids"], strict=True):
            assert unpadded(adversarial) == partner[tuple(unpadded(text))]


def test_batches_hold_texts_of_like_length_and_come_in_no_order_of_length() -> None:
    rows = tiny.rows(160)
    epoch = list(tiny.training_set(rows).epoch(0))
    lengths = [batch.texts["input_ids"].shape[1] for batch in epoch]
    padding = sum(int((batch.texts["attention_mask"] == 0).sum()) for batch in epoch)
    unsorted = [[len(tokens(row)) for row in rows[at : at + 8]] for at in range(0, 160, 8)]
    assert padding < 0.25 * sum(max(some) - length for some in unsorted for length in some)
    assert lengths != sorted(lengths) and lengths != sorted(lengths, reverse=True)


def test_batch_with_some_counterparts_has_their_rows_first() -> None:
    rows = [
        replace(row, adversarial=row.adversarial if i % 3 else None) for i, row in enumerate(tiny.rows(30, pairs=True))
    ]
    partner = {tuple(tokens(row)): row for row in rows}
    seen = []
    for batch in tiny.training_set(rows, batch_size=4).epoch(0):
        assert batch.adversarial is not None
        found = [partner[tuple(unpadded(row))] for row in batch.texts["input_ids"]]
        assert [row.label for row in found] == batch.labels.tolist()
        paired = len(found[batch.paired])
        assert [row.adversarial is not None for row in found] == [True] * paired + [False] * (len(found) - paired)
        for row, adversarial in zip(found[batch.paired], batch.adversarial["input_ids"], strict=True):
            assert unpadded(adversarial) == tokens(TrainingRow(row.adversarial or "", row.label))
        seen += found
    assert sorted(row.text for row in seen) == sorted(row.text for row in rows)


@pytest.mark.parametrize(("pairs", "paired"), [(False, slice(0)), (True, slice(5))])
def test_batch_says_which_of_its_rows_have_a_counterpart(pairs: bool, paired: slice) -> None:
    assert tiny.batch(5, pairs=pairs).paired == paired


def test_an_empty_counterpart_is_one() -> None:
    (batch,) = tiny.training_set([TrainingRow("a", 0, ""), TrainingRow("the film", 1, "the fi1m")]).epoch(0)
    assert batch.adversarial is not None
    assert [2] == [len(unpadded(row)) for row in batch.adversarial["input_ids"] if len(unpadded(row)) < 4]


def words(counts: Sequence[int]) -> list[TrainingRow]:
    """Rows of that many words, so of that many tokens and two more; each row starts with a word of its own if short."""
    return [TrainingRow(" ".join(["the"] * count), 0) for count in counts]


def test_rows_are_shuffled_into_other_batches_in_each_epoch() -> None:
    names = [f"{a} {b}" for a in tiny.FILLERS for b in tiny.FILLERS[:4]]  # all of one length
    data = tiny.training_set([TrainingRow(name, 0) for name in names], batch_size=4)
    ids = {tuple(tokens(TrainingRow(name, 0))): i for i, name in enumerate(names)}
    epochs = [
        [frozenset(ids[tuple(unpadded(row))] for row in batch.texts["input_ids"]) for batch in data.epoch(number)]
        for number in range(3)
    ]
    neighbours = {frozenset(range(at, at + 4)) for at in range(0, len(names), 4)}
    for number, batches in enumerate(epochs):
        assert len(neighbours & set(batches)) <= 1, "rows that stand together in the data part"
        assert len(set(batches) & set(epochs[number - 1])) <= 1, "and others meet in the next epoch"


@pytest.mark.parametrize(
    ("count", "least", "most"), [(50, 1, 1), (150, 1.8, 6)], ids=["one stretch", "three stretches"]
)
def test_rows_are_sorted_by_length_within_25_batches_only(count: int, least: float, most: float) -> None:
    data = tiny.training_set(words(range(1, count + 1)), batch_size=2, max_length=count + 2)
    apart = [
        abs(len(unpadded(batch.texts["input_ids"][0])) - len(unpadded(batch.texts["input_ids"][1])))
        for batch in data.epoch(0)
    ]
    # The lengths are 3, 4, 5, ...: sorted as a whole, each batch would hold two neighbours; unsorted, they are far off.
    assert least <= sum(apart) / len(apart) <= most
