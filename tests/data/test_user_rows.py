"""Rows that a user brings without a task: forms of files, guesses of columns, labels, folders, the Hub."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from robench.data.files import read_folder
from robench.data.tables import read_csv_lines
from robench.data.task import HubSource, Task
from robench.data.user_rows import UserData, UserRows
from robench.errors import RobenchError
from support.dataset_hub import REPOSITORY, SHA, serve_dataset

ROWS = [("NA", 0), ("2020-01-01", 1), ('"fine", really', 1), ("dull", 0)]
"""Texts that a reader which guesses types takes for something else."""


def load(place: Path | str, *, test_only: bool = True, needs_train: bool = False, **options: Any) -> UserRows:
    return UserData(place=str(place), test_only=test_only, **options).load(needs_train=needs_train)


def pairs(found: UserRows) -> list[tuple[str, int]]:
    return [(example.text, example.label) for example in found.data.test]


def write_file(path: Path, columns: dict[str, list[Any]]) -> Path:
    """Write columns in the format that the path's ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = list(zip(*columns.values(), strict=True))
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows), "utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows([list(columns), *rows])
    return path


# --- forms of files ---------------------------------------------------------------------------------------------------


def test_load_of_every_format_gives_the_same_rows_and_digest(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}
    found = [load(write_file(tmp_path / f"films{end}", columns)) for end in (".csv", ".tsv", ".jsonl", ".parquet")]
    assert [pairs(one) for one in found] == [ROWS] * 4
    assert len({one.data.digest for one in found}) == 1
    assert found[0].data.task == "films" and found[0].data.source == f"local:{tmp_path / 'films.csv'}"
    assert (found[0].data.train, found[0].data.dev) == ((), ())


def test_load_of_changed_file_has_another_digest(tmp_path: Path) -> None:
    before = load(write_file(tmp_path / "a.csv", {"text": ["x", "y"], "label": [0, 1]})).data.digest
    assert load(write_file(tmp_path / "a.csv", {"text": ["x", "z"], "label": [0, 1]})).data.digest != before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", '{"text": "x", "label": 0}\n\n{"text": "y"\n', "a.jsonl, line 3: not readable as JSON"),
        ("a.jsonl", "[1, 2]\n", "line 1: each line should be a JSON object"),
        ("a.jsonl", '{"text": "x", "label": 0}\n{"text": "y"}\n', "a.jsonl, line 2: no label"),
        (
            "a.jsonl",
            '{"text": "x", "label": 0}\n{"text": 3, "label": 1}\n',
            "its text is not a text but an int",
        ),
        ("a.csv", "text,label\nx,0\ny\n", "a.csv, line 3: 1 cells, but the header has 2"),
        ("a.csv", "text,label\n,0\ny,1\n", "a.csv, line 2: its text is empty"),
        ("a.csv", "text,label\nx,0\ny,\n", "a.csv, line 3: its label is empty; give the row a label, or remove it"),
        ("a.csv", "text;label\nx;cat\ny; \n", "a.csv, line 3: its label is empty"),
        ("a.csv", "text,label\n", "a.csv has no rows"),
        ("a.csv", "", "a.csv is empty: it needs a header with the columns of texts and labels"),
        ("a.txt", "x", r"none of the endings .tsv, .csv, .jsonl, .parquet"),
    ],
)
def test_load_of_broken_file_is_a_sentence(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RobenchError, match=words):
        load(tmp_path / name)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_csv_without_a_header_has_no_lines(content: str) -> None:
    assert list(read_csv_lines(Path("a.csv"), content)) == []


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_whose_header_has_other_separators_than_commas_is_split_at_them(tmp_path: Path, separator: str) -> None:
    lines = [("text", "label"), ("one, two", "cat"), ('"a; b\tc"', "dog")]
    (tmp_path / "a.csv").write_text("\n".join(map(separator.join, lines)), encoding="utf-8")
    assert pairs(load(tmp_path / "a.csv")) == [("one, two", 0), ("a; b\tc", 1)]


