from __future__ import annotations

import json
import logging
from dataclasses import fields, replace
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results import records
from robench.results.records import Record

KEY = "0123456789abcdef"
RECORD = Record(
    id=3,
    label=1,
    original="A warm, funny film.",
    final="A warm, fnuny film.",
    status="succeeded",
    probabilities_before=[0.25, 0.75],
    probabilities_after=[0.625, 0.375],
    queries=17,
    words_changed=1,
    words=4,
    seconds=0.125,
)


def write(path: Path, *written: Record) -> Path:
    with path.open("ab") as file:
        for record in written:
            records.append(file, record, KEY)
    return path


def line(**changes: object) -> bytes:
    values = {field.name: getattr(RECORD, field.name) for field in fields(Record)} | changes
    return json.dumps({key: value for key, value in values.items() if value is not ...}).encode() + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        'quote " and \\',
        "two\nlines\r\n",
        "line\u2028and\u2029paragraph\x85",
        "nul \x00",
        "\ud800 alone",
        "é 你好 🙂",
    ],
)
def test_every_text_comes_back_from_a_single_line(tmp_path: Path, text: str) -> None:
    record = replace(RECORD, original=text, final=text)
    path = write(tmp_path / "r.jsonl", record, replace(record, id=4))
    assert path.read_bytes().count(b"\n") == 2
    assert records.read(path) == [record, replace(record, id=4)]


def test_a_line_is_flushed_when_it_is_appended(tmp_path: Path) -> None:
    with (tmp_path / "r.jsonl").open("ab") as file:
        records.append(file, RECORD, KEY)
        assert records.read(tmp_path / "r.jsonl") == [RECORD]


def test_text_is_stored_readable(tmp_path: Path) -> None:
    assert "né" in write(tmp_path / "r.jsonl", replace(RECORD, final="né")).read_text(encoding="utf-8")


def test_floats_keep_every_bit(tmp_path: Path) -> None:
    record = replace(RECORD, probabilities_before=[0.1 + 0.2, 1e-45], seconds=1 / 3)
    assert records.read(write(tmp_path / "r.jsonl", record)) == [record]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, bad: float) -> None:
    with pytest.raises(RobenchError, match=r"example 3 .*not finite"):
        write(tmp_path / "r.jsonl", replace(RECORD, probabilities_after=[bad, 0.0]))
    assert (tmp_path / "r.jsonl").read_bytes() == b""


def test_records_are_sorted_by_id(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", *(replace(RECORD, id=n) for n in (5, 1, 3)))
    assert [record.id for record in records.read(path)] == [1, 3, 5]


@pytest.mark.parametrize("keep", [1, 40, len(line()) - 1])
def test_a_torn_last_line_is_left_out_reported_and_repaired(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keep: int
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(line() + line(id=4)[:keep])
    with caplog.at_level(logging.WARNING):
        assert records.read(path) == [RECORD]
    assert f"torn off after {keep} bytes" in caplog.text
    assert records.repair(path) == keep
    assert path.read_bytes() == line()
    assert records.repair(path) == 0
    assert records.read(write(path, replace(RECORD, id=4))) == [RECORD, replace(RECORD, id=4)]


def test_a_file_of_one_torn_line_has_no_records(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(line()[:9])
    assert records.read(path) == []
    assert records.repair(path) == 9
    assert path.read_bytes() == b""


def test_repairing_a_file_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    assert records.repair(tmp_path / "r.jsonl") == 0
    assert not (tmp_path / "r.jsonl").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match=r"r\.jsonl: no such file"):
        records.read(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (b'{"id": 1, "la\n', "line 2 is not a JSON record"),
        (b"\n", "line 2 is not a JSON record"),
        (b"\xff\n", "line 2 is not a JSON record"),
        (b"[1]\n", "line 2 is not a JSON object"),
        (b"5\n", "line 2 is not a JSON object"),
        (line(id=4, words=...), "line 2: the key 'words' is missing"),
        (line(id="4"), "line 2: 'id' cannot be '4'"),
        (line(id=True), "line 2: 'id' cannot be True"),
        (line(id=-1), "line 2: 'id' cannot be -1"),
        (line(id=4, final=None), "line 2: 'final' cannot be None"),
        (line(id=4, status="won"), "line 2: 'status' cannot be 'won'"),
        (line(id=4, status=["failed"]), "line 2: 'status' cannot be"),
        (line(id=4, probabilities_after=0.5), "line 2: 'probabilities_after' cannot be 0.5"),
        (line(id=4, probabilities_after=["1"]), "line 2: 'probabilities_after' cannot be"),
        (line(id=4, seconds=float("nan")), "line 2 is not a JSON record: NaN is not standard JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: bytes, says: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(line() + broken + line(id=5))
    with pytest.raises(RobenchError) as caught:
        records.read(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_unknown_keys_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(line(perplexity=12.5))
    assert records.read(path) == [RECORD]


def test_the_same_result_twice_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", RECORD, replace(RECORD, seconds=9.0))
    assert records.read(path) == [RECORD]


def test_two_results_of_one_example_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", RECORD, replace(RECORD, id=4), replace(RECORD, queries=18))
    with pytest.raises(RobenchError, match="lines 1 and 3 give different results for example 3"):
        records.read(path)


def test_every_key_is_documented() -> None:
    missing = [field.name for field in fields(Record) if f"\n        {field.name}: " not in f"\n{Record.__doc__}"]
    assert not missing


def test_a_symbolic_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    outside, link = tmp_path / "outside", tmp_path / "r.jsonl"
    outside.write_bytes(b"no line")
    link.symlink_to(outside)
    for change in (records.repair, lambda path: records.add_lines(path, line())):
        with pytest.raises(RobenchError, match=r"r\.jsonl is a symbolic link, and robench would write"):
            change(link)
    assert outside.read_bytes() == b"no line"


def test_an_error_is_read_back_with_its_reason_and_without_probabilities(tmp_path: Path) -> None:
    error = replace(
        RECORD,
        final=RECORD.original,
        status="error",
        probabilities_before=[],
        probabilities_after=[],
        reason="ValueError: no such word",
        failed_text="A warm, fnuny film.",
    )
    path = write(tmp_path / "records.jsonl", error, replace(RECORD, id=4))
    assert records.read(path) == [error, replace(RECORD, id=4)]
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert first["reason"] == "ValueError: no such word"
    assert "reason" not in second and "failed_text" not in second


def test_empty_probabilities_without_an_error_are_refused() -> None:
    with pytest.raises(RobenchError, match="'probabilities_before' cannot be"):
        records.decode(line(probabilities_before=[]), "line 1")
