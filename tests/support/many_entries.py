"""Entries of a study that nobody ran: as many as a leaderboard of some years has, each of which `validate` accepts.

Outcomes are drawn by a seed, so that the same arguments give the same entries; keys, counts and means are computed as
those of real ones.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from robench.plugins import registry
from robench.plugins.entry import Kind
from robench.plugins.modules import class_path
from robench.report.submit import write_entry
from robench.results.entries import read_entry, reduce_records
from robench.results.entry_checks import find_faults
from robench.results.entry_form import AttackMet, Entry
from robench.results.entry_parts import Predictions, TrainingSet
from robench.results.info_origin import Environment, Timing
from robench.results.info_parts import Clean, DataInfo, EncoderInfo, PluginInfo, RowCounts
from robench.results.integrity import make_key
from robench.results.outcome import summarise
from robench.results.records import Record
from support.entries import SOURCE

GOLDEN = Path(__file__).parents[1] / "goldens" / "entries"
ATTACKS = ("deepwordbug", "pwws", "textbugger", "textfooler")
DEFENSES = ("base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi", "taichi-no-ctr", "taichi-no-adv", "clean")
TEXTS = 200


def write_many(folder: Path, count: int, *, tasks: Sequence[str] = ("trec",), texts: int = TEXTS) -> list[Path]:
    """Write so many entries, all different defenses, in turn of some tasks."""
    made = []
    for number in range(count):
        defense = DEFENSES[number % len(DEFENSES)]
        changed = {"temperature": round(1.5 + number / 100, 2)} if number >= len(DEFENSES) * len(tasks) else {}
        task = tasks[number // len(DEFENSES) % len(tasks)]
        made.append(write_entry(make_entry(defense, task=task, changed=changed, number=number, texts=texts), folder))
    return made


def make_entry(
    defense: str,
    *,
    seed: int = 42,
    task: str = "trec",
    against: str = "",
    attacks: Sequence[str] = (),
    changed: dict[str, Any] | None = None,
    number: int = 0,
    texts: int = TEXTS,
    **changes: Any,
) -> Entry:
    """Make one entry.

    Args:
        defense: registered name.
        seed: of training.
        task: registered name.
        against: the attack whose texts it was trained on; empty for none.
        attacks: what it met; by default that attack, or all.
        changed: fields that are not as they come.
        number: decides how good it is.
        texts: of the test split, all of which are attacked.
        changes: replace fields of the entry.
    """
    golden = read_entry(next(GOLDEN.glob("mr-base-*.json")))
    chance = random.Random(f"{defense} {seed} {task} {against} {number}")
    data = digest("rows", task)
    info = PluginInfo(
        name=defense,
        class_=_find_class("defenses", defense),
        fields={"temperature": 1.0, **(changed or {})},
        changed=changed or {},
    )
    trained = _training_set(against, data, seed) if against else None
    labels = [row % 2 for row in range(texts)]
    clean = [chance.random() < 0.97 - 0.004 * (number % 10) for _ in labels]
    identity = golden.identity | {
        "data": data,
        "defense": {"class": info.class_, "fields": info.fields, "code": ""},
        "encoder": digest("minilm"),
        "rows": 5000,
        "seed": seed,
        "adversarial": trained.key if trained else None,
    }
    key = make_key(identity)
    label = "-".join(filter(None, (task, defense, against, f"seed{seed}")))
    met = attacks or ([against] if against else ATTACKS)
    entry = msgspec.structs.replace(
        golden,
        key=key,
        label=label,
        identity=identity,
        task=task,
        data=DataInfo(digest=data, source=SOURCE),
        encoder=EncoderInfo(name="minilm", digest=digest("minilm")),
        train_rows=5000,
        seed=seed,
        defense=info,
        trained_against=trained,
        rows=RowCounts(training=5000, clean=5000),
        timing=Timing(seconds=95.5, steps=939, forwards=15_000, backwards=15_000),
        environment=Environment(date="2026-11-29T03:00:00+00:00", versions={"torch": "2.9.1"}, device="cpu", threads=1),
        clean=Clean(correct=sum(clean), n=texts, majority=(texts + 1) // 2),
        predictions=Predictions(
            id=tuple(range(texts)),
            label=tuple(labels),
            probabilities=tuple(_probabilities(label, one) for label, one in zip(labels, clean, strict=True)),
        ),
        attacks=tuple(_attack(name, key, labels, clean, number, seed, chance) for name in met),
        statistics=(),
        **changes,
    )
    assert not find_faults(entry), find_faults(entry)
    return entry


@cache
def _find_class(kind: Kind, name: str) -> str:
    if not registry.is_registered(kind, name):
        return f"made_up.{name}:Made"
    return class_path(registry.entry(kind, name).implementation())


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _probabilities(label: int, is_right: bool) -> tuple[float, float]:
    high, low = 0.75, 0.25
    return (high, low) if (label == 0) == is_right else (low, high)


def _attack_info(name: str) -> PluginInfo:
    return PluginInfo(
        name=name,
        class_=_find_class("attacks", name),
        fields={"query_budget": None, "resources": "bundled"},
        title=f"{name} (bundled 2)" if name.startswith("text") else name,
    )


def _attack_identity(name: str) -> dict[str, Any]:
    info = _attack_info(name)
    return {"attack": info.class_, "fields": {"query_budget": None}, "name": name, "code": ""}


def _training_set(name: str, data: str, seed: int) -> TrainingSet:
    model = digest("reference", data)[:16]
    identity = {
        "format": 4,
        "stage": "adversarial",
        "model": model,
        "attack": _attack_identity(name),
        "rows": 5000,
        "seed": seed,
    }
    timing = Timing(seconds=780.0, examples=5000)
    return TrainingSet(key=make_key(identity), model=model, attack=_attack_info(name), identity=identity, timing=timing)


def _attack(
    name: str, model: str, labels: Sequence[int], clean: Sequence[bool], number: int, seed: int, chance: random.Random
) -> AttackMet:
    strength = 0.35 + 0.12 * (*ATTACKS, name).index(name) - 0.03 * (number % 10)
    rows = [_record(row, label, clean[row], strength, chance) for row, label in enumerate(labels)]
    identity = {
        "format": 4,
        "stage": "cells",
        "model": model,
        "attack": _attack_identity(name),
        "rows": len(rows),
        "seed": seed,
    }
    return AttackMet(
        key=make_key(identity),
        label=f"cell-{name}-seed{seed}",
        robench="0.1.0",
        preset="laptop",
        seed=seed,
        attack=_attack_info(name),
        identity=identity,
        attacked=summarise(rows),
        timing=Timing(seconds=60.0, examples=len(rows)),
        records=reduce_records(rows),
    )


def _record(row: int, label: int, is_right: bool, strength: float, chance: random.Random) -> Record:
    status = "skipped" if not is_right else "succeeded" if chance.random() < strength else "failed"
    words = 6 + row % 9
    falls = status == "succeeded"
    return Record(
        id=row,
        label=label,
        original=f"text {row}",
        final=f"other {row}" if falls else f"text {row}",
        status=status,  # type: ignore[arg-type]
        probabilities_before=list(_probabilities(label, is_right)),
        probabilities_after=list(_probabilities(label, is_right and not falls)),
        queries=0 if status == "skipped" else 4 + int(chance.expovariate(1 / 30)),
        words_changed=1 + row % 3 if falls else 0,
        words=words,
        seconds=0.125,
    )