def test_load_of_absent_file_says_the_forms() -> None:
    with pytest.raises(RobenchError, match=r"--test no.csv does not exist; it takes FILE.*hf:ID"):
        load("no.csv")


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "options", "remark"),
    [
        ("id,Review,Sentiment", {}, "texts are in the column 'Review', labels are in the column 'Sentiment'"),
        (",stars,text", {"label": "stars"}, "texts are in the column 'text'; --text"),
        ("id,headline,kind", {"text": "headline", "label": "kind"}, ""),
        ("text,sentence,label", {"text": "sentence"}, "labels are in the column 'label'; --text"),
    ],
)
def test_columns_are_guessed_where_one_alone_fits(
    tmp_path: Path, header: str, options: dict[str, Any], remark: str
) -> None:
    names = header.split(",")
    text = options.get("text") or next(name for name in names if name.lower() in ("text", "review"))
    label = options.get("label") or next(name for name in names if name.lower() in ("label", "sentiment"))
    cells = {text: ["good", "bad"], label: ["1", "0"]}
    found = load(write_file(tmp_path / "a.csv", {name: cells.get(name, ["7", "8"]) for name in names}), **options)
    assert pairs(found) == [("good", 1), ("bad", 0)]
    assert not remark or found.remarks[0].startswith(remark)


