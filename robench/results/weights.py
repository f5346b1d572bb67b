"""The number of a trained model's weights, without loading them."""

from __future__ import annotations

import math

from robench.results.info import ModelInfo
from robench.results.integrity import WEIGHTS_FILE
from robench.results.store import StoredStage


def count_parameters(model: StoredStage[ModelInfo]) -> int | None:
    """Return the number of weights of a model's deployed network; None if the model was brought by the user.

    Models of early versions do not say it; for them, the header of the file with the weights is read.
    """
    path = model.folder / WEIGHTS_FILE
    if model.info.parameters is not None or not path.exists():
        return model.info.parameters
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return sum(int(math.prod(file.get_slice(name).get_shape())) for name in file.keys())
