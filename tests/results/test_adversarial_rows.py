"""How many rows of D_adv are the clean text, and how it is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from robench.results.adversarial_rows import count_unchanged, describe_adversarial_rows, note_adversarial_rows
from robench.results.info import AdversarialInfo, CellInfo
from robench.results.stage_file import to_builtins
from robench.results.store import Store
from support.hand_made import add_cell, record

ROWS = {"training": 1000, "clean": 500, "adversarial": 500, "succeeded": 226, "failed": 217, "skipped": 57}


def cell(store: Store, choice: str = "original", *, attack: str = "pwws", seed: int = 42, **rows: int) -> CellInfo:
    stored = add_cell(store, "ada", attack, 100, seed=seed, fields={"unsuccessful": choice}, rows=ROWS | rows).info
    assert isinstance(stored, CellInfo)
    return stored


@pytest.mark.parametrize(
    ("choice", "rows", "expected"),
    [
        ("original", {"unchanged": 274}, 274),
        ("original", {}, None),
        ("perturbed", {"unchanged": 57}, 57),
        ("drop", {"adversarial": 226, "unchanged": 0}, 0),
    ],
)
def test_count_unchanged_is_what_is_stored(store: Store, choice: str, rows: Any, expected: int | None) -> None:
    assert count_unchanged(cell(store, choice, **rows)) == expected


@pytest.mark.parametrize(
    ("choice", "rows", "text", "note"),
    [
        (
            "original",
            {"unchanged": 274},
            "274 of 500 rows (54.8 %) are the clean text (unsuccessful=original)",
            "trec: 274 of 500 rows of D_adv (pwws) are the clean text, since the attack did not succeed there"
            " (unsuccessful=original)",
        ),
        (
            "perturbed",
            {"unchanged": 57},
            "57 of 500 rows (11.4 %) are the clean text (unsuccessful=perturbed)",
            "trec: 57 of 500 rows of D_adv (pwws) are the clean text, since the attack was skipped or changed nothing"
            " there (unsuccessful=perturbed)",
        ),
        (
            "drop",
            {"adversarial": 226, "unchanged": 0},
            "226 of D_adv; 274 rows are dropped (unsuccessful=drop)",
            "trec: 274 of 500 rows of D_adv (pwws) are left out, since the attack did not succeed there"
            " (unsuccessful=drop)",
        ),
        (
            "drop",
            {"adversarial": 45, "unchanged": 0},  # a share of 0.2 of those that are left
            "45 of D_adv; 274 rows are dropped (unsuccessful=drop)",
            "trec: 274 of 500 rows of D_adv (pwws) are left out, since the attack did not succeed there"
            " (unsuccessful=drop)",
        ),
    ],
)
def test_share_is_told_of_a_model_and_of_a_table(store: Store, choice: str, rows: Any, text: str, note: str) -> None:
    info = cell(store, choice, **rows)
    assert describe_adversarial_rows(info, ()) == text
    assert note_adversarial_rows([info]) == (note,)


def test_note_names_each_attack_once_and_the_range_over_seeds(store: Store) -> None:
    infos = [
        cell(store, attack=attack, seed=seed, unchanged=unchanged)
        for attack, seed, unchanged in (("pwws", 1, 274), ("pwws", 2, 281), ("deepwordbug", 1, 300))
    ]
    (note,) = note_adversarial_rows([*infos, add_cell(store, "base", "pwws", 90, rows={"training": 500}).info])
    assert note.startswith("trec: 274 to 281 of 500 rows of D_adv (pwws), 300 of 500 (deepwordbug) are the clean text")


def test_share_of_a_set_is_told_for_each_choice(store: Store) -> None:
    left: Any = ("defense", "clean", "dev", "rows", "adversarial")
    info = {k: v for k, v in to_builtins(cell(store)).items() if k not in left} | {"kind": "adversarial"}
    rows = [record(0, "succeeded"), record(1, "failed", final="sample 1 was fnie"), record(2, "failed")]
    found = describe_adversarial_rows(msgspec.convert(info, AdversarialInfo), [*rows, record(3, "skipped")])
    assert found == (
        "with unsuccessful=original 3 of 4 rows (75.0 %) are the clean text, with perturbed 2 of 4 rows (50.0 %); with"
        " drop 1 rows are left"
    )
