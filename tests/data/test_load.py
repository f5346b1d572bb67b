from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from robench.data.load import load_task
from robench.data.task import HubSource, Row, Splits, Task, hold_out
from robench.errors import RobenchError

TASK = Task(labels=("neg", "pos"))
TRAIN: list[Row] = [("Bad film", 0), ('"Quoted', 1), ("Fine, really", 1), ("Dull\u2028stuff", 0)]
DEV: list[Row] = [("so so", 0), ("nice", 1)]
TEST: list[Row] = [("Übel", 0), ("great", 1)]


def write(path: Path, rows: Sequence[Row], text: str = "sentence") -> None:
    """Write rows in the format that the path's suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        columns = {text: [row[0] for row in rows], "label": [row[1] for row in rows]}
        with path.open("wb") as file:
            pyarrow.parquet.write_table(pyarrow.table(columns), file)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as lines_file:
            csv.writer(lines_file).writerows([(text, "label"), *rows])
    else:
        lines = [f"{text}\tlabel", *(f"{sentence}\t{label}" for sentence, label in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def folder_with(root: Path, suffix: str = ".tsv", *, text: str = "sentence", dev: bool = True) -> Path:
    """A data folder that holds the task ``film``."""
    for split, rows in {"train": TRAIN, "dev": DEV if dev else [], "test": TEST}.items():
        if rows:
            write(root / "film" / f"{split}{suffix}", rows, text)
    return root


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
@pytest.mark.parametrize("text", ["sentence", "text"])
def test_every_format_gives_the_same_rows_and_digest(tmp_path: Path, suffix: str, text: str) -> None:
    data = load_task("film", TASK, data_dir=folder_with(tmp_path, suffix, text=text))
    assert [(row.text, row.label) for row in data.train] == TRAIN
    assert [(row.text, row.label) for row in data.dev] == DEV
    assert [(row.text, row.label) for row in data.test] == TEST
    assert (data.task, data.labels, data.notes) == ("film", ("neg", "pos"), ())
    assert data.source == f"local:{tmp_path / 'film'}"
    parts = [json.dumps(["neg", "pos"])]
    for split, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        parts += [f"\n{split}\n", *(json.dumps(list(row)) + "\n" for row in rows)]
    assert data.digest == hashlib.sha256("".join(parts).encode()).hexdigest()


def test_line_ends_of_windows_a_byte_order_mark_and_label_names_change_nothing(tmp_path: Path) -> None:
    plain = load_task("film", TASK, data_dir=folder_with(tmp_path / "plain"))
    other = folder_with(tmp_path / "other")
    for path in (other / "film").iterdir():
        content = path.read_bytes().replace(b"\t0\n", b"\tneg\n").replace(b"\n", b"\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + content)
    assert load_task("film", TASK, data_dir=other).digest == plain.digest


def rewritten(folder: Path, split: str, rows: Sequence[Row]) -> Path:
    """The folder with other rows in a split."""
    write(folder / "film" / f"{split}.tsv", rows)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda task, folder: (replace(task, lowercase=True), folder),
        lambda task, folder: (replace(task, labels=("no", "yes")), folder),
        lambda task, folder: (task, rewritten(folder, "train", TRAIN[::-1])),
        lambda task, folder: (task, rewritten(folder, "dev", TEST)),
    ],
    ids=["case", "labels", "order", "another dev"],
)
def test_the_digest_tells_data_apart(tmp_path: Path, change: Callable[[Task, Path], tuple[Task, Path]]) -> None:
    folder = folder_with(tmp_path)
    before = load_task("film", TASK, data_dir=folder)
    task, folder = change(TASK, folder)
    assert load_task("film", task, data_dir=folder).digest != before.digest


def test_lowercase_lowers_every_split(tmp_path: Path) -> None:
    data = load_task("film", replace(TASK, lowercase=True), data_dir=folder_with(tmp_path))
    assert [row.text for row in data.test] == ["übel", "great"]
    assert data.train[0].text == "bad film"


def test_a_missing_dev_is_carved_out_of_train_and_says_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, dev=False)
    rows: list[Row] = [(f"row {i}", i % 2) for i in range(200)]
    write(folder / "film/train.tsv", rows)
    data = load_task("film", TASK, data_dir=folder)
    assert (len(data.train), len(data.dev)) == (180, 20)
    assert sorted(data.train + data.dev, key=lambda e: int(e.text[4:])) == [
        type(data.train[0])(text, int(label)) for text, label in rows
    ]
    assert data.notes == ("no dev split: 20 rows of train were taken out for it by a fixed seed",)
    assert load_task("film", TASK, data_dir=folder).digest == data.digest


def test_held_out_rows_depend_on_the_seed_alone() -> None:
    rows: list[Row] = [(f"row {i}", 0) for i in range(1000)]
    rest, held = hold_out(rows, 100, 50)
    assert (len(rest), len(held)) == (900, 100)
    assert rest == [row for row in rows if row in rest] and not set(rest) & set(held)
    assert set(hold_out(rows[::-1], 100, 50)[1]) == set(held)
    assert set(hold_out(rows, 100, 51)[1]) != set(held)
    # Worked out apart: the row whose text, below the seed, has the smallest sha256.
    assert hold_out(rows, 1, 50)[1] == [
        min(rows, key=lambda row: hashlib.sha256(b"50\n" + row[0].encode()).hexdigest())
    ]


def put(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def both(folder: Path) -> None:
    write(folder / "train.csv", TRAIN)


def parquet(**columns: list[Any]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        (folder / "train.tsv").unlink()
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / "train.parquet")

    return change


def as_csv(text: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        (folder / "train.tsv").unlink()
        (folder / "train.csv").write_text(text, encoding="utf-8")

    return change


def broken_parquet(folder: Path) -> None:
    (folder / "train.tsv").unlink()
    (folder / "train.parquet").write_bytes(b"PAR1 not really")


def two_labels(folder: Path) -> None:
    (folder / "train.tsv").unlink()
    table = pyarrow.Table.from_arrays([pyarrow.array(["x"]), *[pyarrow.array([1])] * 2], ["text", "label", "label"])
    pyarrow.parquet.write_table(table, folder / "train.parquet")


HEAD = b"sentence\tlabel\n"
BAD_INPUTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "empty file": (put("train.tsv", b""), ["train.tsv is empty", "sentence and label"]),
    "only a header": (put("train.tsv", HEAD), ["train.tsv has no rows"]),
    "no text column": (
        put("train.tsv", b"review\tlabel\nx\t1\n"),
        ["no column sentence (or text)", "'review', 'label'"],
    ),
    "no label column": (put("train.tsv", b"text\tclass\nx\t1\n"), ["no column label", "'text', 'class'"]),
    "no tab": (put("train.tsv", HEAD + b"x\t1\nonly text\n"), ["train.tsv, line 3", "1 cells", "header has 2"]),
    "too many cells": (put("train.tsv", HEAD + b"a\tb\t1\n"), ["train.tsv, line 2", "3 cells"]),
    "blank line": (put("train.tsv", HEAD + b"x\t1\n\ny\t0\n"), ["train.tsv, line 3", "1 cells"]),
    "empty sentence": (put("train.tsv", HEAD + b"x\t1\n \t0\n"), ["train.tsv, line 3", "its text is empty"]),
    "only a zero-width space": (put("test.tsv", HEAD + "x\t1\n\u200b\t0\n".encode()), ["test.tsv, line 3", "U+200B"]),
    "only NUL": (put("test.tsv", HEAD + b"x\t1\n\0\t0\n"), ["test.tsv, line 3", "no visible character (only U+0000)"]),
    "only fillers": (put("dev.tsv", HEAD + "\u3164\u00ad \ufe0f\t0\n".encode()), ["dev.tsv, line 2", "U+3164, U+00AD"]),
    "two columns of a name": (put("dev.tsv", b"label\tsentence\tlabel\n0\tx\t1\n"), ["dev.tsv has 2 columns 'label'"]),
    "unknown number": (put("dev.tsv", HEAD + b"x\t2\n"), ["dev.tsv, line 2", "label '2'", "0 (neg), 1 (pos)"]),
    "negative number": (put("dev.tsv", HEAD + b"x\t-1\n"), ["dev.tsv, line 2", "label '-1'"]),
    "unknown name": (put("test.tsv", HEAD + b"x\t1\ny\tgood\n"), ["test.tsv, line 3", "label 'good'", "1 (pos)"]),
    "empty label": (put("test.tsv", HEAD + b"x\t\n"), ["test.tsv, line 2", "its label is empty"]),
    "not utf-8": (put("train.tsv", HEAD + b"x\t1\ncaf\xe9\t0\n"), ["train.tsv, line 3", "0xe9", "UTF-8"]),
    "one class": (put("train.tsv", HEAD + b"x\t1\ny\t1\n"), ["all have the label pos", "two are needed"]),
    "two files": (both, ["train.tsv and train.csv", "keep one"]),
    "no test": (
        lambda folder: (folder / "test.tsv").unlink(),
        ["no test split", "test.parquet", "holds dev.tsv, train"],
    ),
    "csv cells": (as_csv('text,label\n"two\nlines",1\nx\n'), ["train.csv, line 4", "1 cells"]),
    "csv quotes": (as_csv('text,label\n"x" y,1\n'), ["train.csv, line 2", "not readable as CSV"]),
    "csv label": (as_csv('text,label\n"two\nlines",1\nx,7\n'), ["train.csv, line 4", "label '7'"]),
    "parquet broken": (broken_parquet, ["train.parquet cannot be read as parquet"]),
    "parquet columns": (parquet(text=["x"], y=[1]), ["train.parquet", "no column label", "'text', 'y'"]),
    "parquet two labels": (two_labels, ["train.parquet has 2 columns 'label'"]),
    "parquet null": (parquet(text=["x", None], label=[1, 0]), ["train.parquet, row 2", "no text"]),
    "parquet no label": (parquet(text=["x", "y"], label=[1, None]), ["train.parquet, row 2", "no label"]),
    "parquet float": (parquet(text=["x", "y"], label=[1.0, 0.5]), ["train.parquet, row 2", "label 0.5"]),
    "parquet truth": (parquet(text=["x", "y"], label=["true", "yes"]), ["train.parquet, row 2", "label 'yes'"]),
    "parquet numbers": (parquet(text=[1, 2], label=[1, 0]), ["train.parquet, row 1", "not a text but an int"]),
}


@pytest.mark.parametrize(("change", "words"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_bad_input_is_a_sentence_with_file_and_row(
    tmp_path: Path, change: Callable[[Path], object], words: list[str]
) -> None:
    change(folder_with(tmp_path) / "film")
    with pytest.raises(RobenchError) as error:
        load_task("film", TASK, data_dir=tmp_path)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "labels",
    [("one",), (), ("a", "a"), "ab", ("0", "1"), ("a", " "), ("a", 1), {"a", "b"}, {"a": 0, "b": 1}, iter("ab")],
    ids=["one", "none", "twice", "text", "numbers", "blank", "mixed", "set", "dict", "iterator"],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: Any) -> None:
    with pytest.raises(RobenchError, match="label"):
        Task(labels=labels)


@pytest.mark.parametrize("text", ["你", "!", "🙂", "\u200bx", "é"])
def test_a_text_with_one_visible_sign_is_a_text(tmp_path: Path, text: str) -> None:
    folder = rewritten(folder_with(tmp_path), "test", [(text, 0)])
    assert [row.text for row in load_task("film", TASK, data_dir=folder).test] == [text]


def test_a_text_of_line_breaks_alone_is_refused_where_they_are_spaces_and_is_a_text_elsewhere(tmp_path: Path) -> None:
    folder = rewritten(folder_with(tmp_path), "test", [("good<br />film", 1), ("<br /> <br>", 0)])
    assert [row.text for row in load_task("film", TASK, data_dir=folder).test] == ["good<br />film", "<br /> <br>"]
    place = r"test.tsv, line 3: its text '<br /> <br>' has nothing but line breaks of HTML. Remove the row"
    with pytest.raises(RobenchError, match=place):
        load_task("film", replace(TASK, html_breaks=True), data_dir=folder)


@dataclass(frozen=True)
class Stripped(Task):
    """A task that leaves nothing of some texts, and can do nothing with an empty one."""

    def prepare(self, text: str) -> str:
        return " ".join(word for word in text.split() if not word.startswith("@")) if text[0] else ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [("@one @two", "its text '@one @two' is one of which its task leaves nothing"), ("", "its text is empty")],
)
def test_a_text_of_which_a_task_leaves_nothing_is_refused_where_it_stands(
    tmp_path: Path, text: str, fault: str
) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    rows = f"sentence\tlabel\nso good\t1\n{text}\t0\n"
    for split in ("train", "dev", "test"):
        (folder / f"{split}.tsv").write_text(rows, encoding="utf-8")
    with pytest.raises(RobenchError, match=rf"line 3: {fault}\. Remove the row"):
        load_task("film", Stripped(labels=("bad", "good")), data_dir=tmp_path)


def test_test_rows_that_stand_in_train_are_counted_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    folder = rewritten(folder_with(tmp_path), "test", [("bad  FILM", 1), ("great", 1), ("\u200aFine, really", 0)])
    data = load_task("film", TASK, data_dir=folder)
    assert data.notes == ("2 of 3 test rows (66.7%) stand in train, too: same text, apart from case and spaces",)


def test_test_rows_of_one_label_are_told_of(tmp_path: Path) -> None:
    folder = rewritten(folder_with(tmp_path), "test", [("poor", 0), ("dire", 0), ("weak", 0)])
    note = "all 3 test rows have the label neg, so naming it each time is always right"
    assert load_task("film", TASK, data_dir=folder).notes == (note,)


def test_rows_of_numpy_are_rows_and_a_missing_text_is_a_sentence() -> None:
    rows: Any = list(zip(np.array(["x", "y"]), np.array([0, 1]), strict=True))
    task = replace(TASK, index=lambda _: Splits(train=rows, dev=DEV, test=TEST, source="index:film==1"))
    found = load_task("film", task).train
    assert [(type(row.text), row.text, type(row.label), row.label) for row in found] == [
        (str, "x", int, 0),
        (str, "y", int, 1),
    ]
    rows[1] = (float("nan"), np.int64(1))
    with pytest.raises(RobenchError, match=r"index:film==1, train row 2: its text is not a text but nan"):
        load_task("film", task)


# -- which source is used ---------------------------------------------------------------------------------------------


def from_index(offline: bool) -> Splits:
    if offline:
        raise RobenchError("the index is far away.")
    return Splits(train=TRAIN, dev=DEV, test=TEST, source="index:film==1", notes=("a stand-in",))


REMOTE = replace(TASK, hub=HubSource(repository="someone/film"), index=from_index, relative="mr")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub
    import requests

    def unreachable(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_given_folder_without_the_task_is_an_error_that_says_what_is_there(tmp_path: Path) -> None:
    folder_with(tmp_path)
    with pytest.raises(RobenchError, match=r"no folder songs: looked for .*songs/train\.tsv .* holds film\."):
        load_task("songs", REMOTE, data_dir=tmp_path)
    with pytest.raises(RobenchError, match=r"none does not exist"):
        load_task("songs", REMOTE, data_dir=tmp_path / "none")


def test_the_environment_folder_may_lack_a_task_which_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hub: None
) -> None:
    monkeypatch.setenv("ROBENCH_DATA", str(folder_with(tmp_path)))
    assert load_task("film", REMOTE).source == f"local:{tmp_path / 'film'}"
    data = load_task("songs", REMOTE)
    assert data.source == "index:film==1"
    assert data.notes == (
        f"ROBENCH_DATA ({tmp_path}) has no folder songs",
        "someone/film was not read from the Hub: the Hub is not reachable",
        "a stand-in",
    )


def test_the_order_is_the_callers(tmp_path: Path, no_hub: None) -> None:
    folder_with(tmp_path)
    assert load_task("film", REMOTE, data_dir=tmp_path, order=("index", "local")).source == "index:film==1"
    assert load_task("film", REMOTE, order=("index",)).notes == ("a stand-in",)
    with pytest.raises(RobenchError, match="'cloud' is not a source"):
        load_task("film", REMOTE, order=("cloud",))


@pytest.mark.parametrize(
    ("task", "offline", "words"),
    [
        (TASK, False, ["no data for the task film:", "--data DIR with DIR/film/", "or set ROBENCH_DATA"]),
        (replace(REMOTE, index=None), False, ["not reachable", "ROBENCH_DATA", "(someone/film)", "The task mr"]),
        (REMOTE, True, ["not in the Hub's cache; the index is far away)", "run once where the package index"]),
    ],
    ids=["only local", "no index", "offline"],
)
def test_without_any_data_the_error_lists_the_ways(task: Task, offline: bool, words: list[str], no_hub: None) -> None:
    with pytest.raises(RobenchError) as error:
        load_task("film", task, offline=offline)
    for word in words:
        assert word in str(error.value)


def test_bad_rows_of_the_index_name_their_place() -> None:
    task = replace(TASK, index=lambda _: Splits(train=[("x", 0), ("y", 9)], test=TEST, source="index:film==1"))
    with pytest.raises(RobenchError, match=r"index:film==1, train row 2: the label 9 is not one of 0 \(neg\)"):
        load_task("film", task)


# -- the Hub ----------------------------------------------------------------------------------------------------------

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hub: None) -> Path:
    """The Hub's cache on this machine with one data set in it; the Hub itself does not answer."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    repository = tmp_path / "hub" / "datasets--someone--film"
    folder = repository / "snapshots" / SHA
    write(folder / "train.parquet", [(f"row {i}", i % 2) for i in range(100)], "text")
    write(folder / "validation.parquet", DEV, "text")
    write(folder / "test.parquet", TEST, "text")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(SHA)
    return folder


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize("revision", ["main", SHA])
def test_what_the_hub_has_cached_is_read_with_its_sha(hub: Path, offline: bool, revision: str) -> None:
    task = replace(TASK, hub=HubSource(repository="someone/film", revision=revision))
    data = load_task("film", task, offline=offline)
    assert data.source == f"hub:someone/film@{SHA}"
    assert [(row.text, row.label) for row in data.dev] == DEV
    assert (len(data.train), data.notes) == (100, ())


