"""``stage.json`` as a typed structure: what it needs, how it may grow, what is said of one that is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.results.info import CellInfo, ModelInfo, StageInfo
from robench.results.info_parts import Clean
from robench.results.schemas import RecordLine
from robench.results.stage_file import decode, encode, make_schema, seal, to_builtins

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "tests" / "goldens" / "house" / "runs"
FILE = Path("runs/cells/a-0123456789abcdef/stage.json")
LEAST: dict[str, Any] = {
    "kind": "cells",
    "key": "0123456789abcdef",
    "task": "trec",
    "data": {"digest": "d"},
    "encoder": {"name": "minilm", "digest": "e"},
    "seed": 1,
    "attack": {"name": "pwws"},
    "attacked": {"n": 2, "failed": 1, "succeeded": 1, "skipped": 0},
    "clean": {"correct": 1, "n": 2},
}


def written(info: StageInfo) -> dict[str, Any]:
    """The content of the file but its checksum."""
    content: dict[str, Any] = json.loads(encode(info))
    assert content.pop("checksum")
    return content


def read(values: Any) -> Any:
    return decode(json.dumps(values).encode(), FILE)


@pytest.mark.parametrize("file", sorted(HOUSE.glob("*/*/stage.json")), ids=lambda file: file.parent.name)
def test_a_golden_file_decoded_and_encoded_says_the_same(file: Path) -> None:
    info = decode(file.read_bytes(), file)
    assert info.kind == file.parents[1].name
    assert encode(info) == file.read_text(encoding="utf-8") and seal(info) == info


def test_a_file_with_the_least_has_defaults_for_the_rest() -> None:
    info = read(LEAST)
    assert isinstance(info, CellInfo) and info.clean == Clean(correct=1, n=2)
    assert (info.victim, info.files, info.environment, info.warnings) == (None, {}, None, ())
    assert written(info) == LEAST, "what has its default is left out"


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert read(LEAST | {"weather": {"sun": 1}}) == read(LEAST)


def test_optional_fields_of_provenance_survive() -> None:
    more = {
        "files": {"records.jsonl": {"sha256": "ab", "bytes": 10, "lines": 2}},
        "parents": {"0" * 16: "cd"},
        "environment": {"date": "2026-11-28T08:00:00Z", "versions": {"torch": "2.13.0"}, "threads": 2},
    }
    assert written(read(LEAST | more)) == LEAST | more


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"clean": {"n": 2}}, "has no clean.correct"),
        ({"attacked": LEAST["attacked"] | {"failed": None}}, "has a wrong value at attacked.failed: expected `int`"),
        ({"data": {}}, "has no data.digest"),
        ({"seed": "one"}, "has a wrong value at seed: expected `int`, got `str`"),
        ({"kind": "cakes"}, "does not describe a stage of a run"),
    ],
)
def test_a_broken_file_is_named_with_its_field(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RobenchError) as error:
        read(LEAST | change)
    assert str(error.value).startswith(f"{FILE} {sentence}") and "`robench run` sets it aside" in str(error.value)


@pytest.mark.parametrize("name", ["key", "task", "data", "encoder", "seed", "attack", "attacked", "clean"])
def test_a_file_without_a_needed_field_is_named(name: str) -> None:
    with pytest.raises(RobenchError, match=f"has no {name};"):
        read({key: value for key, value in LEAST.items() if key != name})


def test_a_file_whose_values_were_changed_is_named_and_its_layout_does_not_matter() -> None:
    text = encode(read(LEAST))
    same = json.dumps(dict(reversed(json.loads(text).items())))
    assert decode(same.encode(), FILE) == decode(text.encode(), FILE)
    with pytest.raises(RobenchError, match=r"stage\.json was changed after robench wrote it; `robench run` sets"):
        decode(text.replace('"correct": 1', '"correct": 2').encode(), FILE)
    later = json.loads(text) | {"weather": "sun"}
    with pytest.raises(RobenchError, match="was changed"):
        read(later)  # also what this version does not know is part of the checksum


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"seed": ' + b"9" * 5000 + b"}", b"\x00" * 200, b"\xff\xfe\x00", b"[1]"],
    ids=["nested lists", "nested objects", "long number", "NULs", "half of UTF-16", "a list"],
)
def test_a_file_that_is_hard_to_read_is_a_sentence(content: bytes) -> None:
    with pytest.raises(RobenchError, match=r"stage\.json (cannot be read|does not describe a stage)"):
        decode(content, FILE)


def test_an_infinite_divergence_survives() -> None:
    statistics = {name: 1.0 for name in ("mse_pos", "mse_neg", "kl_neg", "ctr")} | {"kl_pos": float("inf"), "n": 2}
    values = LEAST | {"kind": "statistics", "defense": {"name": "base"}, "statistics": statistics}
    assert json.loads(encode(read(values)))["statistics"]["kl_pos"] == float("inf")


def test_a_key_that_is_a_python_word_keeps_its_name() -> None:
    values = LEAST | {"kind": "models", "defense": {"name": "base", "class": "a:B"}}
    info = read(values)
    assert isinstance(info, ModelInfo) and info.defense.class_ == "a:B"
    assert to_builtins(info)["defense"] == {"name": "base", "class": "a:B"}


@pytest.mark.parametrize("name", ["stage", "record", "clean", "entry"])
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    """``python -m robench.results.schemas docs/schemas`` writes them anew."""
    from robench.results.schemas import SCHEMAS

    file = ROOT / "docs" / "schemas" / f"{name}.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(json.dumps(SCHEMAS[name]()))


def test_golden_files_fit_their_schemas() -> None:
    """By the required keys and the types of the top level: a validator is no dependency."""
    record = json.loads((ROOT / "docs" / "schemas" / "record.schema.json").read_text(encoding="utf-8"))
    lines = [line for file in HOUSE.glob("*/*/records.jsonl") for line in file.read_text("utf-8").splitlines()]
    form = record["$defs"]["RecordLine"]
    assert lines and all(set(form["required"]) <= json.loads(line).keys() for line in lines)
    assert set(form["properties"]) == set(RecordLine.__dataclass_fields__)
    kinds = {option["$ref"].rpartition("/")[2] for option in make_schema()["anyOf"]}
    assert kinds == {"ModelInfo", "AdversarialInfo", "CellInfo", "StatisticsInfo", "TransferInfo", "CertificatesInfo"}
