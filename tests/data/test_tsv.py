"""Whether the quotation marks of a tab-separated file are quoting or text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from robench.data.load import load_task
from robench.data.task import Task
from robench.data.tsv import split_cells

HEAD = "sentence\tlabel\n"
TEXTS = [
    'she said "skip it"',
    '"dull" is the word',
    "a plain text",
    "a tab\there",
    "two\nlines",
    '"',
    '""',
    'ends with "it"',
    "a carriage\rreturn",
    "a break\u2028of Unicode",
]


def written(texts: list[str], quoting: int, end: str = "\n") -> str:
    """What pandas' ``to_csv(sep="\\t")`` writes: its writer is the one of the module csv."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter="\t", quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([("sentence", "label"), *((text, i % 2) for i, text in enumerate(texts))])
    return file.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_split_cells_of_a_quoted_file_gives_the_texts_that_were_written(quoting: int, end: str) -> None:
    cells = split_cells(written(TEXTS, quoting, end))
    assert cells.is_quoted
    assert [row for _, row in cells.rows] == [
        ["sentence", "label"],
        *([text, str(i % 2)] for i, text in enumerate(TEXTS)),
    ]


def test_split_cells_of_a_quoted_file_numbers_a_row_by_its_first_line() -> None:
    cells = split_cells(written(["one", 'two\n"lines"', "three"], csv.QUOTE_MINIMAL))
    assert [number for number, _ in cells.rows] == [1, 2, 3, 5]
    assert cells.marked == 1


@pytest.mark.parametrize(
    ("lines", "marked"),
    [
        (['"a mark at the start', "another"], 0),
        (['"a whole text"', "another", 'in the "middle"'], 1),
        (['"a whole text"', "another"], 1),  # nothing in it needs quoting
        (['"a" and "b"', "another"], 1),
        (['"what a film', "another", 'what a mess"'], 0),  # as quoting, it would be one cell of three lines
        (['""', "another"], 1),
        (['"', "another"], 0),
    ],
)
def test_split_cells_of_an_unquoted_file_keeps_genuine_marks(lines: list[str], marked: int) -> None:
    cells = split_cells(HEAD + "".join(f"{line}\t{i % 2}\n" for i, line in enumerate(lines)))
    assert [row[0] for _, row in cells.rows[1:]] == lines
    assert (cells.is_quoted, cells.marked) == (False, marked)


def test_split_cells_of_a_file_of_carriage_returns_takes_them_for_line_ends() -> None:
    assert split_cells("sentence\tlabel\rone\t0\rtwo\t1\r").rows[1:] == [(2, ["one", "0"]), (3, ["two", "1"])]
    assert split_cells("sentence\tlabel\nw\rith\t0\n").rows[1:] == [(2, ["w\rith", "0"])]


@pytest.mark.parametrize(
    ("train", "note"),
    [
        (written(TEXTS[:2], csv.QUOTE_MINIMAL), "train.tsv (2) are quoting, as pandas writes it, and not part of"),
        (HEAD + '"a whole text"\t0\nanother\t1\n', "train.tsv (1) are part of the texts"),
        (HEAD + '"half a text\t0\nanother\t1\n', None),
    ],
    ids=["quoted", "unquoted", "obvious"],
)
def test_load_task_notes_a_decision_that_is_not_obvious(tmp_path: Path, train: str, note: str | None) -> None:
    (tmp_path / "film").mkdir()
    for name, content in (("train", train), ("dev", HEAD + "x\t0\n"), ("test", HEAD + "y\t1\n")):
        (tmp_path / "film" / f"{name}.tsv").write_text(content, encoding="utf-8", newline="")
    data = load_task("film", Task(labels=("neg", "pos")), data_dir=tmp_path)
    assert len(data.notes) == (note is not None)
    assert all(note in found for found in data.notes if note)