def test_offline_asks_no_server(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load_task("film", REMOTE, offline=True).source == f"hub:someone/film@{SHA}"


@pytest.mark.parametrize(
    ("changes", "train", "dev", "note"),
    [
        ({"dev_last": 7}, 93, 7, "dev is the last 7 rows of the Hub's train split"),
        ({"dev_sample": 7}, 93, 7, "dev is 7 rows of the Hub's train split, taken out by a fixed seed"),
        ({}, 90, 10, "no dev split: 10 rows of train were taken out for it by a fixed seed"),
    ],
)
def test_the_hubs_training_split_gives_a_dev(
    hub: Path, changes: dict[str, int], train: int, dev: int, note: str
) -> None:
    source = HubSource(repository="someone/film", dev=None, **changes)  # type: ignore[arg-type]
    data = load_task("film", replace(TASK, hub=source))
    assert (len(data.train), len(data.dev), data.notes) == (train, dev, (note,))
    if "dev_last" in changes:
        assert [row.text for row in data.dev] == [f"row {i}" for i in range(93, 100)]


def test_labels_of_the_hub_are_mapped_by_name(hub: Path) -> None:
    for split in ("train", "validation", "test"):
        (hub / f"{split}.parquet").unlink()
        write(hub / f"{split}.parquet", [("x", "POSITIVE"), ("y", "neg")], "text")
    task = replace(TASK, hub=HubSource(repository="someone/film", label_names={"POSITIVE": 1}))
    assert [row.label for row in load_task("film", task).train] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "review"}, "has no column 'review' in train; it has text, label"),
        ({"dev": "development"}, "has no split 'development'; it has train, validation, test"),
    ],
)
def test_a_hub_data_set_of_another_shape_is_an_error(hub: Path, changes: dict[str, str], words: str) -> None:
    task = replace(REMOTE, hub=HubSource(repository="someone/film", **changes))  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match=words):
        load_task("film", task)


