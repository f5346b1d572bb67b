"""The published numbers: against the paper itself where its text is at hand, and against sums worked out by hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins import registry
from robench.results.papers import NUMBERS, PublishedRow, needs, published
from robench.study.presets import PAPER_ATTACKS

PAPER = Path(os.environ.get("ROBENCH_TEST_PAPER", ""))
"""The paper's text, which is not part of the project."""
ACCURACIES = ["clean%", *PAPER_ATTACKS]
STATISTICS = ["mse_pos", "mse_neg", "kl_pos", "kl_neg", "ctr", "clean%", "attack%"]
TASKS = {"SST-2": "sst2", "TREC": "trec", "AG": "ag"}
ENCODERS = {"BERT-Large": "bert-large-uncased", "DeBERTa": "microsoft/deberta-base"}
DEFENSES = {
    "Base clean": "base",
    "Base adv": "base-adv",
    "Base adv (soft)": "base-adv-soft",
    "PGD": "pgd",
    "FGSM": "fgsm",
    "FreeLB": "freelb",
    "SMART": "smart",
    "ADA": "ada",
    "TaiChi": "taichi",
    "Before Fine-Tune": "before",
    "TaiChi w/o KL": "clean",
    "TaiChi w/o CTR": "taichi-no-ctr",
    "TaiChi w/o ADV": "taichi-no-adv",
}


def lines(first: str) -> list[list[str]]:
    """The rows below a heading row of the paper's text, without marks."""
    text = PAPER.read_text(encoding="utf-8")
    assert text.count(first) == 1
    rows = text[text.index(first) :].split("\nTable")[0].split("\n\n")[0].splitlines()
    return [[re.sub(r"</?\w+>", "", cell).strip() for cell in row.split("\t")] for row in rows]


