"""Files and rows that no one should have, but someone has: each is a sentence that names its place, or is read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from robench.data.load import TaskData, load_task
from robench.data.task import Splits, Task
from robench.errors import RobenchError

LABELS = ("neg", "pos")
TEXTS = [f"a film {i}" for i in range(4)]
GOOD = "sentence\tlabel\n" + "".join(f"{text}\t{i % 2}\n" for i, text in enumerate(TEXTS))
CSV = GOOD.replace("\t", ",")


def load(folder: Path, content: bytes | Callable[[Path], object], suffix: str = ".tsv") -> TaskData:
    """Load a task whose training file is that one."""
    (folder / "film").mkdir()
    (folder / "film" / "test.tsv").write_text(GOOD)
    file = folder / "film" / f"train{suffix}"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        content(file)
    return load_task("film", Task(labels=LABELS), data_dir=folder)


@pytest.mark.parametrize(
    ("content", "suffix", "words"),
    [
        (b"\xef\xbb\xbf", ".tsv", "is empty"),
        (b"\xef\xbb\xbf", ".csv", "is empty"),
        (b"\xef\xbb\xbf\n\n", ".csv", "is empty"),
        (GOOD.encode("utf-16"), ".tsv", "is in UTF-16"),
        (GOOD.encode("utf-16-le"), ".tsv", "NUL bytes in its header"),
        (CSV.encode("utf-32"), ".csv", "is in UTF-32"),
        (gzip.compress(GOOD.encode(), mtime=0), ".tsv", "is compressed"),
        (f"sentence\tlabel\na\t{'9' * 5000}\n".encode(), ".tsv", "line 2: the label '999"),
        (("a" * 10**7 + "\tlabel\nx\t1\n").encode(), ".tsv", "has no column sentence"),
    ],
)
def test_load_task_of_a_file_in_another_form_says_which(
    content: bytes, suffix: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RobenchError, match=rf"train\{suffix}.*{words}") as caught:
        load(tmp_path, content, suffix)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (GOOD.replace("\n", "\r"), ".tsv"),
        (GOOD.rstrip("\n").replace("\n", "\r") + "\n", ".tsv"),
        (CSV.replace("\n", "\r"), ".csv"),
        (CSV.replace("a film 0", "a" * 200_000), ".csv"),
    ],
    ids=["old Mac", "old Mac, last line", "old Mac csv", "long cell"],
)
def test_load_task_of_an_odd_file_reads_every_row(content: str, suffix: str, tmp_path: Path) -> None:
    data = load(tmp_path, content.encode(), suffix)
    assert len(data.train) + len(data.dev) == 4


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
@pytest.mark.parametrize(
    "place", [os.mkfifo, lambda file: file.symlink_to("/dev/zero"), lambda file: file.symlink_to("/proc/kmsg")]
)
def test_load_task_of_a_pipe_a_device_or_a_log_does_not_wait(
    place: Callable[[Path], object], suffix: str, tmp_path: Path
) -> None:
    with pytest.raises(RobenchError, match="film"):
        load(tmp_path, place, suffix)


def _table(**columns: Any) -> Callable[[Path], object]:
    return lambda file: pyarrow.parquet.write_table(
        pyarrow.table({"sentence": TEXTS, "label": [0, 1, 0, 1]} | columns), file
    )


NOT_UTF8 = pyarrow.Array.from_buffers(pyarrow.string(), 4, pyarrow.array([b"\xff\xfe"] * 4).buffers())
FAR = pyarrow.array([0, 10**18, 0, 0], pyarrow.timestamp("us"))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"sentence": NOT_UTF8}, "row 1: its sentence cannot be read: 'utf-8'"),
        ({"label": NOT_UTF8}, "row 1: its label cannot be read: 'utf-8'"),
        ({"sentence": FAR}, "row 2: its sentence cannot be read"),
        ({"label": FAR}, "row 2: its label cannot be read"),
    ],
)
def test_load_task_of_parquet_with_a_value_that_python_lacks_names_the_row(
    columns: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RobenchError, match=rf"train\.parquet, {words}"):
        load(tmp_path, _table(**columns), ".parquet")


def of_index(rows: Any) -> TaskData:
    def index(offline: bool) -> Splits:
        made: Any = rows if isinstance(rows, str) else Splits(train=rows, test=rows, source="index:films==1")
        return cast(Splits, made)

    return load_task("film", Task(labels=LABELS, index=index), order=("index",))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 0), ("b", 1, 2)], r"index:films==1, train row 2: a row is a text and a label, not \('b', 1, 2\)"),
        ([("a", 0), None], "train row 2: a row is a text and a label, not None"),
        (["ab", "cd"], "train row 1: a row is a text and a label, not 'ab'"),
        ([{"text": "a", "label": 0}], "train row 1: a row is a text and a label, not {'text'"),
        ([("a", float("nan"))], "train row 1: the label nan"),
        ([(float("nan"), 0)], "train row 1: its text is not a text but nan"),
        ([("a", np.float64(0.5))], "train row 1: the label"),
        ([("a", "9" * 5000)], "train row 1: the label '999"),
        (None, "returned a NoneType for train"),
        (iter([("a", 0)]), "returned a list_iterator for train"),
        ({("a", 0), ("b", 1)}, "returned a set for train"),
        ("films", "returned a str; it should return robench.data.Splits"),
    ],
)
def test_load_task_of_rows_that_are_no_pairs_is_a_sentence(rows: Any, words: str) -> None:
    with pytest.raises(RobenchError, match=words):
        of_index(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [(np.str_(text), np.int8(i % 2)) for i, text in enumerate(TEXTS)],
        np.array([[text, i % 2] for i, text in enumerate(TEXTS)], dtype=object),
        [[text, str(i % 2)] for i, text in enumerate(TEXTS)],
    ],
    ids=["NumPy values", "array", "lists"],
)
def test_load_task_of_rows_of_numpy_has_plain_texts_and_labels(rows: Sequence[Any]) -> None:
    data = of_index(rows)
    assert {(type(row.text), type(row.label)) for row in (*data.train, *data.test)} == {(str, int)}
    assert [row.text for row in data.test] == TEXTS


def test_load_task_whose_place_function_fails_is_a_sentence() -> None:
    def index(offline: bool) -> Splits:
        return Splits(train=[("a", 7)], test=[("a", 7)], source="index:films==1", place=lambda split, row: str(1 / 0))

    with pytest.raises(RobenchError, match=r"names the place of a row failed: .*ZeroDivisionError"):
        load_task("film", Task(labels=LABELS, index=index), order=("index",))
