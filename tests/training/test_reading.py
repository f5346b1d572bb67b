"""Reading texts as a defense says: a stream for each text, whatever else is read."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from robench.defenses.base import Base
from robench.defenses.ranmask import RanMASK
from robench.errors import RobenchError
from robench.training.reading import DefenseReader, LabelCounter, find_reader, make_stream, read_rows
from robench.training.settings import TrainingSettings
from support import tiny


@dataclass(frozen=True, kw_only=True)
class Doubled(Base):
    """Base, which reads a text twice: as it is, and in the other order."""

    reads_in_training: ClassVar[bool] = True

    @property
    def texts_read(self) -> int:
        return 2

    def read(self, text: str, stream: random.Random) -> Iterator[str]:
        words = text.split()
        yield " ".join(stream.sample(words, len(words)))
        yield text


TEXT = "the film was superb but long"


def test_stream_of_a_text_is_its_own_and_always_the_same() -> None:
    first = make_stream("score", 42, TEXT).random()
    assert make_stream("score", 42, TEXT).random() == first == 0.7449948063299212
    others = [make_stream("score", 43, TEXT), make_stream("x", 42, TEXT), make_stream("score", 42, TEXT + "\ud800")]
    assert len({first, *(other.random() for other in others)}) == 4


def test_defense_without_read_has_no_reader_and_one_with_it_reads_equally_each_time() -> None:
    assert find_reader(Base(), 1) is None
    reader = find_reader(RanMASK(votes=7), 1)
    assert reader is not None and reader.count == 7
    assert reader.read(TEXT) == reader.read(TEXT) and len(reader.read(TEXT)) == 7
    assert reader.read(TEXT, 2) == reader.read(TEXT)[:2], "those of fewer draws are the first"
    assert reader.read(TEXT) != DefenseReader(RanMASK(votes=7), 2).read(TEXT)


def test_global_random_state_plays_no_part() -> None:
    random.seed(1)
    before, state = DefenseReader(RanMASK(), 1).read(TEXT), random.getstate()
    random.seed(2)
    assert DefenseReader(RanMASK(), 1).read(TEXT) == before
    random.seed(1)
    assert random.getstate() == state


def test_default_combination_of_one_text_keeps_its_logits_to_the_bit() -> None:
    logits = torch.tensor([[0.1, 0.7]])
    assert torch.equal(Base().combine(logits), logits[0])


def test_rows_are_read_anew_in_each_epoch() -> None:
    rows = tiny.rows(6, pairs=True)
    epochs = [read_rows(RanMASK(mask_rate=0.5), tiny.tokenizer(), 3, rows, epoch) for epoch in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    assert [row.label for row in epochs[0]] == [row.label for row in rows]
    assert all(row.text.count("[MASK]") > 0 for row in epochs[0])
    assert all(row.adversarial and row.adversarial != row.text for row in epochs[0])


def test_training_on_texts_that_are_read_repeats_itself_and_is_another_than_that_of_the_texts() -> None:
    settings = TrainingSettings(epochs=2, learning_rate=1e-3, eval_every=20, max_length=24)
    found = [tiny.trained(Doubled(), tiny.rows(60), settings) for _ in range(2)]
    assert found[0].log[-1]["loss"] == found[1].log[-1]["loss"]
    texts = [example.text for example in tiny.examples(5, seed=8)]
    assert torch.equal(*(one.predictor.logits(texts) for one in found))
    plain = tiny.trained(Base(), tiny.rows(60), settings)
    assert not torch.equal(plain.predictor.logits(texts), found[0].predictor.logits(texts))


def test_counter_counts_the_labels_of_its_draws() -> None:
    counter = LabelCounter(RanMASK(), 1, "certificate", 3)
    assert len(counter.read(TEXT)) == 3 == counter.count
    assert counter.combine(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])).tolist() == [1, 2]
    with pytest.raises(RobenchError, match="yields only 2 texts in place of one, where 3 count"):
        counter.combine(torch.zeros(2, 2))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], r"its read yielded \(\); it should yield texts, at least one"),
        ([1], r"its read yielded \(1,?\)"),
    ],
)
def test_read_that_yields_no_texts_is_an_error_that_names_the_defense(body: Sequence[Any], sentence: str) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Odd(Base):
        def read(self, text: str, stream: random.Random) -> Any:
            return body

    with pytest.raises(RobenchError, match=rf"Odd failed to read a text.*{sentence}"):
        DefenseReader(Odd(), 1).read(TEXT)


def test_combine_of_another_shape_is_an_error_that_names_the_defense() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Odd(Base):
        def combine(self, logits: torch.Tensor) -> torch.Tensor:
            return logits

    with pytest.raises(RobenchError, match=r"Odd failed to combine scores.*logits of shape \(3, 2\) of \(3, 2\)"):
        DefenseReader(Odd(), 1).combine(torch.zeros(3, 2))
