"""Language models that attacks take words from."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import small_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT and a small GPT-2; copy it to change it."""
    folder = tmp_path_factory.mktemp("models")
    small_models.bert(folder / "bert")
    small_models.gpt2(folder / "gpt2")
    return folder
