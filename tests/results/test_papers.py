"""Papers as data: what their files say, errors of a user's own file, and the published numbers against the paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins import registry
from robench.results import papers
from robench.results.paper_contents import PaperFigure, PaperTable, rank
from robench.results.published import PublishedRow, PublishedTable, read_published_table
from robench.training.settings import TrainingSettings

TAICHI = papers.find_paper()
PAPER = Path(os.environ.get("ROBENCH_TEST_PAPER", ""))
"""The paper's text, which is not part of the project."""
NUMBERS = ("3", "4", "5", "6", "7")
ACCURACIES = ["clean%", *TAICHI.attacks]
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


def published(number: str) -> PublishedTable:
    table = read_published_table(TAICHI, number)
    assert table is not None
    return table


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
    return row.numbers[column] * (100 if column in ("clean%", "attack%", *TAICHI.attacks) else 1)


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
def test_a_table_says_what_it_is_about(number: str, tasks: str, defenses: str, attacks: str, encoders: str) -> None:
    table = TAICHI.tables[number]
    assert [*table.tasks] == tasks.split() and [*table.trained_defenses] == defenses.split()
    assert [*table.attacks] == attacks.split() and [*table.encoders] == encoders.split()


@pytest.mark.parametrize("number", NUMBERS)
def test_published_rows_are_those_of_the_papers_table(number: str) -> None:
    table, numbers = TAICHI.tables[number], published(number)
    assert {row.task for row in numbers.rows} == set(table.tasks or TAICHI.tasks)
    assert {row.defense for row in numbers.rows} - {""} == set(table.defenses)
    assert {row.encoder for row in numbers.rows} - {""} == set(table.encoders)


@pytest.mark.parametrize("name", papers.list_papers())
def test_every_name_in_a_paper_is_registered(name: str) -> None:
    paper = papers.find_paper(name)
    shown: list[PaperTable | PaperFigure] = [*paper.tables.values(), *paper.figures.values()]
    defenses = {d for spec in shown for d in spec.defenses}
    defenses |= {*paper.defense_order, *paper.ablations, paper.compared} - {"*"}
    assert defenses - {"before"} <= set(registry.names("defenses"))
    assert {*paper.tasks, *(f.task for f in paper.figures.values())} <= set(registry.names("tasks"))
    attacks = {a for spec in shown for a in spec.attacks}
    assert attacks | set(paper.attacks) <= set(registry.names("attacks"))
    assert all(spec.summary and spec.title for spec in shown)


def test_training_of_the_paper_is_what_robench_trains_with_by_default() -> None:
    assert TAICHI.training == asdict(TrainingSettings())


def test_names_that_an_order_lacks_stand_at_its_star_or_behind() -> None:
    assert sorted(["zeta", "taichi", "base", "eta"], key=lambda name: rank(name, TAICHI.defense_order)) == [
        *("base", "eta", "zeta", "taichi"),
    ]
    assert sorted(["zeta", "pwws", "eta"], key=lambda name: rank(name, TAICHI.attacks)) == ["pwws", "eta", "zeta"]


# --- a user's own -----------------------------------------------------------------------------------------------------

OWN = """
title = "Mine"
tasks = ["mr"]
attacks = ["pwws"]
encoders = ["minilm"]
defense_order = ["*", "mine"]
compared = "mine"

[tables.1]
kind = "accuracy"
title = "accuracy"
summary = "all"
defenses = ["base", "mine"]

[figures.2]
kind = "tradeoff"
title = "A path"
summary = "a path"
attacks = ["pwws"]
defenses = ["mine"]

[figures.2.sweep]
defense = "mine"
field = "width"
values = [1, 2.5]
symbol = "w"
title = "width"
caption = "models of several widths"
"""


def write_own(folder: Path, before: str = "", after: str = "", name: str = "paper.toml", text: str = OWN) -> Path:
    assert before in text
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text.replace(before, after, 1) if before else text, encoding="utf-8")
    return folder


