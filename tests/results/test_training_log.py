"""The lines of ``training.jsonl``."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results.training_log import read_training_log


def test_read_training_log_of_good_lines_keeps_every_key(tmp_path: Path) -> None:
    file = tmp_path / "training.jsonl"
    assert read_training_log(file) == []
    file.write_text(
        '{"step": 3, "dev_accuracy": 0.5, "loss": {"ce": 1}, "seconds": 2}\n{"step": 4, "dev_accuracy": 1}\n'
    )
    first, second = read_training_log(file)
    assert first == {"step": 3, "dev_accuracy": 0.5, "loss": {"ce": 1}, "seconds": 2}
    assert second == {"step": 4, "dev_accuracy": 1, "loss": {}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"step": 4, "dev_accuracy": "x"}', "line 2 has a wrong value at dev_accuracy"),
        ('{"step": 4, "dev_accuracy": 1, "loss": {"ce": []}}', "line 2 has a wrong value at loss"),
        ('{"dev_accuracy": 1}', "line 2 has no step"),
        ("[1]", "line 2"),
        ("[" * 100_000, "cannot be read"),
        ("9" * 5000, "cannot be read"),
    ],
)
def test_read_training_log_of_a_bad_line_names_it(line: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "training.jsonl"
    file.write_text(f'{{"step": 3, "dev_accuracy": 0.5}}\n{line}\n')
    with pytest.raises(RobenchError, match=rf"training\.jsonl.*{words}"):
        read_training_log(file)
