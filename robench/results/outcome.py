"""Counts and means of an attack's records: the numbers that tables show of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from robench.results.info_parts import Outcome, Similarity
from robench.results.records import Record

if TYPE_CHECKING:
    from robench.results.entry_parts import RecordRow

FEWEST_ERRORS = 20
"""Errors on all attacked texts are no result if there are so many: the attack is broken. Fewer may be bad luck."""


def summarise(records: Sequence[Record] | Sequence[RecordRow]) -> Outcome:
    """Count the outcomes of one cell's records, and average the costs of the attack."""
    statuses = Counter(record.status for record in records)
    queries = [record.queries for record in records if record.status in ("succeeded", "failed")]
    changed = [record.words_changed / max(record.words, 1) for record in records if record.status == "succeeded"]
    return Outcome(
        n=len(records),
        failed=statuses["failed"],
        succeeded=statuses["succeeded"],
        skipped=statuses["skipped"],
        errors=statuses["error"],
        queries=round(fmean(queries), 2) if queries else None,
        words_changed=round(fmean(changed), 4) if changed else None,
        seconds=round(sum(record.seconds for record in records), 2),
    )


def has_failed(records: Sequence[Record] | Sequence[RecordRow]) -> bool:
    """Return whether an attack has no result: all texts that it attacked ended in an error, and these are many."""
    statuses = Counter(record.status for record in records if record.status != "skipped")
    return statuses["error"] == statuses.total() >= FEWEST_ERRORS


def measure_similarity(records: Sequence[Record], *, offline: bool = False) -> Similarity:
    """Average the cosine similarity of the originals and the adversarial texts of all successes.

    The bundled sentence encoder embeds both as whole texts, whichever encoder the attack used, so that the numbers of
    different attacks can be compared.

    Args:
        records: the records of one cell.
        offline: whether to forbid downloading the encoder (32 MB).

    Raises:
        RobenchError: the encoder is not available.
    """
    from robench.resources import sentence_encoder

    pairs = [(record.original, record.final) for record in records if record.status == "succeeded"]
    mean = None
    if pairs:
        encoder = sentence_encoder.load_bundled_encoder(offline=offline)
        before, after = (encoder.encode(texts) for texts in zip(*pairs, strict=True))
        mean = round(fmean((before * after).sum(axis=1).tolist()), 4)
    return Similarity(mean=mean, n=len(pairs), **sentence_encoder.identify_bundled_encoder())
