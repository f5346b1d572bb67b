"""Tables 2, 3, 4, 6 and 7, all tables at once, and published numbers beside ours."""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas
import pytest
from rich.console import Console

from robench.errors import RobenchError
from robench.plugins import registry
from robench.report.rendering import FORMATS, percent, render, render_all
from robench.report.tables import Row, Table, make, make_all
from robench.results import papers
from robench.results.selection import NoResultsError
from robench.results.store import Store
from support.hand_made import add_cell, add_statistics, digest

pytestmark = pytest.mark.usefixtures("quick_by_hand")

GOLDENS = Path(__file__).parents[1] / "goldens"
LARGE = {"name": "bert-large-uncased", "digest": digest("large")}
BERT = {"name": "bert-base-uncased", "digest": digest("bert")}
LOCAL = {"source": "local:/data/sst2", "digest": digest("sst2"), "notes": []}

PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
import robench
from robench.defense import AdversarialDefense, Defense, TrainsOn

@robench.register("table-two-odd")
@dataclass(frozen=True, kw_only=True)
class Odd(AdversarialDefense):
    '''Pairs, and a third kind of loss.'''
    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS
    network_count = 2
    mix_weight: float = 0.5
    ctr_weight: float = 0.0
    classifies = "adv"
    def loss(self, networks, batch):
        return {}

