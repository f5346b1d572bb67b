"""Pins of the models that published attacks name, shared by the attacks that ask them."""

from __future__ import annotations

from collections.abc import Mapping

from robench.resources import ForeignFile, parse_pin

COMMITS = {
    "bert-base-uncased": "86b5e0934494bd15c9632b12f734a8a67f723594",
    "distilroberta-base": "fb53ab8802853c8e4fbdbcd0529f21fc6f459b2b",
    "gpt2": "607a30d783dfa663caf39e06633721c8d4cfcd7e",
}
"""Commits of language models on the Hub, by repository."""

TAGGERS = {"ner": "flair/ner-english", "upos-fast": "flair/upos-english-fast"}
"""Repositories of Flair's taggers on the Hub, by the names that TextAttack calls them."""

TAGGER_PINS: Mapping[str, str] = {}
"""Pins of the taggers' files by repository, as COMMIT:SHA256. They are pickles, so one without a pin is not loaded, and
none is known to robench yet."""


def describe_tagger(name: str, pin: str, setting: str, alternative: str = "") -> ForeignFile:
    """Describe the pickled file of one of Flair's taggers.

    Args:
        name: TextAttack's name of the tagger.
        pin: what the user set, as COMMIT:SHA256; empty takes the one of :data:`TAGGER_PINS`, if there is one.
        setting: what the user sets to pin it, such as ``checklist.tagger_pin``.
        alternative: what a user can do without it, as a sentence.

    Raises:
        ValueError: the pin has another form.
    """
    repository = TAGGERS[name]
    text = pin or TAGGER_PINS.get(repository, "")
    remedy = f"Pin the file that you trust with --set {setting}=COMMIT:SHA256."
    return ForeignFile(
        f"Flair's tagger {repository} (a pickle)",
        parse_pin(text, setting.rpartition(".")[2], on_hub=True),
        " ".join(filter(None, [remedy, alternative])),
    )