def test_columns_that_are_two_need_one_usual_name(tmp_path: Path) -> None:
    found = load(write_file(tmp_path / "a.csv", {"words": ["good", "bad"], "label": [1, 0]}))
    assert found.remarks[0].startswith("texts are in the column 'words'")


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        ("text,sentence,label", {}, "'text' and 'sentence' could each be the column of texts: name one with --text"),
        ("text,label,category", {}, "'label' and 'category' could each be the column of labels.*--label"),
        ("premise,hypothesis,label", {}, "none of its columns .* has a usual name of texts: name it with --text"),
        ("great,1", {}, "A file without a header needs one"),
        ("text,label", {"text": "words"}, "has no column 'words', which --text names; it has 'text', 'label'"),
        ("text,text,label", {}, "has 2 columns 'text'"),
    ],
)
def test_columns_that_could_mean_two_things_are_refused(
    tmp_path: Path, header: str, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{','.join('x' * len(header.split(',')))}\n", encoding="utf-8")
    with pytest.raises(RobenchError, match=words):
        load(tmp_path / "a.csv", **options)


# --- labels -----------------------------------------------------------------------------------------------------------

LABELS: list[tuple[list[Any], tuple[str, ...], tuple[str, ...], list[int]]] = [
    ([1, 0], (), ("LABEL_0", "LABEL_1"), [1, 0]),
    ([1.0, 0.0], (), ("LABEL_0", "LABEL_1"), [1, 0]),
    (["1.0", "0.0"], (), ("LABEL_0", "LABEL_1"), [1, 0]),
    ([True, False], (), ("False", "True"), [1, 0]),
    ([True, False], ("bad", "good"), ("bad", "good"), [1, 0]),
    (["TRUE", "FALSE"], ("bad", "good"), ("bad", "good"), [1, 0]),
    ([1, 0], ("bad", "good"), ("bad", "good"), [1, 0]),
    (["spam", "ham"], (), ("ham", "spam"), [1, 0]),
    (["spam", " ham"], ("spam", "ham"), ("spam", "ham"), [0, 1]),
    (["10.5", "2.5"], ("2.5", "10.5"), ("2.5", "10.5"), [1, 0]),
    (["v1.5", "0.5"], (), ("0.5", "v1.5"), [1, 0]),
    ([1, -1], ("-1", "1"), ("class -1", "class 1"), [1, 0]),
    ([0, 4], ("0", "4"), ("class 0", "class 4"), [0, 1]),
    ([1, 0], ("a", "b", "c"), ("a", "b", "c"), [1, 0]),
]


@pytest.mark.parametrize(("values", "given", "names", "numbers"), LABELS)
def test_labels_are_numbers_names_or_truth_values(
    tmp_path: Path, values: list[Any], given: tuple[str, ...], names: tuple[str, ...], numbers: list[int]
) -> None:
    found = load(write_file(tmp_path / "a.jsonl", {"text": ["x", "y"], "label": values}), labels=given)
    assert (found.data.labels, [number for _, number in pairs(found)]) == (names, numbers)


@pytest.mark.parametrize(
    ("values", "given", "words"),
    [
        ([1, 5], (), "holds the numbers 1, 5, which are not all from 0 on: give --labels 1,5"),
        ([-1, 1], (), "give --labels -1,1"),
        ([-1, -1], (), "holds only -1, as hidden labels do: .* list all labels with --labels if -1 is one of them"),
        ([0, 0], (), "holds the number 0 alone: name all labels with --labels"),
        ([1, 1], (), "holds the number 1 alone: name all labels with --labels"),
        (["0.5", "0.5"], (), "holds the numbers 0.5, which are not all whole: it is no column of labels"),
        (["spam", "spam"], (), "holds 'spam' alone: name all labels with --labels"),
        ([0.5, 1], (), "holds 0.5, which is no label"),
        (["10.5", "2.5"], (), "holds the numbers 2.5, 10.5, which are not all whole: give --labels 2.5,10.5"),
        (["0.5", "1"], (), "holds the numbers 0.5, 1, which are not all whole: give --labels 0.5,1"),
        ([[1], [0]], (), r"holds \[1\], which is no label"),
        ([0, "spam"], (), "holds numbers and names .*--labels"),
        (["spam", "ham"], ("spam", "eggs"), "a.jsonl, line 2: the label 'ham' is not one of 0 .spam., 1 .eggs."),
        ([0, 2], ("a", "b"), "a.jsonl, line 2: the label 2 is not one of"),
        ([0, 1], ("-1", "1"), "a.jsonl, line 1: the label 0 is not one of"),
        ([0, 1], ("a", "a"), "--labels a,a: two or more different names"),
        ([0, 1], ("a",), "--labels a: two or more different names"),
    ],
)
def test_labels_that_could_mean_two_things_are_refused(
    tmp_path: Path, values: list[Any], given: tuple[str, ...], words: str
) -> None:
    with pytest.raises(RobenchError, match=words):
        load(write_file(tmp_path / "a.jsonl", {"text": ["x", "y"], "label": values}), labels=given)


def test_column_of_many_values_is_no_column_of_labels(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"text": ["x"] * 30, "label": [f"id-{i}" for i in range(30)]}
    with pytest.raises(RobenchError, match=r"30 different values in 30 rows.*no column of labels"):
        load(write_file(tmp_path / "a.csv", columns))


def test_column_of_many_decimals_is_no_column_of_labels(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"text": ["x"] * 30, "label": [f"{i}.5" for i in range(30)]}
    with pytest.raises(RobenchError, match=r"the numbers 0\.5, 1\.5, .*not all whole: it is no column of labels"):
        load(write_file(tmp_path / "a.csv", columns))


def write_classes(path: Path, names: list[str], labels: list[int]) -> Path:
    """Write a parquet file whose label column names its classes, as `datasets` does."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict({"text": [f"t{i}" for i in range(len(labels))], "label": labels}, features).to_parquet(path)
    return path


def test_classes_that_the_file_names_keep_its_order(tmp_path: Path) -> None:
    file = write_classes(tmp_path / "a.parquet", ["pos", "neg"], [0, 1])
    assert load(file).data.labels == ("pos", "neg")
    other = load(file, labels=("neg", "pos"))
    assert (other.data.labels, pairs(other)) == (("neg", "pos"), [("t0", 1), ("t1", 0)])
    assert pairs(load(file, labels=("good", "bad"))) == [("t0", 0), ("t1", 1)], "other names rename by position"
    with pytest.raises(RobenchError, match=r"renames the classes of the file .pos, neg.: give as many names"):
        load(file, labels=("good", "so-so", "bad"))


@pytest.mark.parametrize("given", [("1", "2", "3"), ("3", "2", "1"), ("2", "1")])
def test_classes_whose_names_are_numbers_go_by_their_names(tmp_path: Path, given: tuple[str, ...]) -> None:
    file = write_classes(tmp_path / "stars.parquet", ["1", "2", "3"], [0, 1])
    assert pairs(load(file, labels=given)) == [("t0", given.index("1")), ("t1", given.index("2"))]


@pytest.mark.parametrize(
    ("dev", "test", "labels"),
    [
        (["pos", "neg"], ["neg", "pos"], ("neg", "pos")),
        (["anger", "sad"], ["anger", "joy", "sad"], ("anger", "joy", "sad")),
        (["sad", "joy"], ["anger", "sad"], ("anger", "sad", "joy")),
    ],
)
def test_classes_of_each_split_go_by_its_own_names(
    tmp_path: Path, dev: list[str], test: list[str], labels: tuple[str, ...]
) -> None:
    write_classes(tmp_path / "dev.parquet", dev, [0, 1])
    write_classes(tmp_path / "test.parquet", test, [0, 1])
    data = load(tmp_path, test_only=False).data
    assert data.labels == labels
    for split, names in (("dev", dev), ("test", test)):
        assert [labels[example.label] for example in data.rows(split)] == names[:2]


@pytest.mark.parametrize("names", [(["neg", "pos"], ["pos", "neg"]), (["1", "2"], ["1", "2"])])
def test_numbers_beside_classes_that_could_mean_two_things_are_refused(
    tmp_path: Path, names: tuple[list[str], list[str]]
) -> None:
    write_classes(tmp_path / "train.parquet", names[0], [0, 1])
    write_classes(tmp_path / "test.parquet", names[1], [0, 1])
    write_file(tmp_path / "dev.csv", {"text": ["a", "b"], "label": [0, 1]})
    with pytest.raises(RobenchError, match=r"dev.csv holds numbers as labels and no names of classes.*write names in"):
        load(tmp_path, test_only=False)


def test_numbers_beside_one_list_of_classes_count_in_it(tmp_path: Path) -> None:
    write_classes(tmp_path / "test.parquet", ["pos", "neg"], [0, 1])
    write_file(tmp_path / "dev.csv", {"text": ["a", "b"], "label": [1, "pos"]})
    assert [example.label for example in load(tmp_path, test_only=False).data.dev] == [1, 0]


def test_hidden_labels_of_one_split_are_told(tmp_path: Path) -> None:
    for split, labels in (("train", [0, 1]), ("test", [-1, -1])):
        write_classes(tmp_path / f"{split}.parquet", ["neg", "pos"], labels)
    with pytest.raises(RobenchError, match=r"test.parquet holds only -1, as hidden labels do: take a split"):
        load(tmp_path, test_only=False)


def test_load_with_hidden_labels_of_rows_that_nothing_needs_leaves_these_out(tmp_path: Path) -> None:
    for split, labels in (("train", [-1, -1]), ("dev", [0, 1]), ("test", [0, 1])):
        write_file(tmp_path / "films" / f"{split}.csv", {"text": ["a", "b"], "label": labels})
    found = load(tmp_path / "films", test_only=False)
    assert (len(found.data.train), len(found.data.dev), pairs(found)) == (0, 2, [("a", 0), ("b", 1)])
    assert found.data.notes[0] == "the rows of train are left out, as their labels are hidden (all are -1)"
    with pytest.raises(RobenchError, match=r"train.csv holds only -1"):
        load(tmp_path / "films", test_only=False, needs_train=True)


def test_classes_of_a_task_go_by_the_order_of_the_file(tmp_path: Path) -> None:
    from robench.data.load import load_task

    for split in ("train", "dev", "test"):
        write_classes(tmp_path / "film" / f"{split}.parquet", ["Pos.", "Neg."], [0, 1, 1])
    data = load_task("film", Task(labels=("neg", "pos")), data_dir=tmp_path)
    assert [example.label for example in data.test] == [1, 0, 0]
    data = load_task("film", Task(labels=("bad", "good")), data_dir=tmp_path)
    assert [example.label for example in data.test] == [0, 1, 1], "other names say nothing, so numbers stay"
    assert data.notes[0].startswith(
        "the data's classes are Pos., Neg. and the task's labels bad, good: each class counts"
    )


# --- folders ----------------------------------------------------------------------------------------------------------


def write_folder(folder: Path, dev: str = "dev") -> Path:
    for i, split in enumerate(("train", dev, "test")):
        write_file(folder / f"{split}.csv", {"text": [f"a{i}", f"b{i}"], "label": ["no", "yes"]})
    return folder


@pytest.mark.parametrize("dev", ["dev", "validation"])
def test_folder_of_files_has_its_splits(tmp_path: Path, dev: str) -> None:
    found = load(write_folder(tmp_path / "films", dev), test_only=False, needs_train=True)
    assert found.data.task == "films" and found.data.labels == ("no", "yes")
    assert [[e.text for e in found.data.rows(split)] for split in ("train", "dev", "test")] == [
        ["a0", "b0"],
        ["a1", "b1"],
        ["a2", "b2"],
    ]


def test_folder_without_training_rows_is_enough_to_attack_and_not_to_train(tmp_path: Path) -> None:
    (write_folder(tmp_path / "films") / "train.csv").unlink()
    found = load(tmp_path / "films", test_only=False)
    assert (len(found.data.train), len(found.data.dev), len(found.data.test)) == (0, 2, 2)
    with pytest.raises(RobenchError, match="no training rows: `robench run` needs them"):
        load(tmp_path / "films", test_only=False, needs_train=True)


@pytest.mark.parametrize("place", ["", "dataset_dict.json"])
def test_folder_of_save_to_disk_has_its_splits(tmp_path: Path, place: str) -> None:
    from datasets import Dataset, DatasetDict

    splits = {name: Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}) for name in ("train", "test")}
    DatasetDict({**splits, "validation": splits["test"]}).save_to_disk(tmp_path / "films")
    found = load(tmp_path / "films" / place, test_only=False, needs_train=True)
    assert (found.data.task, len(found.data.train), len(found.data.dev)) == ("films", 2, 2)
    DatasetDict({"train": splits["train"], "validation": splits["test"]}).save_to_disk(tmp_path / "two")
    with pytest.raises(RobenchError, match=r"has no test split; it has train, validation; save one as test, or give"):
        load(tmp_path / "two", test_only=False)
    splits["test"].save_to_disk(tmp_path / "one")
    assert pairs(load(tmp_path / "one")) == [("a", 0), ("b", 1)]
    with pytest.raises(RobenchError, match="holds one split alone: --test takes it"):
        load(tmp_path / "one", test_only=False)


@pytest.mark.parametrize(
    ("change", "test_only", "words"),
    [
        (lambda folder: None, True, "films is a folder, and takes a file .*; --task takes a folder"),
        (lambda folder: (folder / "test.csv").unlink(), False, r"films has no test split: it needs test.tsv"),
        (lambda folder: shutil.copy(folder / "test.csv", folder / "test.tsv"), False, "for one split: keep one"),
        (shutil.rmtree, False, r"films does not exist; --task takes a task, or a folder with"),
        (lambda folder: (folder / "dataset_dict.json").write_text("{"), False, "save_to_disk has written"),
        (
            lambda folder: write_file(folder / "dev.csv", {"words": ["a"], "label": ["no"]}),
            False,
            r"dev.csv has no column 'text', which --text names",
        ),
    ],
)
def test_folder_of_another_shape_is_a_sentence(
    tmp_path: Path, change: Callable[[Path], Any], test_only: bool, words: str
) -> None:
    change(write_folder(tmp_path / "films"))
    with pytest.raises(RobenchError, match=words):
        load(tmp_path / "films", test_only=test_only)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("some films (2020).csv", "some-films-2020"),
        ("films/test.csv", "films"),
        ("trec.csv", "trec-own"),
        ("all.csv", "all-own"),
        ("hf:someone/films", "films"),
        ("hf:someone/films@v1/plain:test", "films-plain"),
    ],
)
def test_name_of_rows_is_that_of_their_place(place: str, name: str) -> None:
    assert UserData(place=place, test_only=True).name == name


# --- the Hub ----------------------------------------------------------------------------------------------------------

README = """---
configs:
- config_name: plain
  data_files: [{split: test, path: plain.parquet}, {split: validation, path: other.parquet}]
- config_name: other
  data_files: [{split: dev, path: other.parquet}]
---
"""


def test_data_set_of_the_hub_is_read_at_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    write_file(folder / "plain.parquet", {"text": ["good", "bad"], "label": ["yes", "no"]})
    write_file(folder / "other.parquet", {"text": ["fine", "dull"], "label": ["yes", "no"]})
    with serve_dataset(folder, tmp_path) as asked:
        (folder / "README.md").write_text(README, encoding="utf-8")
        found = load(f"hf:{REPOSITORY}@v1/plain")
        # huggingface_hub 2 asks for its list of agents first.
        first = next(path for path in asked if "agent-harnesses" not in path)
        assert first.startswith(f"/api/datasets/{REPOSITORY}/revision/v1")
        assert pairs(found) == [("good", 1), ("bad", 0)]
        assert (found.data.source, found.data.task) == (f"hf:{REPOSITORY}@{SHA}/plain", "films-plain")
        assert pairs(load(f"hf:{REPOSITORY}/plain:validation")) == [("fine", 1), ("dull", 0)]
        only = load(f"hf:{REPOSITORY}/other")
        assert pairs(only) == [("fine", 1), ("dull", 0)], "the only split"
        assert only.data.source == f"hf:{REPOSITORY}@{SHA}/other:dev", "which is not called test"
        cached = UserData(place=f"hf:{REPOSITORY}@{SHA}/plain", test_only=True).load(offline=True)
        assert cached.data.digest == found.data.digest
        for place, words in {
            f"hf:{REPOSITORY}": "has several configurations; it has .*: name one as hf:someone/films/CONFIG",
            f"hf:{REPOSITORY}/main": "has no configuration 'main'; it has",
            f"hf:{REPOSITORY}/plain:train": "has no split 'train'; it has test, validation; name one as hf:",
            f"hf:{REPOSITORY}@gone/plain": "was not read from the Hub: the Hub refuses it .RevisionNotFound",
            "hf:": "names no data set on the Hub; the form is hf:ID",
        }.items():
            with pytest.raises(RobenchError, match=words):
                load(place)


def test_classes_of_the_hub_go_by_the_order_of_the_data_set(tmp_path: Path) -> None:
    from robench.data.hub import read_hub

    for split in ("train", "validation", "test"):
        write_classes(tmp_path / "files" / f"{split}.parquet", ["pos", "neg"], [0, 1])
    with serve_dataset(tmp_path / "files", tmp_path):
        splits = read_hub(HubSource(repository=REPOSITORY), ("neg", "pos"))
        others = read_hub(HubSource(repository=REPOSITORY), ("bad", "good"))
        named = read_hub(HubSource(repository=REPOSITORY, label_names={"neg": 0, "pos": 1}), ("bad", "good"))
    assert list(splits.test) == [("t0", 1), ("t1", 0)] and splits.notes == named.notes == ()
    (note,) = others.notes
    assert note.startswith("the data's classes are pos, neg and the task's labels bad, good: each class counts as the")


def test_files_of_a_task_that_number_unknown_classes_differently_are_refused(tmp_path: Path) -> None:
    for split, names in (("train", ["neg", "pos"]), ("dev", ["pos", "neg"]), ("test", ["neg", "pos"])):
        write_classes(tmp_path / f"{split}.parquet", names, [0, 1])
    assert [label for _, label in read_folder(tmp_path, ("neg", "pos")).dev] == [1, 0]
    with pytest.raises(RobenchError, match=r"number their classes differently .*dev.parquet pos, neg; .*: write the"):
        read_folder(tmp_path, ("bad", "good"))
    write_classes(tmp_path / "dev.parquet", ["neg", "pos"], [0, 1])
    (note,) = read_folder(tmp_path, ("bad", "good")).notes
    assert note.startswith("the data's classes are neg, pos and the task's labels bad, good")
