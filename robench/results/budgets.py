"""Accuracy against the budget of an attacker, from records: a sample that fell at some price stands below it."""

from __future__ import annotations

from collections.abc import Sequence

from robench.results.columns import ERROR, FAILED, SUCCEEDED, RecordColumns
from robench.results.samples import Outcome


def stands_after_queries(records: RecordColumns, most: int) -> list[Outcome]:
    """Return for each record whether the model is right if searches that took more queries do not count.

    A sample is wrong if the whole search that turned it took so many queries or fewer. An attack whose ``query_budget``
    is that number turns more: it asks for as many of its last candidates as it still may, and one of them may do. None
    after an error.
    """
    return _stand(records, [queries > most for queries in records.queries])


def stands_after_changes(records: RecordColumns, percent: float) -> list[Outcome]:
    """Return for each record whether the model is right against texts with so large a share of changed words.

    The share of a text that fell is that of the text which the attack found; a smaller change may exist. None after an
    error. Words that an attack inserts are not counted.
    """
    pairs = zip(records.words_changed, records.words, strict=True)
    return _stand(records, [100 * changed > percent * (words or 1) for changed, words in pairs])


def _stand(records: RecordColumns, beyond: Sequence[bool]) -> list[Outcome]:
    """Return the outcomes of records, given for each whether its price is beyond the budget."""
    return [
        None if letter == ERROR else letter == FAILED or (letter == SUCCEEDED and dear)
        for letter, dear in zip(records.status, beyond, strict=True)
    ]
