"""The word vectors from TextAttack's server: cut, damaged, refused, and with a full disk."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError, UnavailableError
from robench.resources import downloads, published
from support.published_files import Server, write_vectors, zipped


def assert_arrived(cache: Path, vectors: Path) -> None:
    """The files are there, and nothing else but the lock."""
    assert sorted(path.name for path in cache.iterdir()) == ["paragramcf", "paragramcf.lock"]
    there = {path.name: path.read_bytes() for path in (cache / "paragramcf").iterdir()}
    assert there == {path.name: path.read_bytes() for path in vectors.iterdir()}


@pytest.mark.parametrize(
    ("ranges", "cuts", "starts"),
    [
        (True, [], [0]),
        (False, [], [0]),
        (True, [100_000, 50_000], [0, 100_000, 150_000]),
        (True, [0, 0, 100_000, 0, 0], [0, 0, 0, 100_000, 100_000, 100_000]),
        (False, [100_000], [0, 0]),
    ],
)
def test_a_download_that_is_cut_goes_on_where_it_stopped_if_the_server_can(
    server: Server, cache: Path, vectors: Path, ranges: bool, cuts: list[int], starts: list[int]
) -> None:
    server.ranges, server.cuts = ranges, cuts

    assert published.prepare_published_vectors() == cache / "paragramcf"

    assert server.starts == starts
    assert_arrived(cache, vectors)
    assert published.prepare_published_vectors(offline=True) == cache / "paragramcf"
    assert server.starts == starts


def test_the_next_call_goes_on_too_but_not_with_another_version(server: Server, cache: Path, vectors: Path) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(RobenchError, match=r"broke off after 0\.1 of 0\.\d MB"):
        published.prepare_published_vectors()
    server.cuts = [20_000, 0, 0, 0]
    with pytest.raises(RobenchError, match="broke off"):
        published.prepare_published_vectors()
    assert server.starts == [0, 100_000, 100_000, 100_000, 100_000, 120_000, 120_000, 120_000]

    server.version, server.cuts = '"2"', [30_000]
    published.prepare_published_vectors()

    assert server.starts[8:] == [0, 30_000]
    assert_arrived(cache, vectors)


def test_an_archive_that_was_complete_is_not_sent_again(server: Server, cache: Path, vectors: Path) -> None:
    cache.mkdir(parents=True)
    downloads.download_file(server.url, cache / "paragramcf.zip.part", title="it", advice="")

    published.prepare_published_vectors()

    assert server.starts == [0, len(server.content)]
    assert_arrived(cache, vectors)


def damaged(content: bytes) -> bytes:
    at = content.index(b"paragram.npy") + 5_000
    return content[:at] + bytes(255 - byte for byte in content[at : at + 100]) + content[at + 100 :]


def other_rows(vectors: Path, folder: Path) -> bytes:
    small = write_vectors(folder / "small", rows=120)
    mixed = write_vectors(folder / "mixed")
    (small / "nn.npy").rename(mixed / "nn.npy")
    return zipped(mixed)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda vectors, folder: b"<html>Please log in</html>" * 900, "it is not a zip archive"),
        (lambda vectors, folder: zipped(vectors, left_out="nn.npy"), "does not hold paragramcf/nn.npy"),
        (lambda vectors, folder: damaged(zipped(vectors)), "CRC|decompressing"),
        (other_rows, "does not list neighbours among the 300 rows"),
    ],
    ids=["a page", "a file less", "damaged", "rows of another"],
)
def test_a_download_without_the_word_vectors_is_deleted(
    server: Server, cache: Path, vectors: Path, tmp_path: Path, make: Any, reason: str
) -> None:
    good, server.content = server.content, make(vectors, tmp_path)
    with pytest.raises(RobenchError, match=reason) as raised:
        published.prepare_published_vectors()
    assert str(raised.value).startswith(f"{server.url} does not send TextAttack's word vectors: ")
    assert [path.name for path in cache.iterdir()] == ["paragramcf.lock"]

    server.content = good
    published.prepare_published_vectors()
    assert_arrived(cache, vectors)


def test_without_the_server_a_sentence_says_what_to_fetch_and_where_to_put_it(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(match: str, **options: bool) -> None:
        with pytest.raises(UnavailableError, match=match) as raised:
            published.prepare_published_vectors(**options)
        for part in (published.WORD_VECTORS_URL, "about 481 MB", f"into {place}.", "--set ATTACK.resources=bundled"):
            assert part in str(raised.value)

    place = cache / "paragramcf"
    refused("--offline forbids", offline=True)
    server.status = 404
    refused("answers HTTP 404 Not Found")
    server.status = 503
    refused("HTTP 503")
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "mine"))
    place = tmp_path / "mine" / "paragramcf"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(published, "WORD_VECTORS_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/gone")
        refused("Connection refused")


def test_a_folder_that_cannot_be_written_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(RobenchError, match=r"cannot write .*/file/cache.*not a directory"):
        published.prepare_published_vectors()


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_received_before_the_disk_was_full_is_kept(server: Server, cache: Path, vectors: Path) -> None:
    with no_file_above(65_536), pytest.raises(RobenchError, match=r"cannot write .*: file too large"):
        published.prepare_published_vectors()

    published.prepare_published_vectors()

    assert server.starts == [0, 65_536]
    assert_arrived(cache, vectors)