def test_a_folder_of_ones_own_is_a_paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_own(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    paper = papers.find_paper("./mine")
    assert paper.tables["1"].attacks == ("pwws",) and paper.tables["1"].encoders == ("minilm",)
    assert paper.options == ["--paper", "./mine"]
    sweep = paper.figures["2"].sweep
    assert sweep and sweep.values == (1.0, 2.5) and sweep.ends == {}
    assert read_published_table(paper, "1") is None


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('title = "Mine"\n', "", r"mine/paper.toml: title is missing; it should be a text\."),
        ('tasks = ["mr"]', 'tasks = "mr"', "tasks should be a list of texts, not 'mr'"),
        ('tasks = ["mr"]', "tasks = []", "tasks is empty"),
        ('attacks = ["pwws"]', 'attacks = ["pwws", "pwws"]', "attacks has pwws twice"),
        ("compared", "comparred", "compared is missing"),
        ('compared = "mine"', 'compared = "mine"\nablation = ["base"]', "unknown key ablation: did you mean ablations"),
        ('compared = "mine"', 'compared = "mine"\nablations = ["mine"]', "ablations has mine, which is the compared"),
        ('kind = "accuracy"', 'kind = "acuracy"', "unknown kind 'acuracy': did you mean accuracy. .*tables.1.kind"),
        ('defenses = ["base", "mine"]', "", "tables.1.defenses is missing"),
        ('defenses = ["base", "mine"]', "defenses = []", "tables.1.defenses is empty"),
        ('summary = "all"', 'summary = "all"\ncolumns = ["pwws"]', "unknown key tables.1.columns: there are attacks"),
        ("[figures.2]", "[figures]\nx = 1\n[figures.2]", "figures.x should be a table, not 1"),
        ("values = [1, 2.5]", 'values = ["1"]', r"figures.2.sweep.values should be a list of numbers"),
        ('defense = "mine"', 'defense = "base"', "sweep.defense is base, which is none of the figure's defenses mine"),
        ('attacks = ["pwws"]\ndefenses', 'attacks = ["pwws", "iga"]\ndefenses', "kind tradeoff is about one attack"),
        ("[tables.1]", "[tables.1", "paper.toml cannot be read: "),
    ],
)
def test_a_wrong_key_is_named_with_its_file(tmp_path: Path, before: str, after: str, message: str) -> None:
    folder = write_own(tmp_path / "mine", before, after)
    with pytest.raises(RobenchError, match=message):
        papers.find_paper(str(folder))


NUMBERS_OF_ONE = """
table = "1"
caption = "c"
source = "s"
task = "mr"
percent = ["pwws"]
[[row]]
defense = "mine"
numbers = { pwws = 12.5 }
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("pwws = 12.5", "pwws = '12'", r"table1.toml: row\[1\].numbers.pwws should be a number, not '12'"),
        ("[[row]]", "[row]", r"row should be tables, each below a line \[\[row\]\]"),
        ("defense", "defence", r"unknown key row\[1\].defence: did you mean defense"),
        ('caption = "c"', "", "caption is missing"),
        ('caption = "c"', 'caption = "c"\nstand_ins = "yes"', "stand_ins should be true or false, not 'yes'"),
    ],
)
def test_a_wrong_key_of_published_numbers_is_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    folder = write_own(write_own(tmp_path / "mine"), before, after, "table1.toml", NUMBERS_OF_ONE)
    with pytest.raises(RobenchError, match=message):
        read_published_table(papers.find_paper(str(folder)), "1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exampel", "unknown paper 'exampel': did you mean example.* --paper also takes a folder with a paper.toml"),
        (".", "has no paper.toml; --paper takes a folder that has one"),
    ],
)
def test_a_paper_that_is_none_is_refused(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RobenchError, match=message):
        papers.find_paper(name)