def printed(number: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Task, encoder, defense, column and number, as the paper's text has them."""
    if number == "3":
        for name, *cells in lines("Dataset\t$C$")[1:]:
            for column, cell in zip(["classes", "length", "train", "dev", "test"], cells, strict=True):
                yield TASKS[name], "", "", column, cell
    elif number == "4":
        (_, *names), (_, *cells) = lines("Measure\tBase")
        for name, cell in zip(names, cells, strict=True):
            yield "sst2", "bert-base-uncased", DEFENSES[name], "clean%", cell
    elif number == "7":
        (_, *names), *rows = lines("bert-base-uncased\tBefore")
        for column, (_, *cells) in zip(STATISTICS, rows, strict=True):
            for name, cell in zip(names, cells, strict=True):
                yield "sst2", "bert-base-uncased", DEFENSES[name], column, cell
    else:
        group = ""
        for first, name, *cells in lines("Dataset\tMethod" if number == "5" else "PLM\tMethod")[1:]:
            group = first or group
            task, encoder = (TASKS[group], "bert-base-uncased") if number == "5" else ("sst2", ENCODERS[group])
            for column, cell in zip(ACCURACIES, cells, strict=True):
                yield task, encoder, DEFENSES[name], column, cell


def as_printed(number: str, row: PublishedRow, column: str) -> Fraction:
    return row.numbers[column] * (100 if column in ("clean%", "attack%", *PAPER_ATTACKS) else 1)


@pytest.mark.skipif(not PAPER.is_file(), reason="ROBENCH_TEST_PAPER names no file with the paper's text")
@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_is_the_papers(number: str) -> None:
    rows = {(row.task, row.encoder, row.defense): row for row in published(number).rows}
    seen = 0
    for task, encoder, defense, column, cell in printed(number):
        value, *difference = re.findall(r"[↓↑]? ?[\d.]+K?", cell)
        row = rows[task, encoder, defense]
        factor = 1000 if value.endswith("K") else 1
        assert as_printed(number, row, column) == Fraction(value.strip("K ")) * factor, (number, row, column)
        shown = [Fraction(text[2:]) * (-1 if text[0] == "↓" else 1) for text in difference]
        stored = row.printed_differences.get(column)
        assert shown == ([] if stored is None else [stored * 100])
        seen += 1
    assert seen == sum(len(row.numbers) for row in published(number).rows)


@pytest.mark.parametrize(
    ("number", "rows", "columns", "sums"),
    [
        # Added up by hand from the printed table, one column or row each.
        ("3", 3, ["classes", "length", "train", "dev", "test"], {"classes": 12, "length": 61, "train": 125_900}),
        ("4", 3, ["clean%"], {"clean%": "258.2"}),
        ("5", 21, ACCURACIES, {"clean%": "1959.1", "pwws": "864.1"}),
        ("6", 6, ACCURACIES, {"clean%": "555.4", "deepwordbug": "169.5", "textbugger": "276.1"}),
        ("7", 6, STATISTICS, {"mse_pos": "0.5434", "kl_neg": "17.5920", "clean%": "509.5", "attack%": "75.2"}),
    ],
)
def test_columns_add_up_to_what_they_do_by_hand(
    number: str, rows: int, columns: list[str], sums: dict[str, str | int]
) -> None:
    table = published(number)
    assert len(table.rows) == rows
    assert all(list(row.numbers) == columns for row in table.rows)
    for column, total in sums.items():
        assert sum(as_printed(number, row, column) for row in table.rows) == Fraction(total), column


@pytest.mark.parametrize("number", ["5", "6"])
def test_taichis_printed_differences_follow_from_the_rows(number: str) -> None:
    groups: dict[tuple[str, str], list[PublishedRow]] = {}
    for row in published(number).rows:
        groups.setdefault((row.task, row.encoder), []).append(row)
    for rows in groups.values():
        (taichi,) = (row for row in rows if row.defense == "taichi")
        for column, value in taichi.numbers.items():
            best = max(row.numbers[column] for row in rows if row is not taichi)
            assert value - best == taichi.printed_differences[column]
        assert not any(row.printed_differences for row in rows if row is not taichi)


def test_numbers_that_are_printed_twice_agree() -> None:
    five, seven = published("5"), published("7")
    base = five.find(task="sst2", defense="base")
    assert base is not None
    for number in ("4", "7"):
        other = published(number).find(task="sst2", defense="base", attack="pwws" if number == "4" else "textfooler")
        assert other is not None and other.numbers["clean%"] == base.numbers["clean%"]
    for defense in ("base", "taichi"):
        one = five.find(task="sst2", defense=defense)
        other = seven.find(task="sst2", defense=defense, attack="textfooler")
        assert one and other and one.numbers["textfooler"] == other.numbers["attack%"]


@pytest.mark.parametrize(
    ("number", "wanted", "found"),
    [
        ("5", {"task": "trec", "defense": "ada", "encoder": "anything"}, True),
        ("5", {"task": "mr", "defense": "ada"}, False),
        ("5", {"task": "trec", "defense": "freelb++"}, False),
        ("6", {"task": "sst2", "defense": "ada", "encoder": "google-bert/bert-large-uncased"}, True),
        ("6", {"task": "sst2", "defense": "ada", "encoder": "minilm"}, False),
        ("4", {"task": "sst2", "defense": "base-adv", "attack": "pwws"}, True),
        ("4", {"task": "sst2", "defense": "base-adv", "attack": "deepwordbug"}, False),
        ("7", {"task": "sst2", "defense": "clean", "attack": "textfooler"}, True),
        ("7", {"task": "sst2", "defense": "clean", "attack": "textfooler (bundled)"}, False),
    ],
)
def test_rows_are_found_by_what_they_are_about(number: str, wanted: dict[str, str], found: bool) -> None:
    assert (published(number).find(**wanted) is not None) == found


@pytest.mark.parametrize(
    ("number", "tasks", "defenses", "attacks", "encoders"),
    [
        ("4", "sst2", "base base-adv base-adv-soft", "pwws", "bert-base-uncased"),
        (
            "5",
            "sst2 trec ag",
            "base pgd fgsm freelb smart ada taichi",
            "deepwordbug pwws textfooler textbugger",
            "bert-base-uncased",
        ),
        (
            "6",
            "sst2",
            "base ada taichi",
            "deepwordbug pwws textfooler textbugger",
            "bert-large-uncased microsoft/deberta-base",
        ),
        ("7", "sst2", "base clean taichi-no-ctr taichi-no-adv taichi", "textfooler", "bert-base-uncased"),
    ],
)
def test_what_a_table_needs(number: str, tasks: str, defenses: str, attacks: str, encoders: str) -> None:
    wanted = {"tasks": tasks, "defenses": defenses, "attacks": attacks, "encoders": encoders}
    assert needs(number) == {name: tuple(text.split()) for name, text in wanted.items()}
    assert set(needs(number)["defenses"]) <= set(registry.names("defenses"))
    assert set(needs(number)["tasks"]) <= set(registry.names("tasks"))


@pytest.mark.parametrize(("number", "message"), [("2", "nothing has to be run"), ("3", "nothing"), ("9", "unknown")])
def test_tables_that_need_no_run_say_so(number: str, message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        needs(number)
