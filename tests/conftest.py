"""One cache for the whole run, so that each package is downloaded at most once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """ROBENCH_CACHE where it is set, else a temporary folder; subprocesses inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(os.environ.get("ROBENCH_CACHE") or tmp_path_factory.mktemp("cache"))
        patch.setenv("ROBENCH_CACHE", str(folder))
        patch.delenv("ROBENCH_DATA", raising=False)
        yield folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real sst2, trec and ag, which is not part of the project."""
    folder = Path(os.environ.get("ROBENCH_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}")
    return folder
