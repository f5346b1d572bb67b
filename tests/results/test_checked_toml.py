"""TOML files that no one writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results.checked_toml import read_toml


@pytest.mark.parametrize("content", ["a = " + "[" * 2000, "a = " + "9" * 5000], ids=["nested", "5,000 digits"])
def test_read_toml_of_an_odd_file_is_a_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "paper.toml").write_text(content)
    with pytest.raises(RobenchError, match=r"paper\.toml cannot be read"):
        read_toml(tmp_path / "paper.toml")


def test_numbers_beyond_all_floats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "paper.toml").write_text("a = [" + "9" * 400 + "]")
    with pytest.raises(RobenchError, match="a should be a list of numbers"):
        read_toml(tmp_path / "paper.toml").numbers("a")
