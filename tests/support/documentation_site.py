"""The documentation as Sphinx builds it, and what is in its pages."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from support.code_blocks import ROOT


def build_site(folder: Path) -> Path:
    """Build the documentation as ``make docs`` does; give the folder of pages."""
    words = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "-d", folder / "doctrees"]
    command = [sys.executable, "-m", "sphinx", *map(str, words), str(ROOT / "docs"), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Page(HTMLParser):
    """What a page links to, loads and can be linked to.

    Args:
        file: the page.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in ("img", "script", "source") and "src" in values:
            self.loads.append(values["src"])
        elif tag == "link" and "href" in values and values.get("rel") != "canonical":
            self.loads.append(values["href"])


def find_broken_links(pages: dict[Path, Page]) -> list[str]:
    """List the links and files of pages that lead nowhere in their folder, and addresses that are no addresses."""
    broken = []
    for file, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                fine = bool(parts.hostname)
            elif parts.scheme or parts.netloc:
                fine = parts.scheme in ("data", "mailto")
            else:
                target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
                known = pages[target].ids if target in pages else set()
                fine = target.is_file() and (not parts.fragment or unquote(parts.fragment) in known)
            if not fine:
                broken.append(f"{file.name}: {link}")
    return broken
