"""Pages in a real browser: on a phone and a desk, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.browser import DESK, MEASURE, PHONE
from support.open_browser import open_window

PAGES = ("study", "model", "tables")


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(
    request: Any, chromium: Any, study_page: str, model_page: str, tables_page: str, tmp_path_factory: Any
) -> dict[str, Any]:
    """What is measured of each page on a phone and on a desk, by ``NAME-WIDTH``, and what the browser complains of."""
    folder: Path = tmp_path_factory.mktemp("browser")
    found: dict[str, Any] = {"complaints": []}
    for name, page in {"study": study_page, "model": model_page, "tables": tables_page}.items():
        file = folder / f"{name}.html"
        file.write_text(page, encoding="utf-8")
        for width in (PHONE, DESK):
            with open_window(chromium, width=width, scheme=request.param) as visit:
                found[f"{name}-{width}"] = visit.open(file.as_uri()).evaluate(MEASURE)
            assert found[f"{name}-{width}"]["dark"] == (request.param == "dark")
            found["complaints"] += visit.complaints + visit.strangers
    return found


@pytest.mark.parametrize("page", PAGES)
def test_page_is_no_wider_than_its_window(seen: dict[str, Any], page: str) -> None:
    for width in (PHONE, DESK):
        found = seen[f"{page}-{width}"]
        assert found["wide"] == [] and found["width"] <= found["view"] == width


@pytest.mark.parametrize("page", PAGES)
def test_words_of_a_rows_name_stay_whole_unless_they_are_very_long(seen: dict[str, Any], page: str) -> None:
    for width in (PHONE, DESK):
        assert seen[f"{page}-{width}"]["broken"] == []


@pytest.mark.parametrize("page", PAGES)
def test_text_has_the_contrast_of_wcag_aa(seen: dict[str, Any], page: str) -> None:
    for width in (PHONE, DESK):
        assert seen[f"{page}-{width}"]["low"] == []


def test_browser_has_no_complaints(seen: dict[str, Any]) -> None:
    assert seen["complaints"] == []
