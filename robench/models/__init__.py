"""Encoders, the classifier on top of an encoder, and their batches, devices and predictions."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.models.batches import Batch, Inputs
    from robench.models.classifier import Classifier, Outputs
    from robench.models.encoders import EncoderSource, find_encoder
    from robench.models.layers import HiddenStates
    from robench.models.predictor import Predictor
    from robench.models.reading import MASK

__all__ = [
    "MASK",
    "Batch",
    "Classifier",
    "EncoderSource",
    "HiddenStates",
    "Inputs",
    "Outputs",
    "Predictor",
    "find_encoder",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
