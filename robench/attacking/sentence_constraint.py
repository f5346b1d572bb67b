"""TextAttack's constraint on sentence similarity, with another sentence encoder.

How it works: TextAttack accepts a perturbed text if its similarity to the reference text, under the Universal Sentence
Encoder, reaches a threshold. :func:`with_encoder` copies that constraint for any encoder and encodes all candidates of
a word in one call, each different window once. :func:`calibrate_threshold` translates a published threshold to the
bundled encoder by scaling the angle between two texts.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from robench.errors import RobenchError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ANGLE_SCALE = 0.8
"""Largest angle between two texts under the bundled encoder, divided by that under the published one; see
:func:`calibrate_threshold`."""


@runtime_checkable
class SentenceEmbedder(Protocol):
    """An object that embeds sentences."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts: (N, D), float32, rows of unit length."""


def with_encoder(constraint: Any, encoder: SentenceEmbedder, threshold: float) -> Any:
    """Copy a TextAttack sentence-encoder constraint so that it uses ``encoder``.

    The copy has the metric, the window, the reference text and the treatment of short texts of ``constraint``. It
    accepts the same texts as TextAttack's own class would with that encoder, but it encodes each different window once,
    and encodes nothing for texts that are accepted in any case.

    Args:
        constraint: a ``textattack`` constraint derived from its ``SentenceEncoder``.
        encoder: shared by all constraints that are made with it.
        threshold: smallest similarity that is accepted, in the constraint's metric (for ``max_euclidean``: largest
            squared distance).
    """
    windowed = math.isfinite(constraint.window_size)
    copy = _constraint_class()(
        threshold=threshold,
        metric=constraint.metric,
        compare_against_original=constraint.compare_against_original,
        window_size=constraint.window_size if windowed else None,
        skip_text_shorter_than_window=constraint.skip_text_shorter_than_window,
    )
    copy.encoder = encoder
    return copy


def compare_windows(threshold: float, *, metric: str = "cosine", with_original: bool = True) -> Any:
    """Make TextAttack's constraint on the 15 words around a change; texts with fewer words are not compared.

    Args:
        threshold: smallest similarity that is accepted, by the Universal Sentence Encoder.
        metric: ``cosine`` or ``angular``.
        with_original: compare with the original text; else with the text before the last change.
    """
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    return UniversalSentenceEncoder(
        threshold=threshold,
        metric=metric,
        compare_against_original=with_original,
        window_size=15,
        skip_text_shorter_than_window=True,
    )


def calibrate_threshold(threshold: float, metric: str = "angular") -> float:
    """Translate a published threshold for the Universal Sentence Encoder to the bundled encoder: angle times 0.8.

    Angular similarity is 1 - angle / pi. Two equal texts stay at 1, a stricter threshold stays stricter, and one that
    accepts every text still does. TextFooler's 0.840845 (0.5 rad) becomes 0.8727, TextBugger's 0.8 becomes 0.84, BAE's
    cosine 0.9363 becomes 0.9590.

    On sentences the two encoders have the same scale: over 46 pairs of movie reviews with the published cosine (Morris
    et al. 2020, "Reevaluating Adversarial Examples in Natural Language"), the angle of the bundled encoder is 1.05
    times as large (least squares; correlation 0.85), on longer texts 1.25 times. But an attack searches for candidates
    that the encoder accepts, so it gains wherever the bundled encoder is the more lenient one of the two, and with
    equal thresholds it changes more words than real attacks did. The factor 0.8 was fitted to what TextFooler and
    TextBugger, with the published encoder, did to movie reviews that they could not fool: with it they change about
    as many words. ``docs/stand-ins.md`` has the numbers.

    Args:
        threshold: smallest similarity under the published encoder.
        metric: ``angular`` or ``cosine``.

    Raises:
        RobenchError: the metric is not based on an angle.
    """
    if metric == "angular":
        return 1 - ANGLE_SCALE * (1 - threshold) if threshold > 0 else threshold
    if metric == "cosine":
        return math.cos(ANGLE_SCALE * math.acos(threshold)) if threshold > -1 else threshold
    raise RobenchError(
        f"a sentence similarity of {metric} has no threshold for the bundled encoder: use angular or cosine, or the "
        "published resources."
    )


@functools.cache
def _constraint_class() -> type[Any]:
    """Define the constraint class on first use, because importing TextAttack takes seconds."""
    import torch
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    class SentenceSimilarity(SentenceEncoder):  # type: ignore[misc]  # TextAttack is untyped
        """A constraint that accepts a text if the window around its change is similar enough to the reference."""

        encoder: SentenceEmbedder

        def encode(self, sentences: Sequence[str]) -> torch.Tensor:
            """Embed the sentences, each different one once: (sentences, D)."""
            unique = {sentence: row for row, sentence in enumerate(dict.fromkeys(sentences))}
            return torch.from_numpy(self.encoder.encode(list(unique)))[[unique[sentence] for sentence in sentences]]

        def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
            return bool(self._check_constraint_many([transformed_text], reference_text))

        def _check_constraint_many(self, transformed_texts: list[Any], reference_text: Any) -> list[Any]:
            scores = torch.ones(len(transformed_texts))
            compared = [i for i, text in enumerate(transformed_texts) if not self._is_skipped(text)]
            if compared:
                windows = [self._windows(transformed_texts[i], reference_text) for i in compared]
                changed, original = zip(*windows, strict=True)
                rows = self.encode([*original, *changed])
                scores[compared] = self.sim_metric(rows[: len(compared)], rows[len(compared) :])
            for text, score in zip(transformed_texts, scores.tolist(), strict=True):
                text.attack_attrs["similarity_score"] = score  # searches prefer the most similar successful text
            accepted = (scores >= self.threshold).tolist()
            return [text for text, is_accepted in zip(transformed_texts, accepted, strict=True) if is_accepted]

        def _is_skipped(self, text: Any) -> bool:
            return bool(self.skip_text_shorter_than_window and len(text.words) < self.window_size)

        def _windows(self, transformed_text: Any, reference_text: Any) -> tuple[str, str]:
            """Return the windows around the first change, in the transformed text and in the reference text."""
            changed = transformed_text.attack_attrs.get("newly_modified_indices")
            if not changed:
                raise RobenchError(
                    f"the transformation does not say which word of {transformed_text.text!r:.80} it changed: an "
                    "attack with a constraint on sentence similarity needs one that does."
                )
            at = next(iter(changed))
            window, reference_window = (
                text.text_window_around_index(at, self.window_size) for text in (transformed_text, reference_text)
            )
            return window, reference_window

    return SentenceSimilarity
