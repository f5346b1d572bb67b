"""Pages of a runs folder that is part of the tests."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from robench.report.model_results import ModelResults
from robench.report.pages.parts import write_page
from robench.report.pages.victim import make_model_page
from robench.report.rendering import render
from robench.report.tables import TableOptions, make
from robench.results import papers
from robench.results.info import CellInfo
from robench.results.store import Store
from support.hand_made import add_cell
from support.tiny_job import robench

HOUSE = Path(__file__).parents[2] / "goldens" / "house" / "runs"


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
def tables_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Table 5 with many columns and long names, beside the paper's numbers, as a page."""
    store = Store(tmp_path_factory.mktemp("wide") / "runs")
    names: tuple[tuple[str, dict[str, Any]], ...] = (
        ("base", {}),
        ("taichi-no-adv", {}),
        ("ein-verfahren-mit-langem-namen", {}),
        ("taichi", LONG),
    )
    for (name, changed), attack in product(names, papers.find_paper().attacks):
        add_cell(store, name, attack, 40, changed=changed)
    options = TableOptions(runs="runs", offline=True)
    return render(make("5", store, against="paper", **options), "html")


LONG = {"temperature": 0.5, "ctr_weight": 2.0, "unsuccessful": "perturbed"}


@pytest.fixture(scope="session")
def base_results(house: Store) -> ModelResults:
    """The attacks on Base, as if a user had brought it."""
    return ModelResults(house, [cell for cell in house.stages(CellInfo) if cell.info.defense.name == "base"])


@pytest.fixture(scope="session")
def model_page(base_results: ModelResults) -> str:
    """The page on that one model."""
    return write_page(make_model_page(base_results, ["--runs", "here"], "robench attack --report page.html"))
