"""What a model reads in place of a text, and the one score that is made of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.engine import attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.errors import RobenchError
from robench.models import predictor as predictor_module
from robench.models.predictor import Predictor
from robench.models.reading import MASK, show_masks, vote
from support import small_bert, tiny


class Halves:
    """Reads the text, and then its first and its last half, all in lower case."""

    count = 3

    def read(self, text: str, most: int | None = None) -> Sequence[str]:
        words = text.lower().split()
        middle = (len(words) + 1) // 2
        return (" ".join(words), " ".join(words[:middle]), " ".join(words[middle:]) or ".")[:most]

    def combine(self, logits: torch.Tensor) -> torch.Tensor:
        return vote(logits)


def predictor(reader: Any = None) -> Predictor:
    return Predictor(
        tiny.classifier(), tiny.tokenizer(), max_length=24, precision="fp32", device=tiny.CPU, reader=reader
    )


TEXTS = [example.text for example in tiny.examples(40)]


def test_vote_counts_labels_and_breaks_ties_by_the_mean_probability() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    weights = np.exp(logits.numpy().astype(np.float64))
    means = (weights / weights.sum(1, keepdims=True)).mean(0)
    expected = np.log((np.array([2, 1, 0]) + means) / 4)
    torch.testing.assert_close(vote(logits), torch.tensor(expected).float())
    assert int(vote(logits[1:]).argmax()) == 1, "one vote each, and the second label is surer"
    assert vote(logits).softmax(0).tolist() == pytest.approx(((np.array([2, 1, 0]) + means) / 4).tolist())


def test_vote_of_texts_that_are_all_sure_is_finite() -> None:
    assert vote(torch.tensor([[200.0, 0.0], [200.0, 0.0]])).isfinite().all()


def test_predictor_with_a_reader_combines_the_scores_of_what_it_reads() -> None:
    plain, reading = predictor(), predictor(Halves())
    found = reading.outputs(TEXTS)
    for i, text in enumerate(TEXTS):
        alone = plain.outputs(Halves().read(text))
        torch.testing.assert_close(found.logits[i], vote(alone.logits), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.representations[i], alone.representations.mean(0), atol=1e-5, rtol=1e-5)
    first = plain.logits([text.lower() for text in TEXTS])
    torch.testing.assert_close(reading.logits(TEXTS, most=1).softmax(1).argmax(1), first.argmax(1))


def test_scores_of_a_text_that_is_read_as_several_do_not_depend_on_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = predictor(Halves())
    together = reading.logits(TEXTS)
    assert torch.equal(reading.logits(TEXTS[::-1]).flip(0), together)
    assert torch.equal(torch.cat([reading.logits([text]) for text in TEXTS]), together)
    monkeypatch.setattr(predictor_module, "READ_AT_ONCE", 9)
    assert torch.equal(reading.logits(TEXTS), together)
    assert reading.logits([]).shape == (0, 2)


@pytest.mark.network
def test_records_of_a_reading_model_do_not_depend_on_live_examples_or_order() -> None:
    examples = [(i, e.text, e.label) for i, e in enumerate(tiny.examples(8))]

    def attack(some: Sequence[Any], live: int) -> list[tuple[Any, ...]]:
        found = attack_examples(DeepWordBug(), predictor(Halves()), some, seed=0, attack_name="deepwordbug", live=live)
        kept = sorted(found, key=lambda record: record.id)
        return [(r.id, r.status, r.final, r.queries, r.probabilities_before, r.probabilities_after) for r in kept]

    records = attack(examples, 8)
    assert attack(examples, 1) == records and attack(examples[::-1], 3) == records
    assert {"failed", "succeeded"} & {status for _, status, *_ in records}


def test_mask_is_the_mask_token_of_the_encoder() -> None:
    tokenizer = small_bert.tokenizer(["film"], letters="a")
    assert show_masks(tokenizer, f"a {MASK} film") == "a [MASK] film"
    tokenizer.mask_token = "<mask>"
    assert show_masks(tokenizer, f"a {MASK} film") == "a <mask> film"
    tokenizer.mask_token = None
    assert show_masks(tokenizer, "a film") == "a film"
    with pytest.raises(RobenchError, match="has no mask token"):
        show_masks(tokenizer, f"a {MASK} film")
