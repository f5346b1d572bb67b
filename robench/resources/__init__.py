"""What is fetched once: packages, files over HTTP, the Hub, NLTK data, word vectors and sentence encoders."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.resources.forms import (
        TWO_FORMS,
        Form,
        Resource,
        pins,
        prepare,
        shared_sentence_encoder,
        shared_word_vectors,
    )
    from robench.resources.hub import TIMEOUT
    from robench.resources.model_folder import explained
    from robench.resources.textattack import load_textattack, textattack_folder

__all__ = [
    "TIMEOUT",
    "TWO_FORMS",
    "Form",
    "Resource",
    "explained",
    "load_textattack",
    "pins",
    "prepare",
    "shared_sentence_encoder",
    "shared_word_vectors",
    "textattack_folder",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "Form": "forms",
        "Resource": "forms",
        "TIMEOUT": "hub",
        "TWO_FORMS": "forms",
        "explained": "model_folder",
        "load_textattack": "textattack",
        "pins": "forms",
        "prepare": "forms",
        "shared_sentence_encoder": "forms",
        "shared_word_vectors": "forms",
        "textattack_folder": "textattack",
    },
)
