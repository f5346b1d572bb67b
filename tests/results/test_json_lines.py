"""Files of JSON lines: what is written is read, and a broken file is a sentence with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results import json_lines
from robench.results.certificates import Certificate
from robench.results.draws import DRAWS_FILE, read_draws, write_draws

LINES = [Certificate(id=i, label=0, predicted=0, votes=9, words=4, radius=None) for i in range(3)]


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    json_lines.write(tmp_path / "lines.jsonl", LINES)
    assert (tmp_path / "lines.jsonl").read_bytes().count(b"\n") == 3
    assert json_lines.read(tmp_path / "lines.jsonl", Certificate) == LINES
    assert json_lines.read(tmp_path / "lines.jsonl", Certificate, count=2) == LINES[:2]


@pytest.mark.parametrize("content", [b"{\n", b'{"id": 0}\n', b'"\xff"\n', None], ids=["cut", "key", "UTF-8", "missing"])
def test_a_broken_file_says_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RobenchError, match=r"lines\.jsonl cannot be read \(.*\); `robench run` sets it aside"):
        json_lines.read(path, Certificate)
    with pytest.raises(RobenchError, match=r"lines\.jsonl cannot be read \(.*\); do something else\."):
        json_lines.read(path, Certificate, remedy="do something else")


def test_draws_of_no_draw_are_broken(tmp_path: Path) -> None:
    write_draws(tmp_path, {0: 3, 4: 10}, 10)
    assert read_draws(tmp_path) == {0: 0.3, 4: 1.0}
    (tmp_path / DRAWS_FILE).write_bytes(b'{"id":0,"right":0,"n":0}\n')
    with pytest.raises(RobenchError, match=r"cannot be read \(.*\); attack again with --existing always"):
        read_draws(tmp_path)
