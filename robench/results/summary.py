"""What an attack's records come to: the numbers that tables show of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from robench.results.records import Record


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """Counts and means of the records of one cell.

    Returns:
        ``n`` attacked samples; ``failed``, ``succeeded`` and ``skipped``, which add up to n, of which only ``failed``
        count as right (accuracy under attack = failed / n, section 4.1 of the paper); over the samples that the model
        had right before, ``queries`` (mean); over the successes, ``words_changed`` (mean share of a text's words);
        ``seconds`` of search and model time in all.
    """
    statuses = Counter(record.status for record in records)
    tried = [record.queries for record in records if record.status != "skipped"]
    changed = [record.words_changed / max(record.words, 1) for record in records if record.status == "succeeded"]
    return {
        "n": len(records),
        "failed": statuses["failed"],
        "succeeded": statuses["succeeded"],
        "skipped": statuses["skipped"],
        "queries": round(fmean(tried), 2) if tried else None,
        "words_changed": round(fmean(changed), 4) if changed else None,
        "seconds": round(sum(record.seconds for record in records), 2),
    }
