"""Two small networks, as a fused defense has them."""

from __future__ import annotations

import pytest

from robench.models.classifier import Classifier
from support import tiny


@pytest.fixture
def networks() -> list[Classifier]:
    return [tiny.classifier(seed=0), tiny.classifier(seed=1)]
