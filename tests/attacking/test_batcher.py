"""Questions of many searches become full batches, and what is known is not asked again."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from robench.attacking.engine.batcher import Batcher, BatchStatistics
from robench.attacking.engine.logits_cache import LogitsCache
from robench.attacking.engine.requests import Answer
from robench.attacking.engine.suspects import PATIENCE
from robench.errors import RobenchError
from robench.models.batch_model import BatchModel
from robench.models.batches import Shape
from robench.models.predictor import Predictor
from robench.resources.text_keys import make_text_key
from support import tiny


class Lengths:
    """Logits that tell a text's length; four texts of a length go together. Notes what it sees."""

    def __init__(self, ahead: int = 1) -> None:
        self.max_in_flight = ahead
        self.seen: list[list[str]] = []
        self.tokenised: list[list[str]] = []

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def tokens(self, texts: Sequence[str]) -> list[str]:
        self.tokenised.append(list(texts))
        return list(texts)

    def identify(self, tokens: str) -> str | bytes:
        return make_text_key(tokens)

    def shape(self, tokens: str) -> Shape:
        return Shape(4, len(tokens))

    def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
        assert len(tokens) <= shape.rows
        assert {len(text) for text in tokens} == {shape.length}
        self.seen.append(list(tokens))
        return torch.tensor([[0.0, float(len(text)), float(ord(text[0]))] for text in tokens])


def batcher(model: object, size: int = 100_000) -> Batcher:
    return Batcher(model, LogitsCache(size), BatchStatistics())  # type: ignore[arg-type]


def everything(found: Batcher) -> dict[object, Answer]:
    answers: dict[object, Answer] = {}
    while not found.idle:
        answers |= {answer.requester: answer for answer in found.answers()}
    return answers


def test_a_predictor_is_a_model_of_batches_and_a_function_is_none() -> None:
    assert isinstance(tiny.predictor(tiny.classifier()), BatchModel)
    assert not isinstance(tiny.predictor(tiny.classifier()).logits, BatchModel)


def test_full_batches_go_first_and_the_rest_waits_for_company() -> None:
    model = Lengths()
    asked = batcher(model)
    asked.request("a", ["aa", "bb"])
    asked.request("b", ["c", "d", "e"])
    asked.request("c", ["f"])
    assert [answer.requester for answer in asked.answers()] == ["b", "c"]
    asked.request("d", ["cc", "dd", "ee"])
    assert [answer.requester for answer in asked.answers()] == ["a"]
    assert [answer.requester for answer in asked.answers()] == ["d"]
    assert model.seen == [["c", "d", "e", "f"], ["aa", "bb", "cc", "dd"], ["ee"]]
    assert asked.idle
    assert asked.answers() == []
    counts = asked.statistics
    assert (counts.requested_texts, counts.computed_texts, counts.batches, counts.batch_rows) == (9, 9, 3, 12)


def test_rows_come_in_the_order_of_the_texts_with_the_largest_at_0() -> None:
    asked = batcher(Lengths())
    asked.request("a", ["zz", "b", "zz", "cccc"])
    rows = everything(asked)["a"].rows
    expected = np.array([[0, 2, 122], [0, 1, 98], [0, 2, 122], [0, 4, 99]], dtype=np.float32)
    assert np.array_equal(rows, expected - expected.max(axis=1, keepdims=True))
    assert rows.dtype == np.float32


def test_a_text_is_seen_once_whoever_asks_and_when() -> None:
    model = Lengths()
    asked = batcher(model)
    asked.request("a", ["x", "y"])
    asked.request("b", ["y", "x", "z"])
    answers = everything(asked)
    assert np.array_equal(answers["a"].rows, answers["b"].rows[[1, 0]])
    asked.request("c", ["z", "y"])
    assert np.array_equal(asked.answers()[0].rows, answers["b"].rows[[2, 0]])
    assert model.seen == [["x", "y", "z"]] == model.tokenised
    assert answers["a"].seconds + answers["b"].seconds == pytest.approx(asked.statistics.forward_seconds)


def test_what_was_not_asked_for_lately_is_forgotten() -> None:
    model = Lengths()
    asked = batcher(model, size=700)  # two texts of one letter
    for text in ("x", "y", "x", "z", "x", "y"):
        asked.request(text, [text])
        everything(asked)
    assert [text for batch in model.seen for text in batch] == ["x", "y", "z", "y"]


def test_an_answer_may_be_longer_than_the_memory() -> None:
    asked = batcher(Lengths(), size=0)
    asked.request("a", ["x", "yy", "z", "x"])
    assert everything(asked)["a"].rows[:, 2].tolist() == [0, 0, 0, 0]


def test_a_device_has_the_next_full_batch_before_the_answers_of_the_last_are_looked_at() -> None:
    model = Lengths(ahead=2)
    asked = batcher(model)
    asked.request("a", ["a", "b", "c", "d"])
    asked.request("b", ["aa", "bb", "cc", "dd", "ee"])
    assert [answer.requester for answer in asked.answers()] == ["a"]
    assert len(model.seen) == 2  # what is left is not full, so it waits
    assert asked.has_work()
    assert [answer.requester for answer in asked.answers()] == ["b"]
    assert model.seen[2] == ["ee"]


def test_it_says_whether_more_questions_would_make_it_cheaper() -> None:
    asked = batcher(Lengths())
    assert asked.idle and not asked.has_work()
    asked.request("a", ["a", "b", "c"])
    assert not asked.idle and not asked.has_work()
    asked.request("b", ["d"])
    assert asked.has_work()
    everything(asked)
    asked.request("c", ["a"])
    assert asked.has_work() and not asked.idle  # it is known


