"""Records of ordinary cases, as they were when they were frozen: each registered attack on a function and on a network.

No later change may alter these records unless it says so, and then freezes anew: tests/support/freezing.py says how.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench.results.records import Record
from support import golden_attacks
from support.freezing import FREEZING, GOLDENS, how

FOLDER = GOLDENS / "records"
HOW = how(__file__)
pytestmark = pytest.mark.usefixtures("one_thread")  # the networks are so small that more only wait for each other

TOLERANCE = 1e-6
SHAKEN = (1, 2)
NAMES = golden_attacks.names()


def file(name: str) -> Path:
    return FOLDER / f"{name.replace(':', '-')}.json"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The language models; when freezing, also some whose weights differ in their last digits."""
    folder = tmp_path_factory.mktemp("models")
    seeds = (0, *SHAKEN) if FREEZING else (0,)
    return [golden_attacks.language_models(folder / str(seed), seed) for seed in seeds]


def made(name: str, victim: str, models: Path, shaken: int = 0) -> list[dict[str, Any]]:
    """What is frozen of each record; seconds are the machine's own."""
    found = golden_attacks.records(golden_attacks.attack(name, models), name, golden_attacks.victim(victim, shaken))
    return [frozen(record) for record in found]


def frozen(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "label": record.label,
        "original": record.original,
        "final": record.final,
        "status": record.status,
        "queries": record.queries,
        "words_changed": record.words_changed,
        "words": record.words,
        "before": [round(value, 8) for value in record.probabilities_before],
        "after": [round(value, 8) for value in record.probabilities_after],
    }


def stored(name: str) -> dict[str, list[dict[str, Any]]]:
    assert file(name).exists(), (
        f"the attack {name} has no golden records: see golden_attacks.py for its options, and {HOW}"
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(file(name).read_text(encoding="utf-8"))
    return found


def write(name: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """One line for each record."""
    parts = []
    for victim, rows in found.items():
        lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
        parts.append(f' "{victim}": [\n{lines}\n ]')
    FOLDER.mkdir(exist_ok=True)
    file(name).write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def differences(found: list[dict[str, Any]], golden: list[dict[str, Any]]) -> list[str]:
    """How records differ, as text."""
    told = [] if len(found) == len(golden) else [f"{len(found)} records in place of {len(golden)}"]
    for row, old in zip(found, golden, strict=False):
        for key in old.keys() | row.keys():
            now, then = row.get(key), old.get(key)
            same = now == pytest.approx(then, abs=TOLERANCE, rel=0) if key in ("before", "after") else now == then
            if not same:
                told.append(f"record {old['id']}: {key} is {now!r}, was {then!r}")
    return told


@pytest.mark.network
@pytest.mark.parametrize("name", NAMES)
def test_an_attack_gives_the_frozen_records(name: str, models: list[Path]) -> None:
    if FREEZING:
        found = {victim: made(name, victim, models[0]) for victim in golden_attacks.VICTIMS}
        for seed, folder in zip(SHAKEN, models[1:], strict=True):
            for victim, rows in found.items():
                fragile = differences(made(name, victim, folder, seed), rows)
                assert not fragile, f"{name} on the {victim} hangs on a last digit; choose other options: {fragile[:3]}"
        write(name, found)
        return
    golden = stored(name)
    assert sorted(golden) == sorted(golden_attacks.VICTIMS), f"{file(name).name} has other victims: {HOW}"
    for victim in golden_attacks.VICTIMS:
        told = differences(made(name, victim, models[0]), golden[victim])
        assert not told, (
            f"{name} on the {victim} no longer gives its golden records ({len(told)} differences): "
            f"{'; '.join(told[:3])}. If that is meant, say so in the commit, and {HOW}"
        )


def test_the_golden_records_are_of_registered_attacks_and_of_every_status() -> None:
    if FREEZING:
        pytest.skip("freezing")
    gone = {path.name for path in FOLDER.glob("*.json")} - {file(name).name for name in NAMES}
    assert not gone, f"no entry point names the attack of {', '.join(sorted(gone))}: delete the file."
    for victim in golden_attacks.VICTIMS:
        found = {row["status"] for name in NAMES for row in stored(name)[victim]}
        assert found == {"succeeded", "failed", "skipped"}
