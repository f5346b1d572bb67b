"""Counts and means of an attack's records."""

from __future__ import annotations

from robench.results.outcome import summarise
from support.hand_made import record


def test_summarise_leaves_skipped_texts_out_of_the_queries_and_the_share_of_words() -> None:
    records = [
        record(0, "succeeded", queries=30, words_changed=1, words=4),
        record(1, "failed", queries=10, words_changed=0, words=8),
        record(2, "skipped", queries=1, words_changed=0, words=2),
    ]
    outcome = summarise(records)
    assert (outcome.n, outcome.succeeded, outcome.failed, outcome.skipped) == (3, 1, 1, 1)
    assert (outcome.queries, outcome.words_changed, outcome.attempts) == (20, 0.25, 2)


def test_summarise_of_skipped_texts_alone_has_no_means() -> None:
    outcome = summarise([record(0, "skipped", queries=1)])
    assert (outcome.n, outcome.queries, outcome.words_changed, outcome.attempts) == (1, None, None, 0)