@pytest.mark.parametrize("texts", [0, 1, 40])
def test_logits_are_the_bits_of_the_predictor_in_whatever_company(texts: int) -> None:
    stream = random.Random(texts)
    words = "the mayor spoke of old bread and new roads while rain fell".split()
    lines = [" ".join(stream.choices(words, k=stream.randrange(1, 20))) for _ in range(texts)]
    model = Predictor(tiny.classifier(classes=3), tiny.tokenizer(), max_length=24, precision="fp32", device=tiny.CPU)
    asked = batcher(model)
    for at, line in enumerate(lines):
        asked.request(at, [line, *stream.choices(lines, k=3)])
    with model.freeze_weights():
        answers = everything(asked)
    logits = model.logits(lines)
    expected = (logits - logits.max(dim=1, keepdim=True).values).numpy()
    assert all(np.array_equal(answers[at].rows[0], expected[at]) for at in range(texts))


class Unable(Lengths):
    """Fails on texts with "bad", gives NaN for texts with "odd", and cannot tokenise texts with "raw"."""

    def tokens(self, texts: Sequence[str]) -> list[str]:
        if any("raw" in text for text in texts):
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates not allowed")
        return super().tokens(texts)

    def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
        if any("bad" in text for text in tokens):
            raise RuntimeError("no bad words at 0x7f00aa11 in /home/somebody/model.py")
        logits = super().batch_logits(tokens, shape)
        logits[[i for i, text in enumerate(tokens) if "odd" in text], 0] = float("nan")
        return logits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bad", "RuntimeError: no bad words at 0x... in .../model.py (test_batcher.py, line"),
        ("odd", "NaN or infinity for 'odd'"),
        ("raw", "UnicodeEncodeError: "),
    ],
)
def test_a_batcher_with_a_failing_text_answers_the_others(text: str, reason: str) -> None:
    asked = batcher(Unable())
    asked.request("a", ["one", text])
    asked.request("b", ["two", "three"])
    asked.request("c", [text])
    answers = everything(asked)
    assert answers["b"].failure is None
    assert len(answers["b"].rows) == 2
    for requester in ("a", "c"):
        failure = answers[requester].failure
        assert failure is not None
        assert failure.text == text
        assert reason in failure.reason


def test_a_batcher_with_many_failing_texts_asks_whether_the_model_still_works() -> None:
    asked = batcher(Unable())
    asked.request("fine", ["fine"])
    assert everything(asked)["fine"].failure is None
    for number in range(3 * PATIENCE):
        asked.request(number, [f"bad {number}"])
    answers = everything(asked)
    failures = [answers[number].failure for number in range(3 * PATIENCE)]
    assert [one.text for one in failures if one] == [f"bad {number}" for number in range(3 * PATIENCE)]


@pytest.mark.parametrize("scored_before", [True, False])
def test_a_batcher_whose_model_is_down_stops(scored_before: bool) -> None:
    class Service(Lengths):
        is_up = True

        def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
            if not self.is_up:
                raise ConnectionError("no route to host")
            return super().batch_logits(tokens, shape)

    service = Service()
    asked = batcher(service)
    if scored_before:
        asked.request("fine", ["fine"])
        assert everything(asked)["fine"].failure is None
    service.is_up = False
    for number in range(2 if scored_before else PATIENCE):
        asked.request(number, [f"text {number}"])
    with pytest.raises(RobenchError, match=r"no route to host.*in a row.*kept, and the same command goes on"):
        everything(asked)


def test_a_batcher_with_nothing_but_one_failing_text_blames_the_text() -> None:
    asked = batcher(Unable())
    asked.request("a", ["bad"])
    assert everything(asked)["a"].failure is not None


def test_logits_for_the_construction_of_an_attack_name_the_text_that_fails() -> None:
    with pytest.raises(RobenchError, match=r"the model failed on 'bad': .*RuntimeError: no bad words"):
        batcher(Unable()).answer_now(["bad"])


def test_texts_of_the_same_input_are_seen_once() -> None:
    class Cut(Lengths):
        def tokens(self, texts: Sequence[str]) -> list[str]:
            return [text[:3] for text in super().tokens(texts)]

    model = Cut()
    asked = batcher(model)
    asked.request("a", ["onE", "onEs", "two"])
    asked.request("b", ["onEness"])
    answers = everything(asked)
    asked.request("c", ["onErous", "two"])
    answers |= everything(asked)
    assert model.seen == [["onE", "two"]]
    assert answers["a"].rows[:, 2].tolist() == answers["a"].rows[[1, 0, 2], 2].tolist()
    assert np.array_equal(answers["b"].rows[0], answers["a"].rows[0])
    assert np.array_equal(answers["c"].rows, answers["a"].rows[[0, 2]])
    assert asked.statistics.computed_texts == 2
    assert asked.idle


def test_logits_cache_counts_bytes_and_holds_no_long_text() -> None:
    model = Lengths()
    asked = batcher(model, size=50_000)
    long = ["x" * 100_000 + str(n) for n in range(20)]
    asked.request("a", long)
    everything(asked)
    asked.request("b", long)
    everything(asked)
    assert asked.statistics.computed_texts == 20
    asked.request("c", [f"short {n}" for n in range(1000)])
    everything(asked)
    assert len(asked._cache._rows) < 50_000 / 250
