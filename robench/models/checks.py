"""Checks of any model, a user's or one that robench trained: what would make its numbers misleading.

How it works: a few short texts are run at their own length and padded, and the outputs are compared. A few texts are
run with one word left out: if their scores hardly ever change, an attack that ranks words and candidates by scores
works blindly, and the model looks robust. The texts that are longer than the model's window are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from robench.models.batches import Shape
from robench.models.devices import Precision
from robench.models.predictor import measure

if TYPE_CHECKING:
    from robench.models.predictor import Predictor

PADDED_TEXTS = 4
"""Texts that are run at their own length and padded."""
PADDING = 8
"""Tokens of padding that the longest of them gets, if the window has room for them."""
ROUNDING: dict[Precision, float] = {"fp32": 1e-4, "bf16": 0.05, "native": 0.05}
"""Largest difference that rounding may cause between the two, as a share of the largest output.

Measured on encoders of 2 and 6 layers: up to 1.3e-6 in fp32, and 0.008 in bf16, whose steps are 0.004.
"""
PROBED_TEXTS = 8
"""Texts that are run with one word left out."""
WORDS = 32
"""Most words of a text that are left out in turn."""
FLAT_SHARE = 0.5
"""Share of these texts whose scores may stay, whichever word is left out, without a warning."""
TRUNCATED_SHARE = 0.05
"""Share of test texts that may be cut without a warning."""


def spread(texts: Sequence[str], count: int) -> list[str]:
    """Return at most ``count`` texts, at equal distances."""
    count = min(count, len(texts))
    return [texts[i * len(texts) // count] for i in range(count)]


def depends_on_padding(predictor: Predictor, texts: Sequence[str]) -> bool:
    """Return whether a text's outputs change, by more than rounding, if it is padded.

    Args:
        predictor: the model.
        texts: texts of any length; the shortest are taken.
    """
    rows = sorted(predictor.tokens(texts), key=measure)[:PADDED_TEXTS]
    lengths = [measure(row) for row in rows]
    room = Shape(len(rows), min(lengths[-1] + PADDING, predictor.max_length))
    padded = predictor.batch(rows, room)
    alone = [predictor.batch([row], Shape(1, length)) for row, length in zip(rows, lengths, strict=True)]
    is_exact = predictor.precision == "native" and predictor.dtype == torch.float32
    share = ROUNDING["fp32" if is_exact else predictor.precision]
    return any(
        _differ(part, torch.cat(parts), share) for part, parts in zip(padded, zip(*alone, strict=True), strict=True)
    )


def _differ(outputs: Tensor, others: Tensor, share: float) -> bool:
    return bool((outputs - others).abs().max() > share * others.abs().max())


def warn_of_padding(predictor: Predictor, texts: Sequence[str]) -> list[str]:
    """Return a warning if a model's outputs depend on padding; see :func:`depends_on_padding`."""
    if not depends_on_padding(predictor, texts):
        return []
    return [
        "a text's scores depend on its padding: results depend on how texts are batched. The model does not honour the"
        " attention mask, or its tokenizer pads on the wrong side."
    ]


def warn_of_saturation(logits: Callable[[Sequence[str]], Tensor], texts: Sequence[str]) -> list[str]:
    """Return a warning if a model's scores hardly ever change although its texts do.

    Args:
        logits: the model, from N texts to logits (N, K).
        texts: texts; those of one word tell nothing.
    """
    chosen = spread([text for text in dict.fromkeys(texts) if len(text.split()) > 1], PROBED_TEXTS)
    if not chosen:
        return []
    variants = [_leave_words_out(text) for text in chosen]
    scores = logits([variant for group in variants for variant in group]).double()
    flat = sum(_is_flat(group) for group in scores.split([len(group) for group in variants]))
    advice = (
        "an attack, which looks for the words and candidates that hurt most, is blind, and the model looks more robust"
        " than it is. Return unrounded logits; a network does so with --precision fp32."
    )
    if len(scores.unique(dim=0)) == len(scores.argmax(1).unique()):
        return [
            f"the model's scores are hard labels: texts with the same predicted label have the same scores. So {advice}"
        ]
    if flat <= FLAT_SHARE * len(chosen):
        return []
    return [
        f"the model's scores are rounded or saturated: in {flat} of {len(chosen)} texts, they do not fall whichever"
        f" word is left out. So {advice}"
    ]


def _leave_words_out(text: str) -> list[str]:
    """Return a text, and the text without each of some of its words."""
    words = text.split()
    places = [i * len(words) // min(WORDS, len(words)) for i in range(min(WORDS, len(words)))]
    return [text, *(" ".join(words[:i] + words[i + 1 :]) for i in places)]


def _is_flat(logits: Tensor) -> bool:
    """Return whether no row below the first (1 + N, K) makes the first row's prediction less likely."""
    label = int(logits[0].argmax())
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    margins = logits[:, label] - others.logsumexp(1)
    return bool((margins[1:] >= margins[0]).all())


def warn_of_window(cut: int, total: int, max_length: int | None, option: str) -> list[str]:
    """Return a warning if many texts are longer than the model's window.

    Args:
        cut: number of test texts that are cut.
        total: number of test texts.
        max_length: tokens of the window.
        option: what sets it, for users.
    """
    if cut <= TRUNCATED_SHARE * total:
        return []
    return [
        f"{cut / total:.0%} of the test texts are longer than {max_length} tokens and are cut there; an attack on the"
        f" part that is cut off has no effect ({option})."
    ]
