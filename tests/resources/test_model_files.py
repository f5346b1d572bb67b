"""The files of a model in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robench.resources.model_files import ModelFiles


def test_locate_of_a_missing_file_or_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    files = ModelFiles("the model", tmp_path)
    assert files.locate("config.json") is files.locate("nothing") is files.locate_weights() is None


def test_locate_weights_of_parts_finds_each_part_once(tmp_path: Path) -> None:
    parts = [tmp_path / f"model-{number}.safetensors" for number in (1, 2)]
    for part in parts:
        part.touch()
    names = {"a": parts[1].name, "b": parts[0].name, "c": parts[1].name, "d": "model-3.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}), "utf-8")
    (tmp_path / "pytorch_model.bin").touch()
    assert ModelFiles("the model", tmp_path).locate_weights() == parts
    (tmp_path / "model.safetensors").touch()
    assert ModelFiles("the model", tmp_path).locate_weights() == [tmp_path / "model.safetensors"]


@pytest.mark.parametrize(("text", "content"), [('{"a": 1}', {"a": 1}), ("[1]", {}), ("null", {}), (None, {})])
def test_read_json_of_anything_but_an_object_is_empty(
    text: str | None, content: dict[str, int], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text, "utf-8")
    assert ModelFiles("the model", tmp_path).read_json("config.json") == content


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_read_json_of_what_is_not_json_is_a_value_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, "utf-8")
    with pytest.raises(ValueError):
        ModelFiles("the model", tmp_path).read_json("config.json")
