"""The HTML of pages: whole without a network, in order for a screen reader, and harmless whatever texts hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from robench.report.model_results import ModelResults
from robench.report.pages.parts import write_page
from robench.report.pages.study import make_study_page
from robench.report.pages.victim import make_model_page
from robench.report.rendering import render_all
from robench.report.tables import TableOptions, make_all
from robench.results.info import CellInfo
from robench.results.request_log import REQUESTS
from robench.results.selection import Selection
from robench.results.store import Store
from robench.victims import OWN_ENCODER
from support.hand_made import add_cell, record

VOID = {"col", "meta", "br", "link", "img", "input", "hr"}
HOSTILE = "<script>alert(1)</script>{{ 7 }}\x1b[2J\u202e\"'><img src=x onerror=y>&amp;"


class Outline(HTMLParser):
    """What a page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(params=["study_page", "model_page"])
def page(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def test_page_needs_no_network_and_no_script(page: str) -> None:
    outline = Outline(page)
    assert not outline.of("script", "img", "link", "iframe", "object", "embed", "video", "base", "form")
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    links = [a.get("href", a.get("xlink:href")) or "" for a in outline.of("a", "use")]
    assert links and all(link.startswith("#") for link in links)
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]


def test_page_has_one_title_and_headings_without_a_gap(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Outline(page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_page_has_ids_once_and_links_to_them(page: str) -> None:
    outline = Outline(page)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(a.get("href") or "")[1:] for a in outline.of("a")} <= set(ids)
    named = [text for _, attributes in outline.tags for text in (attributes.get("aria-labelledby") or "").split()]
    assert set(named) <= set(ids)


def test_page_says_language_headers_and_pictures(page: str) -> None:
    outline = Outline(page)
    assert outline.of("html") == [{"lang": "en"}]
    assert outline.of("th") and all(a.get("scope") in ("col", "row") for a in outline.of("th"))
    for svg in outline.of("svg"):
        assert svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.get("aria-label"))


def test_study_page_has_the_trade_off_as_a_picture(study_page: str) -> None:
    (picture,) = [svg for svg in Outline(study_page).of("svg") if svg.get("role") == "img"]
    label = picture["aria-label"]
    assert label and label in study_page.replace("\n", " ") and len(label) < 100, "the title, not the caption"
    assert "worst%" in study_page and ">Base</text>" in study_page


def test_study_page_has_the_statistics_of_another_attack_than_the_papers(study_page: str) -> None:
    section = study_page[study_page.index('<section id="statistics"') :]
    assert "MSE" in section[: section.index("</section>")].upper()


def test_page_scrolls_by_keyboard_in_every_box(page: str) -> None:
    outline = Outline(page)
    boxes = [a for tag, a in outline.tags if tag == "pre" or "wide" in (a.get("class") or "").split()]
    assert boxes and all(a.get("tabindex") == "0" for a in boxes)
    assert all(a.get("aria-label") for tag, a in outline.tags if a.get("role") == "region")


def test_model_page_of_hostile_texts_shows_them_as_text(store: Store) -> None:
    cells = [
        add_cell(
            store,
            "x",
            attack,
            failed,
            n=12,
            labels=[f"{HOSTILE}0", f"{HOSTILE}1"],
            warnings=[HOSTILE],
            given=GIVEN,
            records=ATTACKED,
        )
        for attack, failed in (("pwws", 6), ("deepwordbug", 4))
    ]
    found = ModelResults(store, cells)
    page = write_page(make_model_page(found, [], f"robench attack {HOSTILE}"))
    outline = Outline(page)
    assert not outline.of("script", "img") and not outline.open
    text = "".join(outline.text)
    assert "<script>alert(1)</script>{{ 7 }}" in text and "\ufffd[2J\ufffd" in text
    assert not any(c in page for c in "\x1b\u202e")


def test_study_page_of_hostile_results_shows_them_as_text(store: Store) -> None:
    for defense in ("base", "ada"):
        add_cell(
            store,
            defense,
            "pwws",
            6,
            n=12,
            labels=[f"{HOSTILE}0", f"{HOSTILE}1"],
            attack_title=f"pwws {HOSTILE}",
            encoder={"name": HOSTILE, "digest": "0"},
            data={"source": f"local:{HOSTILE}", "digest": "0", "notes": [HOSTILE]},
            warnings=[HOSTILE],
            records=ATTACKED,
        )
    page = write_page(
        make_study_page(store, "paper", TableOptions(runs=HOSTILE, offline=True), f"robench report {HOSTILE}")
    )
    outline = Outline(page)
    assert not outline.of("script", "img") and not outline.open
    assert "<script>alert(1)</script>{{ 7 }}" in "".join(outline.text)
    assert not any(c in page for c in "\x1b\u202e")


