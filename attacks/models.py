"""Pins of the models that published attacks name, shared by the attacks that ask them."""

COMMITS = {
    "bert-base-uncased": "86b5e0934494bd15c9632b12f734a8a67f723594",
    "distilroberta-base": "fb53ab8802853c8e4fbdbcd0529f21fc6f459b2b",
    "gpt2": "607a30d783dfa663caf39e06633721c8d4cfcd7e",
}
"""Commits of language models on the Hub, by repository."""

TAGGERS = {"ner": "flair/ner-english", "upos-fast": "flair/upos-english-fast"}
"""Repositories of Flair's taggers on the Hub, by the names that TextAttack calls them."""
