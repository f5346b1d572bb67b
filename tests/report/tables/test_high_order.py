"""Statistics of models whose accuracies are of different rows, in table 7."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec

from robench.report.tables import Table, make
from robench.report.tables.model_statistics import read_statistics
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.store import Store, StoredStage
from support.hand_made import add_cell, add_model, record
from support.hand_made_statistics import STATISTICS, add_statistics


def attack(store: Store, failed: int = 100, **settings: Any) -> StoredStage[Any]:
    return add_cell(store, "base", "textfooler", failed, task="sst2", **settings)


def measure(store: Store, cell: StoredStage[Any], pairs: str = "") -> None:
    """Store the statistics of the model of a cell over the pairs of a cell, which may be the same."""
    info = cell.info
    numbers = {"clean": info.clean.correct, "clean_n": info.clean.n, "attack_fields": info.attack.fields}
    more = {"model": info.model, "attacked": msgspec.structs.asdict(info.attacked), "pairs": pairs}
    add_statistics(store, "base", **numbers, **more)


def measure_both(store: Store) -> None:
    """Measure a model on all 500 test rows, and one of the same seed on 100 of them; and the encoder before each."""
    limited: dict[str, Any] = {"clean": (60, 100), "clean_limit": 100}
    for pairs, mse, settings in (("a", 0.25, {}), ("b", 0.75, limited)):
        cell = attack(store, **settings)
        measure(store, cell, pairs)
        values = {**STATISTICS, "mse_pos": mse}
        add_statistics(store, "before", attack_fields=cell.info.attack.fields, pairs=pairs, values=values, clean=500)


def numbers(table: Table) -> set[tuple[str, str, int | None, Any]]:
    """The heading, name, number of clean samples and clean% of each row."""
    return {(b.heading, row.name, row.clean_n, row.cells[5].value) for b in table.blocks for row in b.rows if row.seeds}


def test_clean_accuracies_on_all_rows_and_on_some_are_not_averaged(store: Store) -> None:
    measure_both(store)
    table = make("7", store)
    base = {one for one in numbers(table) if one[1] == "base"}
    assert base == {
        ("sst2", "base", 500, Fraction(450, 500)),
        ("sst2, clean% on 100 rows", "base", 100, Fraction(60, 100)),
    }
    assert any(
        line.startswith("clean%: correct / all test samples, or as many as stated (before") for line in table.legend
    )


def test_encoder_before_fine_tuning_stands_beside_the_models_of_its_pairs(store: Store) -> None:
    measure_both(store)
    found = {
        (block.heading, row.cells[0].value)
        for block in make("7", store).blocks
        for row in block.rows
        if row.name == "before"
    }
    assert found == {("sst2", Fraction(1, 4)), ("sst2, clean% on 100 rows", Fraction(3, 4))}


def test_encoder_before_fine_tuning_keeps_the_seeds_that_a_block_has_no_pairs_of(store: Store) -> None:
    add_statistics(store, "base", pairs="a", seed=1)
    for seed, pairs in ((1, "a"), (1, "b"), (2, "c")):
        add_statistics(store, "before", pairs=pairs, seed=seed, values={"mse_pos": 0.5 if pairs == "b" else 0.25})
    ((before, _),) = (block.rows[:2] for block in make("7", store).blocks)
    assert (before.seeds, before.cells[0].value) == ((1, 2), Fraction(1, 4))


def test_encoder_before_fine_tuning_does_not_stand_beside_another_number_of_pairs(store: Store) -> None:
    add_statistics(store, "base")
    add_statistics(store, "before", values={"n": 500})
    assert {tuple(row.name for row in block.rows if row.seeds) for block in make("7", store).blocks} == {
        ("base",),
        ("before",),
    }


def test_models_of_statistics_are_of_one_block_only_if_as_many_rows_were_attacked(store: Store) -> None:
    for n in (200, 100):
        add_statistics(store, "base", seed=n, attacked={"n": n, "failed": 50, "skipped": 0, "succeeded": n - 50})
    found = read_statistics(store.stages(StatisticsInfo), store.stages(CellInfo))
    assert len({model.block for model in found}) == 2


def test_errors_on_attacked_texts_leave_the_caption_and_have_a_note(store: Store) -> None:
    for seed, errors in ((42, 2), (43, 0)):
        values: dict[str, float] = {"n": 1000 - errors, "errors": errors, "unchanged": 10}
        add_statistics(store, "base", seed=seed, values=values)
    for number in ("7", "correlation"):
        if number == "correlation":
            for rank, name in enumerate(("pgd", "fgsm", "smart", "ada")):
                add_statistics(store, name, seed=42, failed=rank, values={"kl_pos": rank, "n": 998, "errors": 2})
        table = make(number, store)
        assert "1,000 pairs of clean and adversarial text" in table.caption
        note = (
            "sst2, textfooler: with some seeds, 2 of 1,000 pairs are missing, since the attack ended in an error there"
        )
        assert table.notes.count(note) == 1
    unchanged = [note for note in make("7", store).notes if "are the clean text twice" in note]
    assert len(unchanged) == 1 and unchanged[0].startswith("sst2, textfooler: 10 of 1,000 pairs")


def test_cells_of_other_rows_do_not_hide_the_outcomes_behind_an_accuracy(store: Store) -> None:
    cell = attack(store)
    add_model(store, cell)
    measure(store, cell)

    def read_outcomes() -> Any:
        (row,) = (row for block in make("7", store).blocks for row in block.rows if row.name == "base")
        return row.cells[6].outcomes

    own = read_outcomes()
    assert own is not None and len(own[42]) == 200
    for n in range(10, 60, 10):
        attack(store, failed=5, n=n)
    statuses = ["succeeded"] * 99 + ["skipped"] + ["failed"] * 100
    dev = attack(store, split="dev", records=[record(row, status) for row, status in enumerate(statuses)])
    assert dev.info.model == cell.info.model and dev.info.attacked == cell.info.attacked
    assert read_outcomes() == own


def test_rows_of_a_table_of_statistics_tell_whether_fields_of_the_defense_are_changed(store: Store) -> None:
    fields = {"class": "Taichi", "fields": {"temperature": 2.0}}
    add_statistics(store, "taichi")
    add_statistics(store, "taichi", defense={"name": "taichi", **fields, "changed": {"temperature": 2.0}})
    rows = [row for block in make("7", store).blocks for row in block.rows if row.name == "taichi" and row.seeds]
    assert {row.label: row.is_changed for row in rows} == {"taichi": False, "taichi (temperature=2.0)": True}
