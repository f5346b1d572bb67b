"""Resources that are fetched once: packages, files, Hub models, NLTK data, word vectors and sentence encoders."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.resources.attack_resources import (
        TWO_FORMS,
        Form,
        Resource,
        identify_resources,
        load_sentence_encoder,
        load_word_vectors,
        prepare_resources,
    )
    from robench.resources.hub import HUB_TIMEOUT
    from robench.resources.model_folder import explain_load_errors
    from robench.resources.textattack import load_textattack, textattack_folder

__all__ = [
    "HUB_TIMEOUT",
    "TWO_FORMS",
    "Form",
    "Resource",
    "explain_load_errors",
    "identify_resources",
    "load_sentence_encoder",
    "load_textattack",
    "load_word_vectors",
    "prepare_resources",
    "textattack_folder",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__ = lazy_attributes(__name__, __file__)
