"""Tables as text: terminal, Markdown, LaTeX, csv, JSON and HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas
import pytest

from robench.console import Console
from robench.errors import RobenchError
from robench.report.rendering import FORMATS, render, render_all
from robench.report.tables import make
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.results.selection import Selection
from robench.results.store import Store
from support.hand_made import TRAINING, add_cell, digest
from support.hand_made_statistics import add_statistics
from support.tables import LOCAL, check_golden, fill5, fill6, fill7, fill_against, sst2, table5

pytestmark = pytest.mark.usefixtures("quick_by_hand")


@pytest.mark.parametrize("name", [*FORMATS, "rich60"])
def test_every_format_is_as_it_was(store: Store, name: str) -> None:
    fill5(store)
    for seed in (1, 2):
        add_cell(store, "my_defense", "pwws", 100 + 10 * seed, seed=seed)
    console = Console(width=60, file=io.StringIO()) if name == "rich60" else None
    check_golden(f"table5.{name}", render(table5(store), name.removesuffix("60"), console))


@pytest.mark.parametrize("format", ["rich", "md", "html"])
def test_commands_on_public_rows_of_somebody_else_say_what_a_folder_needs(store: Store, format: str) -> None:
    data = {"source": "public:the official split", "digest": digest("rows"), "notes": []}
    for defense, attack in (("base", "pwws"), ("base", "textfooler"), ("taichi", "pwws")):
        add_cell(store, defense, attack, 100, data=data)
    text = render(table5(store), format)
    assert "--data DIR" in text
    assert f"DIR/trec has the rows of the official split (digest {digest('rows')[:12]})" in text


def test_csv_tells_blocks_apart_by_all_that_differs(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "base", "pwws", 100, split="dev")
    add_cell(store, "base", "pwws", 100, training={**TRAINING, "epochs": 6})
    lines = list(csv.DictReader(io.StringIO(render(table5(store), "csv"))))
    epochs = [line["training"].partition(",")[0] for line in lines]
    assert sorted(zip((line["split"] for line in lines), epochs, strict=True)) == [
        ("dev", "epochs 3"),
        ("test", "epochs 3"),
        ("test", "epochs 6"),
    ]


@pytest.mark.parametrize("format", ["rich", "md", "html"])
def test_a_sweep_shows_few_commands_and_those_of_usual_forms_first(store: Store, format: str) -> None:
    for temperature in range(2, 10):
        add_cell(store, "ada", "pwws", 100, changed={"temperature": temperature})
    for defense, attack in (("base", "pwws"), ("base", "textfooler"), ("taichi", "pwws")):
        add_cell(store, defense, attack, 100)
    table = table5(store)
    text = render(table, format)
    shown = [line for line in text.splitlines() if "robench run" in line]
    assert len(table.commands) == 9 and len(shown) == 6
    assert "--defense taichi" in shown[0] and "--set ada.temperature=2" in shown[1]
    assert "3 more commands stand in the table as --format json writes it." in text
    assert json.loads(render(table, "json"))["commands"] == list(table.commands)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_terminal_table_is_too_long(store: Store, width: int) -> None:
    fill5(store)
    for attack in ("textfooler", "textbugger"):
        for seed in (1, 42):
            add_cell(store, "taichi", attack, 100 + seed, seed=seed, attack_title=f"{attack} (bundled)")
    text = render(table5(store), "rich", Console(width=width, file=io.StringIO()))
    table_lines = [line for line in text.splitlines() if not line.startswith("  robench run")]
    assert max(map(len, table_lines)) <= max(width, 76)
    for number in ("42.5", "61.0", "60.8"):
        assert number in text


def test_the_terminal_shows_the_best_in_bold_even_without_colours(store: Store) -> None:
    fill5(store)
    console = Console(width=120, file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=True)
    assert "\x1b[1m61.0\x1b[0m\x1b[2m (54\N{EN DASH}67)\x1b[0m (↑ 6.5*)" in render(table5(store), "rich", console)


def test_bold_is_explained_only_where_something_is_bold(store: Store) -> None:
    fill5(store)
    terminal = Console(width=120, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    assert "Bold: " in render(table5(store), "rich", terminal) and "Bold: " in render(table5(store), "md")
    assert "Bold: " not in render(table5(store), "rich", Console(width=120, file=io.StringIO()))


def test_csv_is_read_by_pandas(store: Store) -> None:
    fill5(store)
    text = render(table5(store), "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    frame = pandas.read_csv(io.StringIO(text))
    assert len(frame) == len(lines) == 5
    taichi = frame[(frame["defense"] == "taichi") & (frame["task"] == "trec")].iloc[0]
    assert taichi["pwws"] == 65.0
    assert taichi["attacked_n"] == 200
    gap = frame[(frame["defense"] == "taichi") & (frame["task"] == "sst2")].iloc[0]
    assert pandas.isna(gap["deepwordbug"])
    assert lines[0]["clean%"] == "92.5865"  # 1686 / 1821


def test_json_is_standard_and_unrounded(store: Store) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    fill5(store)
    table = json.loads(render(table5(store), "json"), parse_constant=refuse)
    sst2, _ = table["blocks"]
    base, taichi = sst2["rows"]
    assert base["cells"]["clean%"]["percent"] == pytest.approx(100 * 1686 / 1821, abs=1e-12)
    assert taichi["cells"]["deepwordbug"] is None
    assert taichi["cells"]["pwws"]["difference"] == 18.5
    assert sst2["setting"]["train_rows"] == 1000
    assert table["columns"] == ["clean%", "deepwordbug", "pwws", "worst%"]


def test_latex_is_balanced_and_escaped(store: Store) -> None:
    add_cell(
        store, "my_odd#50%&{x}~^\\", "pwws", 100, data={"source": "a_b", "digest": "d", "notes": ["100% of $x_1 & <y>"]}
    )
    text = render(table5(store), "latex")
    assert text.startswith("% needs \\usepackage{booktabs,graphicx}\n")
    code = re.sub(r"(?m)^%.*\n", "", text)
    assert code.count(r"\begin{") == code.count(r"\end{") == 2
    bare = re.sub(r"\\[&%$#_{}]", "", code)
    assert bare.count("{") == bare.count("}")
    assert not set("#_%") & set(bare) and bare.count("$") % 2 == 0
    body = bare.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") for line in lines} == {5 - 1}


def test_latex_spreads_many_rows_over_pages(store: Store) -> None:
    for defense in range(41):
        add_cell(store, f"defense-{defense}", "pwws", 100)
    text = render(table5(store), "latex")
    assert text.startswith("% needs \\usepackage{booktabs,longtable}\n") and r"\begin{table}" not in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 1
    assert text.count("clean\\% & pwws") == 2, "the heads stand on each page"
    assert "\\midrule\n\\endhead" in text and "\\midrule\n\\endfirsthead" not in text, "with a rule below them"
    assert text.index(r"\scriptsize") < text.index(r"\setlength{\tabcolsep}{3pt}") < text.index(r"\begin{longtable}")


def test_latex_turns_pages_for_many_wide_rows(store: Store) -> None:
    for attack in ("pwws", "textfooler", "deepwordbug", "textbugger"):
        for defense in range(41):
            add_cell(store, f"a-defense-with-a-long-name-{defense}", attack, 100)
    text = render(table5(store), "latex")
    assert text.startswith("% needs \\usepackage{booktabs,longtable,pdflscape}\n\\begin{landscape}\n\\scriptsize\n")
    assert "\\end{longtable}\n\\end{landscape}\n" in text


def test_latex_has_minus_signs_and_not_hyphens() -> None:
    cell = Cell(Fraction(-1, 8), published=Fraction(-1, 16))
    block = Block("", "", (Row("taichi-no-adv", "", (cell,)),))
    text = render(Table("x", "X", "", (Column("r", "number", 2),), (block,), is_measured=False), "latex")
    assert r"taichi-no-adv & $-$0.12 {[}$-$0.06, $-$0.06{]} \\" in text


def test_markdown_rows_have_one_width(store: Store) -> None:
    add_cell(store, "a|b_c*", "pwws", 100)
    lines = [line for line in render(table5(store), "md").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert r"a\|b\_c\*" in lines[2]


@pytest.mark.parametrize("format", FORMATS)
def test_tables_without_seeds_have_no_column_for_them(store: Store, data: Path, format: str) -> None:
    selection = Selection(tasks=["sst2", "trec"], defenses=["base", "ada", "taichi"])
    for number in ("2", "3"):
        table = make(number, store, selection=selection, data=data)
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


def test_format_that_is_none_is_refused_by_the_names_of_all(store: Store) -> None:
    fill5(store)
    with pytest.raises(
        RobenchError, match="no format 'xlsx': a table can be written as rich, md, csv, json, latex, html"
    ):
        render(table5(store), "xlsx")


def test_several_tables_are_one_page_one_list_or_one_text(store: Store) -> None:
    fill6(store)
    tables = [make("5", store), make("6", store)]
    page = render_all(tables, "html")
    assert page.count("<html") == 1 and 'id="table5"' in page and 'id="table6"' in page
    assert [table["table"] for table in json.loads(render_all(tables, "json"))] == ["5", "6"]
    for format in ("md", "csv", "latex", "rich"):
        assert render_all(tables, format) == "\n".join(render(table, format) for table in tables)


@pytest.mark.parametrize("n", [200, 1000])
def test_table_of_five_attacks_fits_a_terminal_and_tears_no_number(store: Store, n: int) -> None:
    attacks = ("bae", "deepwordbug", "pwws", "textbugger", "textfooler")
    for place, attack in enumerate(attacks):
        for defense in ("base", "taichi-no-ctr", "taichi"):
            add_cell(store, defense, attack, n // 4 + place * n // 10, n=n)
    table = make("5", store)
    for width in (40, 60, 80, 100, 120):
        text = render(table, "rich", Console(width=width, file=io.StringIO()))
        lines = text[text.index("trec\n") : text.index("clean%: correct")].splitlines()
        assert max(map(len, lines)) <= width
        assert all(line.count("(") == line.count(")") for line in lines), width
        for attack in (*attacks, "worst%"):
            assert re.search(rf"(^| ){attack}( |$)", "\n".join(lines), re.MULTILINE), (attack, width)
        heads = [line for line in lines if line.startswith("defense")]
        assert (len(heads) == 1) == (width >= 80), width
        told = f"In all rows: samples 500 / {n}, seeds 1." in " ".join(" ".join(lines).split())
        assert told == (width < 120) and ("samples" in heads[-1]) == (width == 120), width


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
