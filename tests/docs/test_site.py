"""The built documentation: no warning, no broken link, nothing from elsewhere, and no fault in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.documentation_site import Page, build_site, find_broken_links

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file.resolve(): Page(file) for file in site.rglob("*.html")}


def test_no_link_of_a_page_is_broken(pages: dict[Path, Page]) -> None:
    assert len(pages) > 25 and sum(len(page.links) for page in pages.values()) > 1000
    assert find_broken_links(pages) == []


def test_find_broken_links_names_a_missing_page_place_and_address(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    links = ("a.html#there", "#not-there", "b.html", "https:///", "https://example.org/x")
    file.write_text('<p id="there">' + "".join(f'<a href="{link}">x</a>' for link in links), encoding="utf-8")
    broken = find_broken_links({file.resolve(): Page(file)})
    assert broken == ["a.html: #not-there", "a.html: b.html", "a.html: https:///"]


def test_pages_load_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert [one for page in pages.values() for one in page.loads if "://" in one or one.startswith("//")] == []
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert "url(http" not in styles and "@import url" not in styles


def test_pages_show_what_is_made_from_code(site: Path) -> None:
    assert "--attack-limit" in (site / "commands.html").read_text("utf-8")
    assert "Siamese clean and adversarial" in (site / "names.html").read_text("utf-8")
    assert "robench.attack_model" in (site / "python.html").read_text("utf-8")


SOME = ("index", "commands", "names", "python", "read-a-table", "formats", "genindex", "search")
"""Pages of every kind; on a phone and in the dark, these stand for all."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)], ids=["desk", "phone"])
def test_pages_have_no_fault_in_a_browser(
    chromium: Any, site: Path, pages: dict[Path, Page], scheme: str, width: int
) -> None:
    """No complaint in the console, no request that leaves the machine, no violation of axe-core, no wide page."""
    from axe_playwright_python.sync_playwright import Axe

    faults: list[str] = []
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: faults.append(f"{page.url}: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else faults.append(one.url))
    axe = Axe()
    for file in sorted(pages):
        if scheme == "dark" and file.stem not in SOME:
            continue
        page.goto(file.as_uri())
        # Without its option preload, which asks for style sheets in a way that files do not allow.
        found = axe.run(page, options={"preload": False}).response["violations"]
        faults += [f"{file.name}: {one['id']}: {node['target']}" for one in found for node in one["nodes"]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{file.name} is wider than {width} pixels")
    context.close()
    assert faults == [], "\n".join(faults[:40])
