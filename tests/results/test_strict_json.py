"""JSON of strangers: whatever is in a file, it is read as standard JSON within bounds, or refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.results import strict_json
from robench.results.strict_json import parse_json, read_json


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b'{"a": [1, -2.5, 1e3, true, null, "\xc3\xa9"]}', {"a": [1, -2.5, 1000.0, True, None, "é"]}),
        (b'"a\\u200cb"', "a\u200cb"),
        (b" [] ", []),
        (b"[" * 12 + b"]" * 12, [[[[[[[[[[[[]]]]]]]]]]]]),
    ],
)
def test_standard_json_is_read(content: bytes, values: Any) -> None:
    assert parse_json(content, "x.json") == values


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.json is not standard JSON: Expecting value: line 1 column 1 (char 0)."),
        (b"{}{}", "x.json is not standard JSON: Extra data: line 1 column 3 (char 2)."),
        (b"\xff\xfe", "x.json is not UTF-8 (byte 0)."),
        (b'"\xed\xa0\x80"', "x.json is not UTF-8 (byte 1)."),
        (b"[NaN]", "x.json is not standard JSON: it has NaN, which is no number of JSON."),
        (b"[-Infinity]", "x.json is not standard JSON: it has -Infinity, which is no number of JSON."),
        (b"[1e999]", "x.json is not standard JSON: it has the number '1e999', which is out of range."),
        (b"[9007199254740992]", "x.json is not standard JSON: it has the number '9007199254740992', which is out of"),
        (b"[" + b"9" * 5000 + b"]", "x.json is not standard JSON: it has the number '99999"),
        (b"[0." + b"9" * 5000 + b"]", "x.json is not standard JSON: it has the number '0.99999"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "x.json is not standard JSON: it has the key 'b' twice."),
        (b"[" * 13 + b"]" * 13, "x.json has more than 12 levels at '0.0.0.0.0.0.0.0.0.0.0.0'."),
        (b"[" * 100_000, "x.json is nested too deeply."),
        (b'{"a":' * 100_000, "x.json is nested too deeply."),
        (b'{"a": ["\\ud800"]}', "x.json has half a character (U+D800) at 'a.0'."),
        (b'{"a": "\\u001b[31m"}', "x.json has a control character (U+001B) at 'a'."),
        (b'{"a": "\\u202e"}', "x.json has an invisible character (U+202E) at 'a'."),
        (b'{"a\\u0000": 1}', "x.json has a key with a control character (U+0000) at 'its top'."),
        (b'["' + b"x" * 10_001 + b'"]', "x.json has a text of more than 10,000 characters at '0'."),
    ],
)
def test_anything_else_is_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(RobenchError) as error:
        parse_json(content, "x.json")
    assert str(error.value).startswith(sentence)
    assert str(error.value).isprintable()


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "LARGEST_FILE", 2**20)
    file = tmp_path / "x.json"
    file.write_bytes(b"[" + b" " * 2**20 + b"]")
    with pytest.raises(RobenchError, match="is larger than 1 MiB, so it is not read"):
        read_json(file)


def test_what_is_no_regular_file_is_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    for name, sentence in (
        ("pipe", "cannot be read"),
        ("link", "is a symbolic link"),
        ("absent", "cannot be read (no such file or directory)"),
    ):
        with pytest.raises(RobenchError) as error:
            read_json(tmp_path / f"{name}.json")
        assert sentence in str(error.value)
    with pytest.raises(RobenchError, match="cannot be read"):
        read_json(tmp_path)
