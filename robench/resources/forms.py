"""What attacks need beyond their code: word lists, WordNet, a tagger, word vectors and a sentence encoder.

Word vectors and sentence encoder come in two forms. ``published`` are those that TextAttack's recipes download.
``bundled`` are stand-ins out of the package index, for machines that reach nothing else: an attack with them is
another attack, and is named so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Resource = Literal["stopwords", "wordnet", "tagger", "word-vectors", "sentence-encoder"]
Form = Literal["bundled", "published"]

TWO_FORMS = ("word-vectors", "sentence-encoder")


def prepare(needs: Iterable[Resource], form: Form, *, offline: bool = False) -> None:
    """Bring resources to this machine.

    Raises:
        RobenchError: one is missing and cannot be fetched.
    """
    from robench.resources import nltk_data, published, sentence_encoder, word_vectors

    needs = set(needs)
    nltk_data.activate(tagger="tagger" in needs, offline=offline)
    if "word-vectors" in needs:
        (word_vectors.prepare if form == "bundled" else published.prepare_word_vectors)(offline=offline)
    if "sentence-encoder" in needs:
        (sentence_encoder.prepare if form == "bundled" else published.prepare_sentence_encoder)(offline=offline)


def pins(needs: Iterable[Resource], form: Form) -> dict[str, str]:
    """What each resource is, as version and sha256; nothing is downloaded to know it."""
    from robench.resources import nltk_data, published, sentence_encoder, word_vectors

    needs = set(needs)
    found = nltk_data.identity(tagger="tagger" in needs)
    if "word-vectors" in needs:
        found |= word_vectors.identity() if form == "bundled" else published.word_vectors_identity()
    if "sentence-encoder" in needs:
        found |= sentence_encoder.identity() if form == "bundled" else published.sentence_encoder_identity()
    return found


def shared_word_vectors(form: Form, *, offline: bool = False) -> Any:
    """The ``textattack.shared.WordEmbedding`` of that form, one for the whole process."""
    from robench.resources import published, word_vectors

    return (word_vectors.bundled if form == "bundled" else published.word_vectors)(offline=offline)


def shared_sentence_encoder(form: Form, *, offline: bool = False) -> Any:
    """The encoder of that form, whose ``encode`` takes N texts and returns (N, D) unit vectors, float32."""
    from robench.resources import published, sentence_encoder

    return (sentence_encoder.bundled if form == "bundled" else published.sentence_encoder)(offline=offline)
