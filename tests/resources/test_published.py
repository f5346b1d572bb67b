from __future__ import annotations

import contextlib
import http.server
import io
import json
import math
import os
import pickle
import re
import resource
import socket
import sys
import threading
import types
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.resources import downloads, published

WORDS, SIZE = 300, 64
URL = published.WORD_VECTORS_URL


def write_vectors(folder: Path, rows: int = WORDS) -> Path:
    """A few word vectors in files like TextAttack's: the word of row n is "word<n>"."""
    folder.mkdir(parents=True)
    vectors = np.random.default_rng(7).normal(size=(rows, SIZE)).astype(np.float32)
    distances = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    neighbours = distances.argsort(axis=1, kind="stable")[:, :101]
    np.save(folder / "paragram.npy", vectors)
    np.save(folder / "nn.npy", neighbours)
    words = {f"word{n}": n for n in range(rows)}
    squares: dict[int, dict[int, Any]] = {}
    cosines: dict[int, dict[int, Any]] = defaultdict(dict)
    for row, others in enumerate(neighbours[:, 1:11].tolist()):
        for other in others:
            first, second = sorted((row, other))
            squares.setdefault(first, {})[second] = float(distances[row, other])
            lengths = np.linalg.norm(vectors[row]) * np.linalg.norm(vectors[other])
            cosines[first][second] = np.float32(vectors[row] @ vectors[other] / lengths)
    for name, content in (("wordlist.pickle", words), ("mse_dist.p", squares), ("cos_sim.p", cosines)):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def zipped(folder: Path, left_out: str = "") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("paragramcf/", "")
        for file in sorted(folder.iterdir()):
            if file.name != left_out:
                archive.write(file, f"paragramcf/{file.name}")
    return stream.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; sends a part where ``ranges``, and cuts the first connections off after so many bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.version = content, '"1"'
        self.ranges, self.status = True, 200
        self.cuts: list[int] = []
        self.starts: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/word_embeddings/paragramcf"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        if server.status != 200:
            return self.send_error(server.status)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        partial = asked and server.ranges and self.headers.get("If-Range") == server.version
        start = int(asked[1]) if asked and partial else 0
        server.starts.append(start)
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", server.version)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: server.cuts.pop(0) if server.cuts else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vectors(tmp_path_factory.mktemp("vectors") / "paragramcf")


@pytest.fixture
def server(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The address of the word vectors, on this machine."""
    with Server(zipped(vectors)) as server:
        monkeypatch.setattr(published, "WORD_VECTORS_URL", server.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
def test_what_is_not_the_word_vectors_is_deleted(
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
        with pytest.raises(RobenchError, match=match) as raised:
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


def test_the_folder_named_by_the_user_comes_first_and_textattacks_cache_last(
    cache: Path, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "mine"))
    assert published.find_published_vectors() is None
    for place in (
        tmp_path / "home" / ".cache" / "textattack" / "word_embeddings" / "paragramcf",
        cache / "paragramcf",
        tmp_path / "mine" / "paragramcf",
    ):
        write_vectors(place)
        assert published.find_published_vectors() == place

    (tmp_path / "mine" / "paragramcf" / "cos_sim.p").unlink()
    assert published.find_published_vectors() == cache / "paragramcf"
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path / "ta"))
    assert published.find_published_vectors() is None
    write_vectors(tmp_path / "ta" / "word_embeddings" / "paragramcf")
    assert published.find_published_vectors() == tmp_path / "ta" / "word_embeddings" / "paragramcf"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Word vectors in a folder named by the user."""
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "mine"))
    return write_vectors(tmp_path / "mine" / "paragramcf")


