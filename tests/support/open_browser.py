"""A headless Chromium that a test drives: it opens pages, and notes complaints and whatever leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Scheme = Literal["light", "dark"]
LOCAL = ("file:", "data:", "blob:", "http://127.0.0.1:")


@dataclass
class Visit:
    """A page in a window of its own.

    ``complaints`` are errors and warnings of its console and of its scripts; ``strangers`` the requests that leave the
    machine.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, url: str) -> Any:
        """Open a page, and wait until its scripts have run."""
        self.page.goto(url, wait_until="load")
        return self.page


@contextmanager
def start_browser(program: str) -> Iterator[Any]:
    """Start the Chromium of the machine; playwright's own is not needed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextmanager
def open_window(browser: Any, *, width: int = 1280, scheme: Scheme = "light", **options: Any) -> Iterator[Visit]:
    """Open a window without a page in it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    context.set_default_timeout(60_000)
    visit = Visit(context.new_page())
    visit.page.on(
        "console", lambda one: visit.complaints.append(one.text) if one.type in ("error", "warning") else None
    )
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("requestfailed", lambda one: visit.complaints.append(f"{one.url}: {one.failure}"))
    visit.page.on("request", lambda one: None if one.url.startswith(LOCAL) else visit.strangers.append(one.url))
    yield visit
    context.close()


def find_violations(page: Any) -> list[str]:
    """What axe-core finds that keeps people from reading a page: the rule, and the first element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0].get('failureSummary', '')}" for one in found
    ]
