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
    from robench.resources.bundled import STAND_IN_VERSION
    from robench.resources.foreign_files import ForeignFile, Pin, check_pin, parse_pin
    from robench.resources.hub import HUB_TIMEOUT
    from robench.resources.model_folder import explain_load_errors
    from robench.resources.plain_pickle import load_pickles_plainly
    from robench.resources.textattack import load_textattack
    from robench.resources.textattack_guard import textattack_folder
    from robench.resources.textattack_source import TEXTATTACK_VERSION
    from robench.resources.word_vectors import Neighbours, identify_bundled_vectors, load_neighbours

__all__ = [
    "HUB_TIMEOUT",
    "STAND_IN_VERSION",
    "TEXTATTACK_VERSION",
    "TWO_FORMS",
    "ForeignFile",
    "Form",
    "Neighbours",
    "Pin",
    "Resource",
    "check_pin",
    "explain_load_errors",
    "identify_bundled_vectors",
    "identify_resources",
    "load_neighbours",
    "load_pickles_plainly",
    "load_sentence_encoder",
    "load_textattack",
    "load_word_vectors",
    "parse_pin",
    "prepare_resources",
    "textattack_folder",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