def test_the_vectors_are_textattacks_own_object_shared_by_the_process(mine: Path) -> None:
    made = published.load_published_vectors(offline=True)
    from textattack.shared import WordEmbedding

    rows = np.load(mine / "paragram.npy")
    assert isinstance(made, WordEmbedding)
    assert published.load_published_vectors() is made
    np.testing.assert_array_equal(made["word3"], rows[3])
    assert made.index2word(made.word2index("word17")) == "word17"
    distances = ((rows - rows[5]) ** 2).sum(axis=1)
    assert list(made.nearest_neighbours(5, 3)) == distances.argsort(kind="stable")[1:4].tolist()
    for other in (int(distances.argsort()[1]), int(distances.argsort()[-1])):  # one is in the files, one is computed
        cosine = rows[5] @ rows[other] / math.sqrt((rows[5] @ rows[5]) * (rows[other] @ rows[other]))
        assert made.get_cos_sim("word5", f"word{other}") == pytest.approx(float(cosine), abs=1e-5)
        assert made.get_mse_dist(5, other) == pytest.approx(float(distances[other]), rel=1e-5)


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("wordlist.pickle", pickle.dumps(Harmful()), r"it names (posix|nt)\.mkdir"),
        ("cos_sim.p", pickle.dumps({0: {1: Harmful()}}), r"it names (posix|nt)\.mkdir"),
        ("mse_dist.p", pickle.dumps(print), r"it names builtins\.print"),
        ("mse_dist.p", b"c_codecs\nencode\n(Vx\nVzip\ntR.", "it uses the codec zip"),
        ("mse_dist.p", b"\x80\x04", "not a plain pickle"),
        ("mse_dist.p", pickle.dumps([1, 2]), "dictionary of dictionaries for the 300 rows"),
        ("cos_sim.p", pickle.dumps({300: {1: 0.5}}), "dictionary of dictionaries for the 300 rows"),
        ("wordlist.pickle", pickle.dumps({"a": 0}), "does not give each of the 300 rows"),
        ("wordlist.pickle", pickle.dumps({"a": "b"}), "does not give each of the 300 rows"),
        ("nn.npy", b"", "cannot be read as a NumPy array"),
    ],
)
def test_files_by_hand_are_read_without_running_them_and_must_fit_together(
    mine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (mine / name).write_bytes(content)

    with pytest.raises(RobenchError, match=reason) as raised:
        published.load_published_vectors()

    assert str(mine / name) in str(raised.value)
    assert not (tmp_path / "harmed").exists()


def test_arrays_of_objects_are_not_unpickled(mine: Path) -> None:
    np.save(mine / "paragram.npy", np.array([[Harmful()]]), allow_pickle=True)

    with pytest.raises(RobenchError, match=r"paragram\.npy cannot be read as a NumPy array: .*allow_pickle"):
        published.load_published_vectors()


def test_the_files_first_seen_are_the_pin_and_others_are_refused(mine: Path, tmp_path: Path) -> None:
    (pin,) = published.identify_published_vectors().values()
    assert re.fullmatch("textattack:paragramcf sha256:[0-9a-f]{64}", pin)
    note = json.loads((mine / "robench.json").read_text())["sha256"]
    assert sorted(note) == ["cos_sim.p", "mse_dist.p", "nn.npy", "paragram.npy", "wordlist.pickle"]

    rows = np.load(mine / "paragram.npy")
    rows[0] = -rows[0]
    np.save(mine / "paragram.npy", rows)
    with pytest.raises(RobenchError, match=r"paragram\.npy has changed since robench first saw it"):
        published.load_published_vectors()

    (mine / "robench.json").write_text("[")
    with pytest.raises(RobenchError, match=r"robench\.json is damaged: delete it"):
        published.identify_published_vectors()
    (mine / "robench.json").unlink()
    published.load_published_vectors()
    assert published.identify_published_vectors() != {"word_vectors": pin}


def test_a_pin_does_not_depend_on_where_the_files_lie_and_needs_no_note(
    mine: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = published.identify_published_vectors()
    monkeypatch.delenv("ROBENCH_PUBLISHED")
    assert published.identify_published_vectors() == {"word_vectors": "textattack:paragramcf not fetched yet"}
    other = write_vectors(cache / "paragramcf")
    (other / "robench.json").mkdir()  # a note cannot be written, as in a folder of another user
    (other / "robench.json" / "in the way").touch()

    assert published.identify_published_vectors() == first


# TensorFlow Hub cannot run in these tests. What stands for it below is only its two functions, as documented:
# ``resolve`` gives the folder that a module was downloaded to, ``load`` a callable from texts to a tensor.


def tensorflow_hub(*, as_dictionary: bool = False, error: Exception | None = None) -> types.ModuleType:
    class Tensor:
        def __init__(self, rows: list[list[float]]) -> None:
            self.rows = rows

        def numpy(self) -> Any:
            return np.array(self.rows)

    def resolve(url: str) -> str:
        if error:
            raise error
        folder = Path(os.environ["TFHUB_CACHE_DIR"]) / "42480c3c7f42bf87d36d4c58fc4374b08dae2909"  # SHA-1 of the URL
        assert url == published.ENCODER_URL
        write_model(folder)
        return str(folder)

    def load(folder: str) -> Any:
        assert (Path(folder) / "saved_model.pb").is_file()

        def model(texts: list[str]) -> Any:
            rows = Tensor([[len(text), text.count("a"), 1] for text in texts])
            return {"outputs": rows} if as_dictionary else rows

        return model

    module = types.ModuleType("tensorflow_hub")
    vars(module).update(resolve=resolve, load=load)
    return module


def write_model(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"numbers")
    return folder


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_the_encoder_from_tensorflow_hub_encodes_like_the_bundled_one(
    cache: Path, monkeypatch: pytest.MonkeyPatch, as_dictionary: bool
) -> None:
    assert published.identify_published_encoder()["sentence_encoder"].endswith("encoder/3 not fetched yet")
    monkeypatch.setitem(sys.modules, "tensorflow_hub", tensorflow_hub(as_dictionary=as_dictionary))

    encoder = published.load_published_encoder()

    rows = encoder.encode(["banana", "plum", "banana"])
    expected = np.array([[6, 3, 1], [4, 0, 1], [6, 3, 1]]) / np.sqrt([[46], [17], [46]])
    np.testing.assert_allclose(rows, expected, atol=1e-7)
    assert rows.dtype == np.float32
    assert published.load_published_encoder(offline=True) is encoder
    assert "TFHUB_CACHE_DIR" not in os.environ
    pin = published.identify_published_encoder()["sentence_encoder"]
    assert re.fullmatch("tfhub:google/universal-sentence-encoder/3 sha256:[0-9a-f]{64}", pin)


def test_an_encoder_placed_by_hand_comes_first_and_must_stay_the_same(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", tensorflow_hub())
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "mine"))
    folder = write_model(tmp_path / "mine" / "universal-sentence-encoder")
    assert published.prepare_published_encoder(offline=True) == folder
    published.identify_published_encoder()

    (folder / "variables" / "variables.index").write_bytes(b"other numbers")

    with pytest.raises(RobenchError, match=r"variables/variables\.index has changed since robench first saw it"):
        published.load_published_encoder()


def test_without_tensorflow_hub_or_its_server_a_sentence_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(RobenchError, match=re.escape("pip install 'robench[published]'")):
        published.prepare_published_encoder()

    monkeypatch.setitem(sys.modules, "tensorflow_hub", tensorflow_hub(error=OSError("no route to host")))
    place = re.escape(f"into {cache / 'universal-sentence-encoder'}.")
    for offline, reason in ((True, "--offline forbids"), (False, "no route to host")):
        with pytest.raises(RobenchError, match=rf"{reason}.*about 1000 MB.*{place}") as raised:
            published.prepare_published_encoder(offline=offline)
        assert published.ENCODER_URL in str(raised.value)
    assert "TFHUB_CACHE_DIR" not in os.environ
