"""Answers of a function on the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.victims.answers import Answers, drop_new_answers, replace_answers

ROWS = {"one": np.array([1.5, -2], dtype=np.float32), "two \udcff": np.array([0, 3], dtype=np.float32)}
CRASH = """
import os, sys
from pathlib import Path
import numpy as np
from robench.victims.answers import Answers
answers = Answers(Path(sys.argv[1]), "digest")
answers.add({"whole": np.ones(2, dtype=np.float32)})
database = answers._open()
database.execute("INSERT INTO answers VALUES (x'00', x'00')")
os._exit(9)
"""


def test_answers_are_found_again_by_another_process_of_the_same_model(tmp_path: Path) -> None:
    first, second = Answers(tmp_path, "a" * 64), Answers(tmp_path, "a" * 64)
    assert first.find(["one"]) == {} and not first.path.exists()
    first.add(ROWS)
    found = second.find(["two \udcff", "three", "one"])
    assert {text: row.tolist() for text, row in found.items()} == {text: row.tolist() for text, row in ROWS.items()}
    second.add({"one": np.array([9, 9], dtype=np.float32)})
    assert first.find(["one"])["one"].tolist() == [1.5, -2]
    assert Answers(tmp_path, "b" * 64).find(["one"]) == {}
    first.close()
    second.close()
    assert [path.name for path in (tmp_path / "answers").iterdir()] == [f"{'a' * 32}.sqlite"]
    assert b"one" not in first.path.read_bytes()


def test_answers_of_a_call_are_there_whole_or_not_at_all_after_a_crash(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], check=False)
    assert done.returncode == 9
    answers = Answers(tmp_path, "digest")
    assert list(answers.find(["whole"])) == ["whole"]
    assert answers._open().execute("SELECT count(*) FROM answers").fetchone() == (1,)
    answers.close()


def test_answers_that_are_made_again_take_the_place_of_the_old_ones_at_the_end(tmp_path: Path) -> None:
    old, new = Answers(tmp_path, "d"), Answers(tmp_path, "d", again=True)
    old.add(ROWS)
    assert new.find(["one"]) == {}
    new.add({"one": np.array([7, 8], dtype=np.float32)})
    old.close()
    new.close()
    replace_answers(tmp_path)
    assert old.find(["one"])["one"].tolist() == [7, 8] and old.find(["two \udcff"]) == {}
    old.close()
    new.add(ROWS)
    new.close()
    drop_new_answers(tmp_path)
    assert not new.path.exists() and old.path.exists()


def test_a_broken_file_of_answers_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    answers = Answers(tmp_path, "d")
    answers.path.parent.mkdir()
    answers.path.write_bytes(b"no database" * 100)
    with pytest.raises(RobenchError, match=r"d\.sqlite.*delete the file"):
        answers.find(["one"])