def test_study_page_of_a_hostile_task_has_pictures_with_plain_ids(store: Store) -> None:
    task = 't"><img src=x onerror=y>'
    for defense, failed in (("base", 40), ("ada", 60)):
        add_cell(store, defense, "pwws", failed, task=task)
    options = TableOptions(runs="runs", offline=True, selection=Selection(tasks=[task]))
    outline = Outline(write_page(make_study_page(store, "paper", options, "robench report")))
    assert [svg for svg in outline.of("svg") if svg.get("role") == "img"] and not outline.of("img")
    ids = [attributes["id"] or "" for _, attributes in outline.tags if "id" in attributes]
    assert any(one.startswith("trade-off-") for one in ids) and not [
        one for one in ids if not re.fullmatch(r"[\w.-]+", one)
    ]
    assert {(a.get("xlink:href") or "")[1:] for a in outline.of("use")} <= set(ids)


ATTACKED = [
    record(row, "succeeded" if row % 2 else "failed", original=f"{HOSTILE} was", final=f"{HOSTILE} {row}")
    for row in range(12)
]
GIVEN: dict[str, Any] = {"kind": "Python function", "model": HOSTILE, "command": ["--model", HOSTILE]}


ELSEWHERE = "/home/ann/secret-project"


@pytest.fixture
def placed(store: Store) -> Store:
    """A defense, and a model of a user's, made with folders that a command named by absolute paths."""
    made: dict[str, Any] = {
        "data": {"source": f"local:{ELSEWHERE}/data/trec", "digest": "5" * 64, "notes": [f"read {ELSEWHERE}/data"]},
        "encoder": {"name": f"{ELSEWHERE}/bert", "digest": "6" * 64},
        "foreign_code": [f"{ELSEWHERE}/plugin.py"],
        "warnings": [f"its labels are not those of {ELSEWHERE}/labels.txt."],
    }
    for name in ("base", "taichi"):
        add_cell(store, name, "pwws", 10, **made)
    add_cell(store, "base", "textfooler", 10, **made)
    model = f"{ELSEWHERE}/my-model"
    given = {"kind": "Transformers model", "model": model, "command": ["--model", model], "label_order": [0, 1]}
    texts = [record(row, "failed", original=f"see /usr/share/doc/{row} now") for row in range(4)]
    add_cell(store, "my-model", "pwws", 4, n=4, given=given, records=texts, **made | {"encoder": OWN})
    line = {"id": "a", "time": 1.0, "command": f"robench run --data {ELSEWHERE}/data --plugin {ELSEWHERE}/plugin.py"}
    (store.root / REQUESTS).write_text(json.dumps(line) + "\n", encoding="utf-8")
    return store


OWN = {"name": OWN_ENCODER, "digest": OWN_ENCODER}


def assert_places_nobody(page: str, store: Store) -> None:
    assert ELSEWHERE not in page and "ann" not in re.split(r"\W", page)
    assert str(store.root) not in page and str(store.root.parent) not in page


def test_study_page_names_no_folder_of_the_machine(placed: Store) -> None:
    options = TableOptions(runs=str(placed.root), command_options=["--runs", str(placed.root)], offline=True)
    page = write_page(make_study_page(placed, "paper", options, f"robench report --runs {placed.root}"))
    assert_places_nobody(page, placed)
    assert "local:trec" in page and f"--runs {placed.root.name}" in page and "--plugin plugin.py" in page
    assert "only the last part is shown" in page


def test_model_page_names_no_folder_of_the_machine_but_shows_texts_as_they_are(placed: Store) -> None:
    cells = [cell for cell in placed.stages(CellInfo) if cell.info.victim]
    command = f"robench attack --model {ELSEWHERE}/my-model --report {ELSEWHERE}/page.html"
    page = write_page(make_model_page(ModelResults(placed, cells), ["--runs", str(placed.root)], command))
    assert_places_nobody(page, placed)
    assert "--model my-model" in page and "see /usr/share/doc/0 now" in page


def test_tables_as_html_name_no_folder_of_the_machine(placed: Store) -> None:
    options = TableOptions(runs=str(placed.root), command_options=["--runs", str(placed.root)], offline=True)
    tables, _ = make_all(placed, **options)
    page = render_all(tables, "html")
    assert_places_nobody(page, placed)
    assert f"--runs {placed.root.name}" in page, "a command that fills a gap"