def test_the_hubs_refusal_is_told_from_silence(monkeypatch: pytest.MonkeyPatch, no_hub: None) -> None:
    import huggingface_hub
    import requests
    from huggingface_hub.errors import RepositoryNotFoundError

    def refuse(*_: object, **__: object) -> None:
        raise RepositoryNotFoundError("no such", response=requests.Response())

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    notes = load_task("film", REMOTE).notes
    assert notes[0] == "someone/film was not read from the Hub: the Hub refuses it (RepositoryNotFoundError)"


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
def test_load_task_of_folder_named_in_latin_1_has_a_source_that_is_stored(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / os.fsdecode(b"donn\xe9es")
    source = load_task("film", TASK, data_dir=folder_with(folder, suffix)).source
    assert source == f"local:{folder / 'film'}" and "\udce9" in source


def test_folder_of_a_thousand_files_is_told_by_ten(tmp_path: Path) -> None:
    (tmp_path / "film").mkdir()
    for number in range(1000):
        (tmp_path / "film" / f"part-{number:04}").touch()
    with pytest.raises(RobenchError, match=r"holds part-0000, .*part-0009, and 990 more\.$"):
        load_task("film", TASK, data_dir=tmp_path)


def test_label_of_100_000_characters_is_told_by_its_ends(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    write(folder / "film" / "test.tsv", [("fine", "a" * 100_000 + "z")])
    with pytest.raises(RobenchError, match=r"line 2: the label 'a+ … a+z' is not one of 0 \(neg\), 1") as caught:
        load_task("film", TASK, data_dir=folder)
    assert len(str(caught.value)) < 400
