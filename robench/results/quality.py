"""How well adversarial texts keep the meaning of the originals."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from robench.results.records import Record


def similarity(records: Sequence[Record], *, offline: bool = False) -> dict[str, Any]:
    """Mean cosine similarity of the originals and the texts that fooled the model.

    Both are embedded whole by the bundled sentence encoder, whatever encoder the attack used or did without: numbers of
    different attacks can be compared.

    Args:
        records: of one cell.
        offline: forbid fetching the encoder (32 MB).

    Returns:
        ``mean``, from -1 to 1, or None where no attack succeeded; ``n`` pairs; ``encoder``, its pin.

    Raises:
        RobenchError: the encoder cannot be had.
    """
    from robench.resources import sentence_encoder

    pairs = [(record.original, record.final) for record in records if record.status == "succeeded"]
    found: dict[str, Any] = {"mean": None, "n": len(pairs), **sentence_encoder.identify_bundled_encoder()}
    if pairs:
        encoder = sentence_encoder.load_bundled_encoder(offline=offline)
        before, after = (encoder.encode(texts) for texts in zip(*pairs, strict=True))
        found["mean"] = round(fmean((before * after).sum(axis=1).tolist()), 4)
    return found
