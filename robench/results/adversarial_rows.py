"""Counts of the rows of D_adv that are the clean text itself, in words.

An attack does not turn every training text, and a defense's ``unsuccessful`` decides which row stands for such a text.
Often it is the clean text, for half of the rows or more, and this share changes what a defense learns a great deal. So
it is told wherever numbers of such a defense are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from robench.results.info import AdversarialInfo, CellInfo, ModelInfo, StageInfo
from robench.results.info_parts import RowCounts
from robench.results.records import Record

_REASONS = {
    "original": "since the attack did not succeed there",
    "perturbed": "since the attack was skipped or changed nothing there",
    "drop": "since the attack did not succeed there",
}
"""Why a row is the clean text or left out, by ``unsuccessful``."""


def count_unchanged(info: ModelInfo | CellInfo) -> int | None:
    """Count the adversarial texts that a model was trained on and that are the clean text; None if not known."""
    return info.rows.unchanged if info.rows else None


def describe_adversarial_rows(info: StageInfo, records: Sequence[Record]) -> str:
    """Return a phrase about the rows of D_adv that are the clean text; empty if there are none or it is not known.

    Args:
        info: ``stage.json`` of D_adv, or of a model or a cell, which tell what the model was trained on.
        records: the records of D_adv; ignored for others.
    """
    if isinstance(info, AdversarialInfo):
        return _describe_set(records)
    return _describe_training(info) if isinstance(info, ModelInfo | CellInfo) else ""


def _describe_training(info: ModelInfo | CellInfo) -> str:
    unchanged = count_unchanged(info)
    if info.rows is None or unchanged is None or not info.rows.adversarial:
        return ""
    choice = info.defense.fields.get("unsuccessful")
    if choice == "drop":
        dropped = _count_dropped(info.rows)
        return f"{info.rows.adversarial} of D_adv; {dropped} rows are dropped (unsuccessful=drop)"
    return f"{_share(unchanged, info.rows.adversarial)} are the clean text (unsuccessful={choice})"


def _count_dropped(rows: RowCounts) -> int:
    return rows.failed + rows.skipped + rows.errors


def _describe_set(records: Sequence[Record]) -> str:
    kept = [record for record in records if record.status != "succeeded"]
    same = sum(record.final == record.original for record in kept)
    return (
        f"with unsuccessful=original {_share(len(kept), len(records))} are the clean text, with perturbed"
        f" {_share(same, len(records))}; with drop {len(records) - len(kept)} rows are left"
    )


def note_adversarial_rows(infos: Iterable[CellInfo]) -> tuple[str, ...]:
    """Return a note for each task and each choice of ``unsuccessful``, with the share for each attack."""
    shares: dict[tuple[str, str], dict[tuple[str, int], list[int]]] = {}
    for info in infos:
        unchanged, choice = count_unchanged(info), str(info.defense.fields.get("unsuccessful"))
        if info.rows is None or unchanged is None or not info.rows.adversarial:
            continue
        attack = info.training_attack or info.attack
        dropped = _count_dropped(info.rows) if choice == "drop" else 0
        n = info.rows.succeeded + dropped if dropped else info.rows.adversarial
        found = shares.setdefault((info.task, choice), {}).setdefault((attack.title, n), [])
        found.append(dropped if choice == "drop" else unchanged)
    return tuple(_note(task, choice, found) for (task, choice), found in shares.items())


def _note(task: str, choice: str, shares: dict[tuple[str, int], list[int]]) -> str:
    noun = " rows of D_adv"
    parts = [f"{format_range(c)} of {n:,}{'' if i else noun} ({a})" for i, ((a, n), c) in enumerate(shares.items())]
    what = "are left out" if choice == "drop" else "are the clean text"
    reason = f", {_REASONS[choice]}" if choice in _REASONS else ""
    return f"{task}: {', '.join(parts)} {what}{reason} (unsuccessful={choice})"


def format_range(counts: Collection[int]) -> str:
    """Return the only count, or the smallest and the largest."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} rows" + (f" ({100 * part / whole:.1f} %)" if whole else "")
