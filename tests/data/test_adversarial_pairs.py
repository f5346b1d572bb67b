"""Files of published adversarial texts: what is read, and a sentence with file and line for what is malformed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from robench import RobenchError
from robench.data.adversarial_pairs import AdversarialPair, read_adversarial_pairs
from robench.data.task import Task

LABELS = ("negative", "positive")


def read(
    folder: Path, content: str, name: str = "texts.tsv", *, prepare: Callable[[str], str] = str
) -> list[AdversarialPair]:
    file = folder / name
    file.write_text(content, encoding="utf-8", newline="")
    return read_adversarial_pairs(file, LABELS, prepare=prepare)


def test_read_adversarial_pairs_takes_columns_in_any_order_and_labels_by_name_or_number(tmp_path: Path) -> None:
    text = 'id\tLabel\tadversarial\toriginal\r\n7\tpositive\tA "gud" film\tA "good" film\r\n8\t0\tBäd\tBad\r\n'
    assert read(tmp_path, text) == [('A "good" film', 'A "gud" film', 1), ("Bad", "Bäd", 0)]
    assert read(tmp_path, text, prepare=str.lower)[1] == ("bad", "bäd", 0)


def test_read_adversarial_pairs_of_csv_takes_quoted_cells(tmp_path: Path) -> None:
    text = 'original,adversarial,label\n"good, they say","gud, ""they"" say\nagain",1\n'
    assert read(tmp_path, text, "texts.csv") == [("good, they say", 'gud, "they" say\nagain', 1)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "original\tadversarial\ngood\tgud\n",
            r"texts.tsv, line 1: it needs one column label, and has 'original', 'adv",
        ),
        ("original\toriginal\tadversarial\tlabel\n", r"line 1: it needs one column original"),
        (
            "original\tadversarial\tlabel\ngood\tgud\t1\ngood\tgud\n",
            r"texts.tsv, line 3: 2 cells, but the header has 3",
        ),
        ("original\tadversarial\tlabel\ngood\tgud\t2\n", r"line 2: the label '2' is not one of 0 \(negative\), 1"),
        ("original\tadversarial\tlabel\ngood\t \t1\n", r"line 2: no adversarial"),
        ("original\tadversarial\tlabel\ngood\t\u200b\t1\n", r"line 2: no adversarial"),
        ("original\tadversarial\tlabel\n", r"texts.tsv has no rows"),
        ("", r"texts.tsv is empty: it needs a header with the columns original, adversarial, label, and rows"),
    ],
)
def test_read_adversarial_pairs_of_a_malformed_file_names_file_and_line(
    tmp_path: Path, content: str, told: str
) -> None:
    with pytest.raises(RobenchError, match=told):
        read(tmp_path, content)


def test_read_adversarial_pairs_refuses_a_text_of_which_the_task_leaves_nothing(tmp_path: Path) -> None:
    prepare = Task(labels=LABELS, html_breaks=True).prepare
    content = "original\tadversarial\tlabel\na<br />b\tc\t1\ngood\t<br /><br />\t1\n"
    with pytest.raises(RobenchError, match="line 3: no adversarial"):
        read(tmp_path, content, prepare=prepare)
    assert read(tmp_path, content)[1].adversarial == "<br /><br />"