@robench.register("table-two-noise")
@dataclass(frozen=True, kw_only=True)
class Noise(Defense):
    '''Perturbs embeddings in a way of its own.'''
    augmentation = "virtual"
    def loss(self, networks, batch):
        return {}
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tasks in a folder; sst2 has 2 + 4 + 3 + 3 tokens in its four texts."""
    for task, splits in {
        "sst2": {"train": [("so good", 1), ("it is not good", 0)], "dev": [("just  so so", 0)], "test": [("a b c", 1)]},
        "trec": {"train": [("why ?", 0), ("who ?", 3)], "dev": [("how ?", 1)], "test": [("when ?", 5), ("a ?", 0)]},
    }.items():
        (tmp_path / "data" / task).mkdir(parents=True)
        for split, rows in splits.items():
            text = "".join(f"{sentence}\t{label}\n" for sentence, label in rows)
            (tmp_path / "data" / task / f"{split}.tsv").write_text(f"sentence\tlabel\n{text}", encoding="utf-8")
    return tmp_path / "data"


def sst2(store: Store, defense: str, attack: str, failed: int = 40, correct: int = 400, **settings: Any) -> None:
    settings = {"data": LOCAL, "encoder": BERT, **settings}
    add_cell(store, defense, attack, failed, clean=(correct, 500), task="sst2", **settings)


def rows(table: Table) -> dict[str, Row]:
    return {row.label: row for block in table.blocks for row in block.rows}


def texts(table: Table) -> dict[str, list[str]]:
    return {label: [cell.text for cell in row.cells] for label, row in rows(table).items()}


def shown(table: Table, label: str) -> list[str | None]:
    return [None if cell.value is None else percent(cell.value) for cell in rows(table)[label].cells]


def check_golden(name: str, text: str) -> None:
    """ROBENCH_WRITE_GOLDENS=1 writes them anew; read them before committing."""
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get("ROBENCH_WRITE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


# --- table 2 ----------------------------------------------------------------------------------------------------------


def test_the_methods_are_those_of_the_papers_table(store: Store) -> None:
    printed = {
        "base": ["n/a", "clean", "CE", "no"],
        "base-adv": ["n/a", "adv", "CE", "no"],
        "fgsm": ["virtual", "clean", "CE", "no"],
        "pgd": ["virtual", "clean", "CE", "no"],
        "freelb": ["virtual", "clean", "CE", "no"],
        "smart": ["virtual", "clean", "CE", "no"],
        "ada": ["real text", "clean+adv", "CE", "no"],
        "clean": ["real text", "clean", "CE+CTR", "no"],
        "adversarial": ["real text", "adv", "CE+CTR", "no"],
        "taichi-no-ctr": ["real text", "clean", "CE+KL", "yes"],
        "taichi-no-adv": ["real text", "clean", "CE+CTR+KL", "no"],
        "taichi": ["real text", "clean", "CE+CTR+KL", "yes"],
    }
    table = make("2", store)
    assert list(rows(table)) == [row.name for row in table.blocks[0].rows]
    assert set(rows(table)) == set(registry.names("defenses"))
    found = texts(table)
    assert {name: found[name] for name in printed} == printed
    # A slow average of the network is no adversarial model, whatever the number of networks.
    assert found["smart-paper"] == ["virtual", "clean", "CE", "no"]


def test_a_plugin_has_a_row_and_may_say_what_cannot_be_derived(
    store: Store, tmp_path: Path, forget_plugins: None
) -> None:
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN, encoding="utf-8")
    registry.load_plugin(path)
    table = make("2", store, defenses=["table-two-odd", "base", "table-two-noise"])
    assert texts(table) == {
        "base": ["n/a", "clean", "CE", "no"],
        "table-two-noise": ["virtual", "clean", "CE", "no"],
        "table-two-odd": ["real text", "adv", "CE+MIX", "yes"],
    }
    assert sum(f"is from {path}" in note for note in table.notes) == 2


# --- table 3 ----------------------------------------------------------------------------------------------------------


def test_data_sets_are_counted(store: Store, data: Path) -> None:
    table = make("3", store, tasks=["trec", "sst2"], data=data)
    assert [(c.key, c.unit) for c in table.columns][:2] == [("classes", "count"), ("length", "number")]
    assert {label: [cell.value for cell in row.cells] for label, row in rows(table).items()} == {
        "sst2": [2, 3, 2, 1, 1],
        "trec": [6, 2, 2, 1, 2],
    }
    assert f"sst2: from local:{data / 'sst2'}" in table.notes
    assert "white space" in render(table, "md")
    assert "| sst2 | 2 | 3.0 | 2 | 1 | 1 |" in render(table, "md")


def test_a_task_that_cannot_be_loaded_has_dashes_and_a_reason(store: Store, data: Path) -> None:
    table = make("3", store, tasks=["sst2", "ag"], data=data)
    assert [cell.value for cell in rows(table)["ag"].cells] == [None] * 5
    assert any("ag" in note and "no folder" in note for note in table.notes)
    assert "| ag | — | — | — | — | — |" in render(table, "md")
    with pytest.raises(RobenchError, match=r"unknown task .sst3.: .*sst2"):
        make("3", store, tasks=["sst3"], data=data)


def test_data_sets_stand_beside_the_papers(store: Store, data: Path) -> None:
    table = make("3", store, tasks=["sst2", "mr", "ag"], data=data, against="paper")
    text = render(table, "md")
    assert r"| sst2 | 2 \[2, 0\] | 3.0 \[19.0, -16.0\] | 2 \[6,900, -6,898\] | 1 \[872, -871\] |" in text
    assert r"| ag | — \[4\] | — \[32.0\] | — \[114,000\]" in text
    assert "| mr | — | — |" in text
    frame = pandas.read_csv(io.StringIO(render(table, "csv"))).set_index("task")
    assert frame.loc["sst2", "#train less paper"] == -6898


# --- table 4 ----------------------------------------------------------------------------------------------------------


def fill4(store: Store) -> None:
    sst2(store, "base", "deepwordbug", correct=460)
    for seed, adv, soft in ((42, 380, 440), (43, 390, 445)):
        sst2(store, "base", "pwws", correct=460 + seed - 42, seed=seed)
        for name, correct in (("base-adv", adv), ("base-adv-soft", soft)):
            key = digest("sst2", "pwws", seed)[:16]
            sst2(store, name, "pwws", correct=correct, seed=seed, adversarial=key, model=digest(name, seed)[:16])


@pytest.fixture
def adversarial_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.hand_made.PER_ATTACK", ("ada", "taichi", "base-adv", "base-adv-soft"))


@pytest.mark.usefixtures("adversarial_cells")
def test_label_conflict_is_clean_accuracy_by_training_texts(store: Store) -> None:
    fill4(store)
    table = make("4", store)
    assert [column.name for column in table.columns] == ["clean% (pwws)"]
    # 92.0 and 92.2, 76 and 78, 88 and 89
    assert {label: shown(table, label) for label in rows(table)} == {
        "base": ["92.1"],
        "base-adv": ["77.0"],
        "base-adv-soft": ["88.5"],
    }
    (cell,) = rows(table)["base-adv"].cells
    assert cell.sd == pytest.approx(0.02 / math.sqrt(2)) and cell.seeds == (42, 43)
    assert rows(table)["base"].cells[0].best and not cell.best
    assert rows(table)["base"].attacked_n is None


@pytest.mark.usefixtures("adversarial_cells")
def test_label_conflict_of_another_attack_keeps_the_clean_model(store: Store) -> None:
    """Base needs no attack: its row is the same whichever attack met it, and however many samples were attacked."""
    sst2(store, "base", "pwws", correct=460, n=100)
    sst2(store, "base-adv", "deepwordbug", correct=350, n=150)
    table = make("4", store, attacks=["deepwordbug"], command_options=["--runs", "r"])
    assert shown(table, "base") == ["92.0"] and shown(table, "base-adv") == ["70.0"]
    assert shown(table, "base-adv-soft") == [None]
    (command,) = table.commands
    assert "--defense base-adv-soft --task sst2 --attack deepwordbug" in command and command.endswith("--runs r")


@pytest.mark.parametrize(
    ("number", "asked", "message"),
    [
        ("4", {}, "table 4, which is about sst2, .* unless --task names another; .* task trec"),
        ("4", {"tasks": ["trec"]}, "texts of pwws; there are results with attack deepwordbug"),
        ("6", {}, "table 6, which is about sst2"),
        ("7", {}, "yet; statistics .* `robench run --table 7`"),
        ("7", {"tasks": ["trec"]}, "`robench run --table 7`"),
        ("5", {"tasks": ["sst2"]}, "with task sst2; it has trec"),
    ],
)
def test_what_is_not_there_is_said(store: Store, number: str, asked: dict[str, Any], message: str) -> None:
    add_cell(store, "base", "deepwordbug", 40)
    with pytest.raises(NoResultsError, match=message):
        make(number, store, **asked)


# --- table 6 ----------------------------------------------------------------------------------------------------------


def fill6(store: Store) -> None:
    for encoder, more in ((BERT, 0), (LARGE, 5)):
        for defense, failed in (("base", 30), ("ada", 50), ("taichi", 70), ("pgd", 90)):
            sst2(store, defense, "pwws", failed + more, correct=450 + more, encoder=encoder)
    sst2(store, "base", "pwws", 31, encoder={"name": "tiny", "digest": digest("tiny")})
    add_cell(store, "base", "pwws", 99, encoder=LARGE, data={**LOCAL, "digest": digest("trec")})  # trec


def test_a_block_for_each_encoder(store: Store) -> None:
    fill6(store)
    table = make("6", store)
    assert [block.heading for block in table.blocks] == ["bert-base-uncased", "bert-large-uncased", "tiny"]
    assert [[row.label for row in block.rows] for block in table.blocks] == [["base", "ada", "taichi"]] * 3
    large = table.blocks[1].rows[2]
    assert [cell.value for cell in large.cells] == [Fraction(455, 500), Fraction(75, 200)]
    assert [cell.difference for cell in large.cells] == [0, Fraction(20, 200)]
    (command,) = table.commands
    assert "--defense ada,taichi --task sst2 --attack pwws" in command and "--encoder tiny" in command


def test_other_tasks_defenses_and_encoders_can_be_asked_for(store: Store) -> None:
    fill6(store)
    assert list(rows(make("6", store, tasks=["trec"]))) == ["base", "ada", "taichi"]
    assert list(rows(make("6", store, defenses=["pgd"]))) == ["pgd"]
    table = make("6", store, encoders=["bert-large-uncased"], tasks=["trec", "sst2"])
    assert [block.heading for block in table.blocks] == [
        "bert-large-uncased, task sst2",
        "bert-large-uncased, task trec",
    ]


# --- table 7 ----------------------------------------------------------------------------------------------------------


def fill7(store: Store) -> None:
    for name, clean, failed, values in (
        ("before", 248, 2, {"mse_pos": 0.03125, "kl_pos": 0.0}),
        ("base", 463, 14, {"mse_pos": 0.28125, "kl_pos": math.inf}),
        ("clean", 464, 25, {"mse_pos": 0.0625, "mse_neg": 0.75}),
        ("taichi-no-ctr", 462, 29, {"ctr": 6.5}),
        ("taichi", 458, 40, {"mse_pos": 0.0625, "ctr": 6.25, "kl_neg": 2.5}),
    ):
        add_statistics(store, name, clean=clean, failed=failed, values=values, encoder=BERT)
    add_statistics(store, "taichi", clean=460, failed=42, values={"mse_pos": 0.0625}, encoder=BERT, seed=43)


def test_statistics_of_models(store: Store) -> None:
    fill7(store)
    table = make("7", store)
    names = ["before", "base", "clean", "taichi-no-ctr", "taichi-no-adv", "taichi"]
    assert list(rows(table)) == names
    found = rows(table)
    assert found["clean"].cells[1].value == Fraction(3, 4) and found["base"].cells[2].text == "∞"
    assert found["taichi"].cells[4].value == Fraction("6.375")  # of 6.25 and 6.5
    assert shown(table, "taichi")[5:] == ["91.8", "20.5"] and found["taichi"].cells[5].sd == pytest.approx(
        0.002 * math.sqrt(2)
    )
    assert all(cell.value is None for cell in found["taichi-no-adv"].cells)
    assert "`robench run --table 7`" in table.legend[-1]


def test_lower_is_better_where_it_is_and_before_takes_no_part(store: Store) -> None:
    fill7(store)
    found = rows(make("7", store))
    best = {column: [name for name, row in found.items() if row.cells[i].best] for i, column in enumerate("abcdefg")}
    assert best["a"] == ["clean", "taichi"]  # a tie; before is lower
    assert best["b"] == ["clean"] and best["e"] == ["taichi"]
    assert best["c"] == ["clean", "taichi-no-ctr", "taichi"]
    assert best["f"] == ["clean"] and best["g"] == ["taichi"]


def test_settings_and_attacks_of_statistics_are_not_mixed(store: Store) -> None:
    fill7(store)
    add_statistics(store, "base", train_rows=500, encoder=BERT)
    add_statistics(store, "base", attack_title="textfooler (bundled)", encoder=BERT)
    add_statistics(store, "base", attack="pwws", encoder=BERT)
    table = make("7", store)
    assert len(table.blocks) == 3 and len({block.heading for block in table.blocks}) == 3
    befores = [block.rows[0].cells[0].value for block in table.blocks]
    assert befores.count(Fraction(1, 32)) == 2  # the same encoder before it is trained on 500 or 1,000 rows
    (block,) = make("7", store, attacks=["pwws"]).blocks
    assert block.setting["attack"] == "pwws"


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("ROBENCH_DATA", raising=False)


@pytest.mark.usefixtures("nothing_here", "adversarial_cells")
@pytest.mark.parametrize(
    ("fill", "there"),
    [
        (lambda store: None, ["2"]),
        (lambda store: add_cell(store, "base", "pwws", 40), ["2", "5"]),
        (lambda store: sst2(store, "base-adv", "pwws"), ["2", "4", "5"]),
        (lambda store: sst2(store, "taichi", "deepwordbug"), ["2", "5"]),
        (fill4, ["2", "4", "5"]),
        (fill6, ["2", "4", "5", "6"]),
        (fill7, ["2", "7"]),
    ],
)
def test_all_tables_that_have_data(store: Store, fill: Callable[[Store], None], there: list[str]) -> None:
    fill(store)
    tables, reasons = make_all(store, runs="runs")
    assert [table.name for table in tables] == there
    assert [reason.split(":")[0] for reason in reasons] == [
        f"table {n}" for n in papers.paper().tables if n not in there
    ]


@pytest.mark.usefixtures("nothing_here")
def test_the_data_sets_are_shown_where_one_of_them_is_here(store: Store, data: Path) -> None:
    tables, _ = make_all(store, data=data)
    assert [table.name for table in tables] == ["2", "3"]


def test_a_broken_cell_is_not_taken_for_a_missing_one(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    (folder,) = (store.root / "cells").iterdir()
    (folder / "records.jsonl").unlink()
    with pytest.raises(RobenchError, match=re.escape(str(folder))):
        make_all(store)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: make("8", store), "table '8'"),
        (lambda store: make("5", store, against="papr"), "meant|mean paper"),
    ],
)
def test_unknown_names_are_errors(store: Store, call: Callable[[Store], Table], message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        call(store)


# --- against the paper ------------------------------------------------------------------------------------------------


def fill_against(store: Store) -> None:
    sst2(store, "base", "pwws", 40, 461)  # 20.0 and 92.2; published 16.0 and 92.6
    sst2(store, "base", "textfooler", 14, 461, attack_title="textfooler (bundled)")
    sst2(store, "ada", "pwws", 58, 454)  # 29.0 and 90.8; published 28.9 and 90.8
    sst2(store, "ada", "pwws", 58, 454, changed={"ratio": 0.5})
    sst2(store, "freelb++", "pwws", 50, 460)
    for seed in (42, 43):
        sst2(store, "pgd", "pwws", seed, 460, seed=seed)


def test_published_numbers_are_matched_by_task_defense_and_attack(store: Store) -> None:
    fill_against(store)
    table = make("5", store, against="paper")
    found = {label: [cell.published for cell in row.cells] for label, row in rows(table).items()}
    assert found == {
        "base": [Fraction("0.926"), Fraction("0.16"), None],
        "pgd": [Fraction("0.925"), Fraction("0.225"), None],
        "ada": [Fraction("0.908"), Fraction("0.289"), None],
        "ada (ratio=0.5)": [None] * 3,
        "freelb++": [None] * 3,
    }
    assert [cell.less_published for cell in rows(table)["base"].cells] == [Fraction("-0.004"), Fraction("0.04"), None]
    text = render(table, "md")
    assert r"| base | **92.2** \[92.6, -0.4\] | 20.0 \[16.0, +4.0\] | 7.0 |" in text
    assert r"\[90.8, 0.0\]" in text and r"21.3 ± 0.4 \[22.5, -1.2\]" in text
    assert not any("encoder" in note for note in table.notes)
    assert any("ada is the mean over pwws alone" in note for note in table.notes)
    plain = make("5", store)
    assert all(cell.published is None for row in rows(plain).values() for cell in row.cells)


@pytest.mark.parametrize(
    ("number", "encoder", "note"),
    [
        ("5", "minilm", "the encoder here is minilm, in the paper bert-base-uncased"),
        ("5", "google-bert/bert-base-uncased", None),
        ("6", "minilm", "the paper has none of these rows"),
        ("6", "microsoft/deberta-base", None),
        ("4", "minilm", "the encoder here is minilm, in the paper bert-base-uncased"),
    ],
)
def test_another_encoder_than_the_papers_is_said(store: Store, number: str, encoder: str, note: str | None) -> None:
    sst2(store, "base", "pwws", encoder={"name": encoder, "digest": "e" * 64})
    notes = make(number, store, against="paper").notes
    assert (note in notes) if note else not any("encoder here" in n or "none of these" in n for n in notes)


def test_statistics_stand_beside_the_papers(store: Store) -> None:
    fill7(store)
    table = make("7", store, against="paper")
    assert rows(table)["taichi"].cells[0].published == Fraction("0.0303")
    assert rows(table)["taichi"].cells[6].published == Fraction("0.203")
    assert r"\[6.8853, -0.3853\]" in render(table, "md")
    add_statistics(store, "base", attack_title="textfooler (bundled)", encoder=BERT)
    bundled = make("7", store, against="paper").blocks[1]
    assert bundled.setting["attack"] == "textfooler (bundled)"
    assert all(cell.published is None for row in bundled.rows for cell in row.cells)


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("adversarial_cells")
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("number", "fill"), [("4", fill4), ("5", fill_against), ("6", fill6), ("7", fill7)])
def test_every_format_against_the_paper_is_as_it_was(
    store: Store, number: str, fill: Callable[[Store], None], format: str
) -> None:
    fill(store)
    text = render(make(number, store, against="paper"), format)
    check_golden(f"table{number}.paper.{format}", text)
    for published in {"4": ["76.7"], "5": ["28.9", "92.6"], "6": ["21.3"], "7": ["6.8853", "0.0304"]}[number]:
        assert published in text


@pytest.mark.parametrize("format", FORMATS)
def test_tables_without_seeds_have_no_column_for_them(store: Store, data: Path, format: str) -> None:
    asked: dict[str, Any] = {"tasks": ["sst2", "trec"], "defenses": ["base", "ada", "taichi"], "data": data}
    for number in ("2", "3"):
        table = make(number, store, **asked)
        text = render(replace(table, notes=tuple(n.replace(str(data), "DATA") for n in table.notes)), format)
        assert "seeds" not in text and "samples</th>" not in text
        check_golden(f"table{number}.{format}", text)


@pytest.mark.parametrize("number", ["5", "7"])
def test_a_page_needs_nothing_else_and_escapes(store: Store, number: str) -> None:
    if number == "5":
        odd = {**LOCAL, "notes": ["<script>alert(1)</script> & more"]}
        sst2(store, "<b>odd", "pwws", data=odd)
    else:
        add_statistics(store, "<b>odd", data={**LOCAL, "notes": ["<script>alert(1)</script> & more"]})
    text = render(make(number, store), "html")
    assert "<b>odd" not in text and "<script" not in text and "&lt;b&gt;odd" in text
    assert not re.search(r"(?:src|href|@import|url\()", text)
    assert '<meta name="viewport" content="width=device-width' in text
    for tag in ("table", "tr", "td", "th", "section", "div", "ul", "li", "span", "tbody", "thead"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag
    cells = [len(re.findall("<t[hd][ >]", row)) for row in re.findall("<tr>.*?</tr>", text, re.S)]
    assert len(set(cells)) == 1


def test_several_tables_are_one_page_one_list_or_one_text(store: Store) -> None:
    fill6(store)
    tables = [make("5", store), make("6", store)]
    page = render_all(tables, "html")
    assert page.count("<html") == 1 and 'id="table5"' in page and 'id="table6"' in page
    assert [table["table"] for table in json.loads(render_all(tables, "json"))] == ["5", "6"]
    for format in ("md", "csv", "latex", "rich"):
        assert render_all(tables, format) == "\n".join(render(table, format) for table in tables)


@pytest.mark.parametrize("width", [80, 120])
def test_wide_tables_fit_a_terminal(store: Store, width: int) -> None:
    fill7(store)
    text = render(make("7", store, against="paper"), "rich", Console(width=width, file=io.StringIO()))
    assert max(map(len, text.splitlines())) <= width
    for number in ("[6.8853,", "-0.3853]", "± 0.1768", "0.2813"):
        assert number in text


def test_json_has_the_paper_only_where_it_was_asked_for(store: Store) -> None:
    fill_against(store)
    plain = json.loads(render(make("5", store), "json"))["blocks"][0]["rows"][0]["cells"]["pwws"]
    beside = json.loads(render(make("5", store, against="paper"), "json"))["blocks"][0]["rows"][0]["cells"]
    assert "published" not in plain
    assert beside["pwws"] == {**plain, "published": 16.0, "less_published": 4.0}
    assert beside["textfooler (bundled)"]["published"] is None
