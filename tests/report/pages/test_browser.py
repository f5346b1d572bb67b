"""Pages in a real browser: on a phone and a desk, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.browser import DESK, PHONE, look_at

PAGES = ("study", "model", "tables")


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def seen(
    request: Any, browser: str, study_page: str, model_page: str, tables_page: str, tmp_path_factory: Any
) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("browser")
    pages = {"study": study_page, "model": model_page, "tables": tables_page}
    found = look_at(browser, pages, folder, dark=request.param)
    assert {found[name]["dark"] for name in found if name != "console"} == {request.param}
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


def test_console_has_no_complaints(seen: dict[str, Any]) -> None:
    assert seen["console"] == []
