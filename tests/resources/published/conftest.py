"""A machine without TextAttack's resources, and a server that has small ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.resources import downloads, published
from support.published_files import Server, write_vectors, zipped


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vectors(tmp_path_factory.mktemp("vectors") / "paragramcf")


@pytest.fixture
def server(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The address of the word vectors, on this machine."""
    server = Server(zipped(vectors))
    with server.run() as address:
        monkeypatch.setattr(published, "WORD_VECTORS_URL", address)
        yield server


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No resources, whatever this machine has, and no waiting between connections."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    for name in ("TA_CACHE_DIR", "TFHUB_CACHE_DIR", "ROBENCH_PUBLISHED", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Robench's cache, empty."""
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "published"
