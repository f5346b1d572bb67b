"""The word vectors on this machine: where they are looked for, how they are read, and what may not be in them."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.resources import file_digests, published
from support.published_files import write_vectors


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


@pytest.mark.usefixtures("textattack")
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


@pytest.mark.network
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


@pytest.mark.network
def test_arrays_of_objects_are_not_unpickled(mine: Path) -> None:
    np.save(mine / "paragram.npy", np.array([[Harmful()]]), allow_pickle=True)

    with pytest.raises(RobenchError, match=r"paragram\.npy cannot be read as a NumPy array: .*allow_pickle"):
        published.load_published_vectors()


@pytest.mark.network
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


@pytest.mark.network
def test_vectors_that_were_accepted_as_others_are_loaded_again(mine: Path) -> None:
    before = published.load_published_vectors()
    rows = np.load(mine / "paragram.npy")
    np.save(mine / "paragram.npy", -rows)
    (mine / "robench.json").unlink()
    after = published.load_published_vectors()
    np.testing.assert_array_equal(after["word3"], -before["word3"])


def test_a_pin_does_not_depend_on_where_the_files_lie_and_needs_no_note(
    mine: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = published.identify_published_vectors()
    monkeypatch.delenv("ROBENCH_PUBLISHED")
    assert published.identify_published_vectors() == {"word_vectors": "textattack:paragramcf not fetched yet"}
    other = write_vectors(cache / "paragramcf")
    forbid_note(other)

    assert published.identify_published_vectors() == first


def forbid_note(folder: Path) -> None:
    """Let no note be written, as in a folder of another user."""
    (folder / "robench.json").mkdir()
    (folder / "robench.json" / "in the way").touch()


def test_files_without_a_note_are_hashed_once_a_process_unless_they_change(mine: Path) -> None:
    forbid_note(mine)
    first = published.identify_published_vectors()
    hashed = file_digests._hash_file.cache_info().misses
    assert published.identify_published_vectors() == first
    assert file_digests._hash_file.cache_info().misses == hashed

    rows = np.load(mine / "paragram.npy")
    np.save(mine / "paragram.npy", -rows)
    assert published.identify_published_vectors() != first
    assert file_digests._hash_file.cache_info().misses == hashed + 1
