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


def prepare_resources(needs: Iterable[Resource], form: Form, *, offline: bool = False) -> None:
    """Bring resources to this machine.

    Raises:
        RobenchError: one is missing and cannot be fetched.
    """
    from robench.resources import nltk_data, published, sentence_encoder, word_vectors

    needs = set(needs)
    nltk_data.activate_nltk_data(tagger="tagger" in needs, offline=offline)
    if "word-vectors" in needs:
        (word_vectors.prepare_bundled_vectors if form == "bundled" else published.prepare_published_vectors)(
            offline=offline
        )
    if "sentence-encoder" in needs:
        (sentence_encoder.prepare_bundled_encoder if form == "bundled" else published.prepare_published_encoder)(
            offline=offline
        )


def identify_resources(needs: Iterable[Resource], form: Form) -> dict[str, str]:
    """What each resource is, as version and sha256; nothing is downloaded to know it."""
    from robench.resources import nltk_data, published, sentence_encoder, word_vectors

    needs = set(needs)
    found = nltk_data.identify_nltk_data(tagger="tagger" in needs)
    if "word-vectors" in needs:
        found |= (
            word_vectors.identify_bundled_vectors() if form == "bundled" else published.identify_published_vectors()
        )
    if "sentence-encoder" in needs:
        found |= (
            sentence_encoder.identify_bundled_encoder() if form == "bundled" else published.identify_published_encoder()
        )
    return found


def load_word_vectors(form: Form, *, offline: bool = False) -> Any:
    """The ``textattack.shared.WordEmbedding`` of that form, one for the whole process."""
    from robench.resources import published, word_vectors

    return (word_vectors.load_bundled_vectors if form == "bundled" else published.load_published_vectors)(
        offline=offline
    )


def load_sentence_encoder(form: Form, *, offline: bool = False) -> Any:
    """The encoder of that form, whose ``encode`` takes N texts and returns (N, D) unit vectors, float32."""
    from robench.resources import published, sentence_encoder

    return (sentence_encoder.load_bundled_encoder if form == "bundled" else published.load_published_encoder)(
        offline=offline
    )
