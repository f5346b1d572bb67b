"""Published numbers beside ours."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from robench.report.rendering import FORMATS, render
from robench.report.tables import make
from robench.results.store import Store
from support.hand_made import add_cell
from support.hand_made_statistics import add_statistics
from support.tables import BERT, check_golden, fill4, fill6, fill7, fill_against, rows, sst2

pytestmark = pytest.mark.usefixtures("quick_by_hand")


def test_published_numbers_are_matched_by_task_defense_and_attack(store: Store) -> None:
    fill_against(store)
    table = make("5", store, against="paper")
    found = {label: [cell.published for cell in row.cells] for label, row in rows(table).items()}
    assert found == {
        "base": [Fraction("0.926"), Fraction("0.16"), None, None],
        "pgd": [Fraction("0.925"), Fraction("0.225"), None, None],
        "ada": [Fraction("0.908"), Fraction("0.289"), None, None],
        "ada (ratio=0.5)": [None] * 4,
        "freelb++": [None] * 4,
    }
    less = [cell.less_published for cell in rows(table)["base"].cells]
    assert less == [Fraction("-0.004"), Fraction("0.04"), None, None]
    text = render(table, "md")
    bounds = ("89.5\N{EN DASH}94.2", "15\N{EN DASH}26", "4\N{EN DASH}11")
    beside = r"| base | **92.2** ({}) \[92.6, -0.4\] | 20.0 ({}) \[16.0, +4.0\] | 7.0 ({}) |".format(*bounds)
    assert beside in text and r"\[90.8, 0.0\]" in text and r"21.3 (21.0, 21.5) \[22.5, -1.2\]" in text
    assert not any("encoder" in note for note in table.notes)
    assert any("ada is the mean over pwws alone" in note for note in table.notes)
    plain = make("5", store)
    assert all(cell.published is None for row in rows(plain).values() for cell in row.cells)


@pytest.mark.parametrize(
    ("number", "encoder", "note"),
    [
        ("5", "minilm", "the encoder here is minilm, in the paper bert-base-uncased"),
        ("5", "google-bert/bert-base-uncased", None),
        ("6", "minilm", "the paper has none of these rows"),
        ("6", "microsoft/deberta-base", None),
        ("4", "minilm", "the encoder here is minilm, in the paper bert-base-uncased"),
    ],
)
def test_another_encoder_than_the_papers_is_said(store: Store, number: str, encoder: str, note: str | None) -> None:
    sst2(store, "base", "pwws", encoder={"name": encoder, "digest": "e" * 64})
    notes = make(number, store, against="paper").notes
    assert (note in notes) if note else not any("encoder here" in n or "none of these" in n for n in notes)


def test_development_rows_have_no_published_numbers(store: Store) -> None:
    add_cell(store, "base", "textfooler", 50, task="sst2", encoder=BERT, split="dev")
    table = make("5", store, against="paper")
    assert all(cell.published is None for row in rows(table).values() for cell in row.cells)


def test_statistics_stand_beside_the_papers(store: Store) -> None:
    fill7(store)
    table = make("7", store, against="paper")
    assert rows(table)["taichi"].cells[0].published == Fraction("0.0303")
    assert rows(table)["taichi"].cells[6].published == Fraction("0.203")
    assert r"\[6.8853, -0.3853\]" in render(table, "md")
    add_statistics(store, "base", attack_title="textfooler (bundled)", encoder=BERT)
    bundled = make("7", store, against="paper").blocks[1]
    assert bundled.setting["attack"] == "textfooler (bundled)"
    assert all(cell.published is None for row in bundled.rows for cell in row.cells)


@pytest.mark.usefixtures("adversarial_cells")
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("number", "fill"), [("4", fill4), ("5", fill_against), ("6", fill6), ("7", fill7)])
def test_every_format_against_the_paper_is_as_it_was(
    store: Store, number: str, fill: Callable[[Store], None], format: str
) -> None:
    fill(store)
    text = render(make(number, store, against="paper"), format)
    check_golden(f"table{number}.paper.{format}", text)
    for published in {"4": ["76.7"], "5": ["28.9", "92.6"], "6": ["21.3"], "7": ["6.8853", "0.0304"]}[number]:
        assert published in text


def test_contrastive_loss_of_fewer_pairs_is_told_with_its_ceiling(store: Store) -> None:
    add_statistics(store, "base", values={"n": 100, "ctr": 4.5}, encoder=BERT)
    (note,) = (note for note in make("7", store, against="paper").notes if "CTR" in note)
    assert "about ln(N - 1): 4.60 for the 100 pairs here, 6.91 for the paper's 1,000" in note  # ln 99, ln 999
    assert not any("CTR" in note for note in make("7", store).notes)


def test_contrastive_loss_of_as_many_pairs_as_in_the_paper_needs_no_note(store: Store) -> None:
    add_statistics(store, "base", values={"n": 1000}, encoder=BERT)
    assert not any("CTR" in note for note in make("7", store, against="paper").notes)


def test_clean_accuracy_over_other_attacks_than_the_papers_is_told(store: Store) -> None:
    for attack in ("deepwordbug", "pwws", "textfooler", "textbugger"):
        sst2(store, "taichi", attack)
    sst2(store, "ada", "textbugger")
    notes = make("5", store, against="paper").notes
    assert (
        "here, clean% of ada is the mean over textbugger alone, in the paper over deepwordbug, pwws, textfooler,"
        " textbugger"
    ) in notes
    assert not any("clean% of taichi is" in note for note in notes)


def test_defense_with_a_presets_choice_has_a_published_number(store: Store) -> None:
    for choice in ("original", "perturbed"):
        sst2(store, "ada", "pwws", fields={"unsuccessful": choice})
    sst2(store, "ada", "pwws", changed={"unsuccessful": "drop"})
    found = {label: row.cells[1].published for label, row in rows(make("5", store, against="paper")).items()}
    assert found == {
        "ada (unsuccessful=original)": Fraction("0.289"),
        "ada (unsuccessful=perturbed)": Fraction("0.289"),
        "ada (unsuccessful=drop)": None,
    }
