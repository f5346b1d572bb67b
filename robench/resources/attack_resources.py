"""The resources that attacks need: word lists, WordNet, a tagger, word vectors and a sentence encoder.

Word vectors and the sentence encoder come in two forms. The ``published`` ones are those that TextAttack's recipes
download. The ``bundled`` ones are stand-ins from the package index, for machines that can reach nothing else. An attack
that uses a stand-in is a different attack, and its name says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

from robench.errors import RobenchError

Resource = Literal["stopwords", "wordnet", "tagger", "word-vectors", "sentence-encoder"]
Form = Literal["bundled", "published"]

TWO_FORMS = ("word-vectors", "sentence-encoder")
"""The resources whose form a user can choose."""


def prepare_resources(needs: Iterable[Resource], form: Form, *, offline: bool = False) -> None:
    """Bring TextAttack and resources to this machine, and make the tables that attacks would make of them.

    Args:
        needs: the resources.
        form: of those that come in two forms.
        offline: forbid fetching what is not in a cache.

    Raises:
        RobenchError: something is missing and cannot be fetched, or another version of TextAttack is installed.
    """
    from robench.resources import nltk_data, published, sentence_encoder, textattack_source, word_vectors
    from robench.resources.missing_packages import gather_missing

    needs, bundled = set(needs), form == "bundled"
    steps: list[Callable[..., object]] = [nltk_data.prepare_corpora, textattack_source.prepare_textattack]
    if "wordnet" in needs:
        steps.append(_prepare_synonyms)
    if "tagger" in needs:
        steps.append(nltk_data.prepare_nltk_tagger)
    if "word-vectors" in needs:
        steps.append(word_vectors.prepare_bundled_vectors if bundled else published.prepare_published_vectors)
    if "sentence-encoder" in needs:
        steps.append(sentence_encoder.prepare_bundled_encoder if bundled else published.prepare_published_encoder)
    gather_missing(partial(step, offline=offline) for step in steps)
    nltk_data.activate_nltk_data(tagger="tagger" in needs, offline=offline)


def _prepare_synonyms(*, offline: bool) -> None:
    """Make the table of synonyms; if it cannot be kept in the cache, each process of an attack makes its own."""
    from robench.resources import synonyms

    with contextlib.suppress(RobenchError):  # if WordNet is missing, another step says so
        synonyms.prepare_synonyms(offline=offline)


def identify_resources(needs: Iterable[Resource], form: Form) -> dict[str, str]:
    """Return the version and sha256 of each resource, without downloading anything."""
    from robench.resources import nltk_data, published, sentence_encoder, word_vectors

    needs, bundled = set(needs), form == "bundled"
    pins = nltk_data.identify_nltk_data(tagger="tagger" in needs)
    if "word-vectors" in needs:
        pins |= word_vectors.identify_bundled_vectors() if bundled else published.identify_published_vectors()
    if "sentence-encoder" in needs:
        pins |= sentence_encoder.identify_bundled_encoder() if bundled else published.identify_published_encoder()
    return pins


def load_word_vectors(form: Form, *, offline: bool = False) -> Any:
    """Return the ``textattack.shared.WordEmbedding`` of that form, which is loaded once a process.

    Raises:
        RobenchError: the vectors are missing and cannot be fetched, or cannot be read.
    """
    from robench.resources import published, word_vectors

    load = word_vectors.load_bundled_vectors if form == "bundled" else published.load_published_vectors
    return load(offline=offline)


def load_sentence_encoder(form: Form, *, offline: bool = False) -> Any:
    """Return the encoder of that form, which is loaded once a process.

    Its ``encode`` takes N texts and returns unit vectors (N, D), float32.

    Raises:
        RobenchError: the encoder is missing and cannot be fetched, or cannot be loaded.
    """
    from robench.resources import published, sentence_encoder

    if form == "bundled":
        return sentence_encoder.load_bundled_encoder(offline=offline)
    return published.load_published_encoder(offline=offline)
