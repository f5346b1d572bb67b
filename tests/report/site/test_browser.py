"""The site in a real browser: it sorts, finds and filters, complains of nothing, and asks nobody for anything."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from support.http_server import LocalServer, QuietHandler
from support.open_browser import Scheme, find_violations, open_window

KINDS = (
    *("index.html", "defenses.html", "attacks.html", "published.html", "how-to-read.html", "how-to-submit.html"),
    *("boards/trec*[0-9a-f].html", "boards/trec*-entries.html", "defenses/taichi.html", "attacks/pwws.html"),
    *("entries/trec-base-seed1-*.html", "entries/mr-*.html"),
)
"""A page of each kind, as patterns."""
LINKS = "[...document.querySelectorAll('a')].map(a => new URL(a.getAttribute('href'), location.href).href)"
SHIFT = """() => new Promise(done => new PerformanceObserver(list =>
    done(list.getEntries().reduce((sum, one) => sum + one.value, 0))).observe({type: "layout-shift", buffered: true})
    || setTimeout(() => done(0), 200))"""


def first_column(page: Any, table: str) -> list[str]:
    return [text.strip() for text in page.locator(f"#{table} tbody th").all_inner_texts()]


def wait_for_order(page: Any, title: str, direction: str) -> None:
    """Wait until a column is the one by which the board is sorted: DataTables sorts a moment after the event."""
    page.locator(f"#board th[aria-sort={direction}]", has_text=title).wait_for()


def board_of(site: Path) -> Path:
    return next(path for path in sorted((site / "boards").glob("trec*.html")) if "entries" not in path.name)


def pages_of(site: Path) -> list[Path]:
    return [next(path for path in sorted(site.glob(pattern)) if _fits(path, pattern)) for pattern in KINDS]


def _fits(path: Path, pattern: str) -> bool:
    return "entries" in pattern or not path.stem.endswith("-entries")


def test_board_sorts_by_a_click_and_by_the_keyboard_without_a_complaint(site: Path, chromium: Any) -> None:
    with open_window(chromium) as visit:
        page = visit.open(board_of(site).as_uri())
        before = first_column(page, "board")
        page.get_by_role("columnheader", name="clean%").locator(".dt-column-order").click()
        wait_for_order(page, "clean%", "descending")
        cleans = [float(text.split()[0]) for text in page.locator("#board tbody td:nth-child(5)").all_inner_texts()]
        assert cleans == sorted(cleans, reverse=True)
        button = page.get_by_role("columnheader", name="rank").locator(".dt-column-order")
        button.focus()
        page.keyboard.press("Enter")
        wait_for_order(page, "rank", "ascending")
        assert first_column(page, "board") == before
        assert visit.complaints == [] and visit.strangers == []


@pytest.mark.slow
def test_board_finds_and_filters_rows_and_says_how_many(site: Path, chromium: Any) -> None:
    with open_window(chromium) as visit:
        page = visit.open(board_of(site).as_uri())
        tools = page.locator("#board-tools")
        total = len(first_column(page, "board"))
        assert tools.get_by_role("status").inner_text() == f"{total} rows"
        tools.get_by_role("searchbox").fill("free")
        assert first_column(page, "board") == ["freelb"]
        assert tools.get_by_role("status").inner_text() == f"1 of {total} rows"
        tools.get_by_role("searchbox").fill("")
        tools.get_by_label("trained on").select_option("texts of the attack")
        assert first_column(page, "board") == ["taichi"]
        tools.get_by_label("defense").select_option("base")
        assert "No row fits" in page.locator("#board tbody").inner_text()
        tools.get_by_label("defense").select_option("")
        tools.get_by_label("trained on").select_option("")
        assert len(first_column(page, "board")) == total


@pytest.mark.slow
def test_drawing_tells_of_a_point_to_a_mouse_and_a_keyboard_until_escape(site: Path, chromium: Any) -> None:
    with open_window(chromium) as visit:
        page = visit.open(board_of(site).as_uri())
        points, tip = page.locator(".tradeoff .point"), page.get_by_role("tooltip")
        assert points.count() >= 5 and not tip.is_visible()
        points.last.hover()
        assert tip.inner_text().startswith("1. ") and "clean%" in tip.inner_text()
        page.mouse.move(5, 5)
        assert not tip.is_visible()
        points.first.focus()
        assert tip.is_visible() and tip.inner_text() == points.first.get_attribute("aria-label")
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        page.locator(".panel .hit").first.hover(force=True)
        assert "queries" in tip.inner_text()


@pytest.mark.slow
def test_every_link_leads_to_a_page_and_place_and_no_page_complains(site: Path, chromium: Any) -> None:
    with open_window(chromium) as visit:
        start = (site / "index.html").as_uri()
        waiting, seen = [start], {start}
        places, ids = set[tuple[str, str]](), set[tuple[str, str]]()
        while waiting:
            url = waiting.pop()
            page = visit.open(url)
            for link in page.evaluate(LINKS):
                target, _, place = link.partition("#")
                if target.startswith("https://"):
                    continue
                places |= {(target, place)} if place else set()
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
            ids |= {(url, name) for name in page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")}
            assert page.evaluate("window.hacked") is None
        assert {Path(url.removeprefix("file://")) for url in seen} == set(site.rglob("*.html")), "no page is left alone"
        assert places - ids == set()
        assert visit.complaints == [] and visit.strangers == []


@pytest.mark.slow
def test_hostile_texts_are_shown_as_they_are(site: Path, chromium: Any) -> None:
    with open_window(chromium) as visit:
        page = visit.open(next(site.glob("entries/mr-*.html")).as_uri())
        assert "<script>window.hacked = 1</script>" in page.locator("h1").inner_text()
        page.mouse.move(200, 200)
        page.wait_for_timeout(200)
        assert page.evaluate("window.hacked") is None and page.locator("main script").count() == 0
        assert visit.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_page_is_accessible(site: Path, chromium: Any, scheme: Scheme) -> None:
    with open_window(chromium, scheme=scheme) as visit:
        for path in pages_of(site):
            page = visit.open(path.as_uri())
            assert page.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
            assert find_violations(page) == [], path.name


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 1280])
def test_page_fits_its_window_and_nothing_jumps(site: Path, chromium: Any, width: int) -> None:
    with open_window(chromium, width=width) as visit:
        for path in pages_of(site):
            page = visit.open(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
            assert page.evaluate(SHIFT) < 0.02, path.name


@pytest.mark.slow
def test_page_without_scripts_has_its_tables(site: Path, chromium: Any) -> None:
    with open_window(chromium, java_script_enabled=False) as visit:
        page = visit.open(board_of(site).as_uri())
        assert "taichi" in first_column(page, "board")
        assert page.locator(".tradeoff title").first.text_content()


class FileHandler(QuietHandler, SimpleHTTPRequestHandler):
    """A handler that answers with files of a folder."""


@pytest.mark.slow
def test_site_works_on_a_server_too(site: Path, chromium: Any) -> None:
    server = LocalServer(functools.partial(FileHandler, directory=str(site)))
    with server.run() as url, open_window(chromium) as visit:
        page = visit.open(f"{url}/{board_of(site).relative_to(site)}")
        assert page.locator("#board .dt-column-order").count() > 5
        assert visit.complaints == [] and visit.strangers == []
