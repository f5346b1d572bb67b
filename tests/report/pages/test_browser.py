"""Pages in a real browser: on a phone and a desk, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.browser import DESK, PHONE, look_at


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def seen(request: Any, browser: str, study_page: str, model_page: str, tmp_path_factory: Any) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("browser")
    found = look_at(browser, {"study": study_page, "model": model_page}, folder, dark=request.param)
    assert {found[name]["dark"] for name in found if name != "console"} == {request.param}
    return found


@pytest.mark.parametrize("page", ["study", "model"])
def test_page_is_no_wider_than_its_window(seen: dict[str, Any], page: str) -> None:
    for width in (PHONE, DESK):
        found = seen[f"{page}-{width}"]
        assert found["wide"] == [] and found["width"] <= found["view"] == width


@pytest.mark.parametrize("page", ["study", "model"])
def test_text_has_the_contrast_of_wcag_aa(seen: dict[str, Any], page: str) -> None:
    for width in (PHONE, DESK):
        assert seen[f"{page}-{width}"]["low"] == []


def test_console_has_no_complaints(seen: dict[str, Any]) -> None:
    assert seen["console"] == []
