"""How long a text may be, and how many are searched at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from robench.attacking.engine import attack_examples
from robench.attacking.engine.limits import MOST_LETTERS, MOST_WORDS, WORDS_AT_ONCE, explain_length, weigh
from robench.attacks.deepwordbug import DeepWordBug

pytestmark = pytest.mark.network


def constant(texts: Sequence[str]) -> torch.Tensor:
    """The same logits for every text: it is never fooled."""
    return torch.tensor([[1.0, 0.0]]).repeat(len(texts), 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a " * MOST_WORDS, None),
        ("a " * (MOST_WORDS + 1), "it has 10,001 words, and at most 10,000 are attacked"),
        ("b" * MOST_LETTERS, None),
        ("a " + "b" * (MOST_LETTERS + 1), "a word of it has 10,001 letters, and at most 10,000 are attacked"),
        ("", None),
    ],
)
def test_explain_length_at_the_bounds_says_what_is_too_long(text: str, reason: str | None) -> None:
    assert explain_length(text) == reason


def test_search_of_a_text_beyond_the_bounds_is_a_record_of_an_error() -> None:
    examples = [(3, "a " * 10_001, 0), (4, "fine", 1)]
    long, fine = sorted(attack_examples(DeepWordBug(), constant, examples, seed=1, attack_name="a"), key=lambda r: r.id)
    assert (long.status, long.words, long.queries) == ("error", 10_001, 0)
    assert long.reason == "it has 10,001 words, and at most 10,000 are attacked"
    assert fine.status == "skipped"


def test_weigh_counts_the_letters_of_long_words() -> None:
    assert weigh("one two three") == 3
    assert weigh("x" * 8000) == 1000


def test_long_texts_are_searched_a_few_at_a_time() -> None:
    started: list[int] = []
    text = "the " * (WORDS_AT_ONCE // 4) + "cat"  # stopwords, so that the search is short

    def examples() -> Sequence[tuple[int, str, int]]:
        return [(n, f"{text} {n}", 0) for n in range(6)]

    def victim(texts: Sequence[str]) -> torch.Tensor:
        started.append(len({one.rsplit(" ", 1)[1] for one in texts if " cat " in one}))
        return constant(texts)

    records = list(attack_examples(DeepWordBug(), victim, examples(), seed=1, attack_name="a"))
    assert sorted(record.id for record in records) == list(range(6))
    assert max(started) == 3
