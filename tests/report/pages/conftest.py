"""Pages of a runs folder that is part of the tests, and a browser to look at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.report.model_results import ModelResults
from robench.report.pages.parts import write_page
from robench.report.pages.victim import make_model_page
from robench.results.info import CellInfo
from robench.results.store import Store
from support.browser import MISSING, find_browser
from support.tiny_job import robench

HOUSE = Path(__file__).parents[2] / "goldens" / "house" / "runs"


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a Chromium; without one the test is skipped, and the end of the run says so."""
    found = find_browser()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="session")
def house() -> Store:
    """Base, ADA and TaiChi under two attacks, with an encoder of random weights."""
    return Store(HOUSE)


@pytest.fixture(scope="session")
def study_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page on that study, as the command writes it."""
    path = tmp_path_factory.mktemp("study") / "page.html"
    done = robench("report", "--runs", HOUSE, "--out", path)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def base_results(house: Store) -> ModelResults:
    """The attacks on Base, as if a user had brought it."""
    return ModelResults(house, [cell for cell in house.stages(CellInfo) if cell.info.defense.name == "base"])


@pytest.fixture(scope="session")
def model_page(base_results: ModelResults) -> str:
    """The page on that one model."""
    return write_page(make_model_page(base_results, ["--runs", "here"], "robench attack --report page.html"))
