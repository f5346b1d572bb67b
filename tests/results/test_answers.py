"""Files of answers: what is read, and a sentence with file and row for what is malformed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench import RobenchError
from robench.results.answers import read_answers
from robench.results.blind_texts import BlindKey, KeyRow

KEY = BlindKey("abc", "cell", ("Negative", "=positive"), tuple(KeyRow(n, n, "clean", 0) for n in range(1, 5)))


def read(folder: Path, content: str | bytes, name: str = "anna.csv") -> dict[int, int]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return dict(read_answers(file, KEY).labels)


def test_read_answers_of_csv_takes_any_columns_case_and_line_ends(tmp_path: Path) -> None:
    text = '\ufeffBatch,number,text,Label\r\nabc,2,"a ""b"", c\r\nd", negative\r\nabc,1,x,=positive\r\nabc,4,x,\r\n'
    assert read(tmp_path, text) == {2: 0, 1: 1}


def test_read_answers_of_json_has_the_judge_s_name(tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    file.write_text(json.dumps({"batch": "abc", "judge": "Anna", "answers": {"3": "(unclear)", "1": "Negative"}}))
    found = read_answers(file, KEY)
    assert (found.judge, found.labels) == ("Anna", {3: -1, 1: 0})
    file.write_text(json.dumps({"batch": "abc", "answers": {"1": "Negative", "2": "", "4": None}}))
    assert (read_answers(file, KEY).judge, read_answers(file, KEY).labels) == ("saved", {1: 0})


HEAD = "batch,number,label\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEAD + "abc,1,negative\nabc,2,posit\n", r"anna.csv, row 3: the label 'posit' is none of Negative, =positive,"),
        (HEAD + "abc,9,negative\n", r"anna.csv, row 2: there is no text '9'; they are 1 to 4"),
        (HEAD + "abc,1,negative\nabc,1,negative\n", r"anna.csv, row 3: text 1 has an answer already"),
        (HEAD + "abc,1,negative,more\n", r"anna.csv, row 2 has not as many cells as there are columns \(3\)"),
        (HEAD + "abc,1\n", r"anna.csv, row 2 has not as many cells"),
        (HEAD + "xyz,1,negative\n", r"anna.csv, row 2 is about the texts of batch 'xyz', the key about those of 'abc'"),
        (HEAD + 'abc,1,"negative\n', r"anna.csv, row 2 is not CSV"),
        ("number,label\n1,negative\n", r"anna.csv, row 1: there is no column batch"),
        ("", r"anna.csv, row 1: there is no column batch"),
        (HEAD + "abc,1,\n", r"anna.csv has no answers: all its labels are empty"),
        (b"batch,number,label\nabc,1,\xff\n", r"anna.csv is not UTF-8: byte 25"),
        ('{"batch": "abc"', r"anna.csv is not JSON"),
        ('{"batch": "abc", "answers": [1]}', r"anna.csv has no answers, which are an object"),
        ('{"answers": {"1": "negative"}}', r"anna.csv is about the texts of batch None"),
        ('{"batch": "abc", "answers": {"1": 0}}', r"anna.csv, answer '1': the label 0 is none of"),
        ('{"batch": "abc", "answers": {"one": "negative"}}', r"anna.csv, answer 'one': there is no text 'one'"),
    ],
)
def test_read_answers_of_a_malformed_file_names_file_and_row(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(RobenchError, match=told):
        read(tmp_path, content)


def test_read_answers_of_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match=r"the answers .*none\.csv cannot be read: no such file"):
        read_answers(tmp_path / "none.csv", KEY)


def test_read_answers_of_labels_that_differ_in_case_alone_tells_them_apart(tmp_path: Path) -> None:
    key = BlindKey("abc", "cell", ("US", "us"), tuple(KeyRow(n, n, "clean", 0) for n in (1, 2)))
    file = tmp_path / "a.csv"
    file.write_text(HEAD + "abc,1,us\nabc,2,US\n")
    assert read_answers(file, key).labels == {1: 1, 2: 0}
    file.write_text(HEAD + "abc,1,Us\n")
    with pytest.raises(RobenchError, match="the label 'Us' is none of US, us"):
        read_answers(file, key)
