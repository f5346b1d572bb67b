"""The sentence encoder from TensorFlow Hub, or placed by hand."""

from __future__ import annotations

import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robench.errors import RobenchError, UnavailableError
from robench.resources import published

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


def test_an_encoder_that_was_accepted_as_another_is_loaded_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", tensorflow_hub())
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "mine"))
    folder = write_model(tmp_path / "mine" / "universal-sentence-encoder")
    before = published.load_published_encoder()

    (folder / "variables" / "variables.index").write_bytes(b"other numbers")
    (folder / "robench.json").unlink()

    assert published.load_published_encoder() is not before


def test_without_tensorflow_hub_or_its_server_a_sentence_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(RobenchError, match=re.escape("pip install 'tensorflow>=2.15' 'tensorflow-hub>=0.16'")):
        published.prepare_published_encoder()

    monkeypatch.setitem(sys.modules, "tensorflow_hub", tensorflow_hub(error=OSError("no route to host")))
    place = re.escape(f"into {cache / 'universal-sentence-encoder'}.")
    for offline, reason in ((True, "--offline forbids"), (False, "no route to host")):
        with pytest.raises(UnavailableError, match=rf"{reason}.*about 1000 MB.*{place}") as raised:
            published.prepare_published_encoder(offline=offline)
        assert published.ENCODER_URL in str(raised.value)
    assert "TFHUB_CACHE_DIR" not in os.environ
