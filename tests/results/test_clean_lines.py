"""``clean.jsonl``: the lines that are written, their published schema, and what is said of a broken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.results import clean_lines
from robench.results.clean_lines import CleanLine
from robench.study.stages.trained_model import predict_clean
from support import tiny

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "tests" / "goldens" / "house" / "runs"
GOLDENS = sorted(HOUSE.glob("*/*/clean.jsonl"))
TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,)}


def check(value: Any, form: dict[str, Any]) -> None:
    """Check a value against the part of a schema for it: a validator is no dependency."""
    assert isinstance(value, TYPES[form["type"]])
    assert isinstance(value, bool) == (form["type"] == "boolean"), "Python's booleans are integers, JSON's are not"
    if isinstance(value, list):
        for inner in value:
            check(inner, form["items"])


def check_line(line: str) -> None:
    """Check a line of the file against the published schema."""
    schema = json.loads((ROOT / "docs" / "schemas" / "clean.schema.json").read_text(encoding="utf-8"))
    form, values = schema["$defs"][schema["$ref"].rpartition("/")[2]], json.loads(line)
    assert set(form["required"]) <= values.keys() == form["properties"].keys()
    for name, value in values.items():
        check(value, form["properties"][name])


def test_a_written_file_fits_its_schema_and_is_read_as_it_was(tmp_path: Path) -> None:
    lines, _ = predict_clean(tiny.predictor(tiny.classifier()), list(enumerate(tiny.examples(12))))
    clean_lines.write(tmp_path / "clean.jsonl", lines)
    written = (tmp_path / "clean.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(written) == 12
    for line in written:
        check_line(line)
    assert clean_lines.read(tmp_path / "clean.jsonl", 100) == lines
    assert clean_lines.read(tmp_path / "clean.jsonl", 5) == lines[:5]


@pytest.mark.parametrize("file", GOLDENS, ids=lambda file: file.parent.name)
def test_a_golden_file_read_and_written_has_the_same_bytes(file: Path, tmp_path: Path) -> None:
    clean_lines.write(tmp_path / "clean.jsonl", clean_lines.read(file, 10**6))
    assert (tmp_path / "clean.jsonl").read_bytes() == file.read_bytes() != b""


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"id": 0, "label": 1, "correct": true}', id="a key is missing"),
        pytest.param(b'{"id": 0, "label": 1, "probabilities": ["1"], "correct": true}', id="a text for a number"),
        pytest.param(b'{"id": 0, "label": 1, "probabilities": [1e999], "correct": true}', id="too large"),
        pytest.param(b'{"id": 0, "label": 1, "probabilities": [1.0], "correct": true, "\xff": 0}', id="not UTF-8"),
        pytest.param(
            b'{"id": 0, "label": 1, "probabilities": [1.0], "correct": true, "new": ' + b"[" * 10**5, id="deep"
        ),
    ],
)
def test_a_broken_line_is_a_sentence(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "clean.jsonl").write_bytes(line + b"\n")
    with pytest.raises(RobenchError, match=r"clean\.jsonl cannot be read \(.*\); `robench run` sets it aside"):
        clean_lines.read(tmp_path / "clean.jsonl", 8)


def test_a_key_of_a_newer_version_is_ignored(tmp_path: Path) -> None:
    line = '{"id": 0, "label": 1, "probabilities": [0.25, 0.75], "correct": true, "new": [{}]}\n'
    (tmp_path / "clean.jsonl").write_text(line, encoding="utf-8")
    assert clean_lines.read(tmp_path / "clean.jsonl", 8) == [CleanLine(0, 1, [0.25, 0.75], correct=True)]
