"""Answers of a function on the disk."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.victims.answers import StoredAnswers, drop_new_answers, replace_answers

ROWS = {"one": np.array([1.5, -2], dtype=np.float32), "two \udcff": np.array([0, 3], dtype=np.float32)}
CRASH = """
import os, sys
from pathlib import Path
import numpy as np
from robench.victims.answers import StoredAnswers
answers = StoredAnswers(Path(sys.argv[1]), "digest")
answers.add({"whole": np.ones(2, dtype=np.float32)})
database = answers._open()
database.execute("INSERT INTO answers VALUES (x'00', x'00')")
os._exit(9)
"""
KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from robench.victims.answers import StoredAnswers
for again in (False, True):
    answers = StoredAnswers(Path(sys.argv[1]), "d", again=again)
    for i in range(40):
        answers.add({f"text {i}": np.full(2, 7 + again, dtype=np.float32)})
    answers.add({f"only {again}": np.ones(2, dtype=np.float32)})
os._exit(9)
"""


def list_files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "answers").iterdir())


def test_answers_are_found_again_by_another_process_of_the_same_model(tmp_path: Path) -> None:
    first, second = StoredAnswers(tmp_path, "a" * 64), StoredAnswers(tmp_path, "a" * 64)
    assert first.find(["one"]) == {} and not first.path.exists()
    first.add(ROWS)
    found = second.find(["two \udcff", "three", "one"])
    assert {text: row.tolist() for text, row in found.items()} == {text: row.tolist() for text, row in ROWS.items()}
    second.add({"one": np.array([9, 9], dtype=np.float32)})
    assert first.find(["one"])["one"].tolist() == [1.5, -2]
    assert StoredAnswers(tmp_path, "b" * 64).find(["one"]) == {}
    first.close()
    second.close()
    assert [path.name for path in (tmp_path / "answers").iterdir()] == [f"{'a' * 32}.sqlite"]
    assert b"one" not in first.path.read_bytes()


def test_answers_of_a_call_are_there_whole_or_not_at_all_after_a_crash(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], check=False)
    assert done.returncode == 9
    answers = StoredAnswers(tmp_path, "digest")
    assert list(answers.find(["whole"])) == ["whole"]
    assert answers._open().execute("SELECT count(*) FROM answers").fetchone() == (1,)
    answers.close()


def test_answers_that_are_made_again_take_the_place_of_the_old_ones_at_the_end(tmp_path: Path) -> None:
    old, new = StoredAnswers(tmp_path, "d"), StoredAnswers(tmp_path, "d", again=True)
    old.add(ROWS)
    assert new.find(["one"]) == {}
    new.add({"one": np.array([7, 8], dtype=np.float32)})
    old.close()
    new.close()
    replace_answers(tmp_path, ["d"])
    assert old.find(["one"])["one"].tolist() == [7, 8] and old.find(["two \udcff"]) == {}
    old.close()
    new.add(ROWS)
    new.close()
    drop_new_answers(tmp_path, ["d"])
    assert not new.path.exists() and old.path.exists()


def test_what_a_killed_process_left_beside_old_answers_does_not_bring_them_back(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert list_files(tmp_path) == [f"d{again}.sqlite{end}" for again in (".again", "") for end in ("", "-shm", "-wal")]
    replace_answers(tmp_path, ["d"])
    assert list_files(tmp_path) == ["d.sqlite"]
    answers = StoredAnswers(tmp_path, "d")
    texts = [f"text {i}" for i in range(40)]
    assert {row[0] for row in answers.find(texts).values()} == {8}
    assert list(answers.find(["only True", "only False"])) == ["only True"]
    answers.close()


@pytest.mark.parametrize("end", [replace_answers, drop_new_answers], ids=["at the end", "when it begins anew"])
def test_new_answers_of_other_models_stay(end: Callable[[Path, list[str]], None], tmp_path: Path) -> None:
    with contextlib.closing(StoredAnswers(tmp_path, "b" * 64, again=True)) as other:
        other.add(ROWS)
        for again in (False, True):
            with contextlib.closing(StoredAnswers(tmp_path, "a" * 64, again=again)) as own:
                own.add(ROWS)
        end(tmp_path, ["a" * 64, "c" * 64])
        assert sorted(other.find(list(ROWS))) == sorted(ROWS)
    assert list_files(tmp_path) == [f"{'a' * 32}.sqlite", f"{'b' * 32}.again.sqlite"]


def test_a_broken_file_of_answers_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    answers = StoredAnswers(tmp_path, "d")
    answers.path.parent.mkdir()
    answers.path.write_bytes(b"no database" * 100)
    with pytest.raises(RobenchError, match=r"d\.sqlite.*delete the file"):
        answers.find(["one"])
