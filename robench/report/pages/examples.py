"""Attacked texts on a page: what the attack changed, and what the model made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from robench.report.pages.parts import AttackedExample
from robench.results.cells import Result
from robench.results.changes import align_words
from robench.results.classes import name_class, predict
from robench.results.records import Record

AttackedCell = tuple[Result, Sequence[Record]]
"""A result and its records."""


def pick_examples(cells: Sequence[AttackedCell], count: int, *, names: bool, held: int = 0) -> list[AttackedExample]:
    """Choose attacked texts of several results in turn, those with the fewest changed words first.

    Args:
        cells: the results.
        count: of examples at most.
        names: whether the heading names the defense.
        held: how many of them are texts that the attack could not break, if there are as many.
    """
    broken, kept = (list(_in_turn(cells, status)) for status in ("succeeded", "failed"))
    held = min(held, len(kept), count)
    chosen = [*broken[: count - held], *kept[:held]]
    return [_example(result, record, names=names) for result, record in chosen]


def _in_turn(cells: Sequence[AttackedCell], status: str) -> Iterator[tuple[Result, Record]]:
    """Yield texts with an outcome, one of each result, then another; each text once."""
    queues = [
        iter(
            sorted(
                (r for r in records if r.status == status), key=lambda r: (not r.words_changed, r.words_changed, r.id)
            )
        )
        for _, records in cells
    ]
    seen: set[str] = set()
    while queues:
        pairs = [(result, queue) for (result, _), queue in zip(cells, queues, strict=True)]
        found = [(result, record) for result, queue in pairs if (record := _next_new(queue, seen))]
        if not found:
            return
        yield from found


def _next_new(queue: Iterator[Record], seen: set[str]) -> Record | None:
    for record in queue:
        if record.original not in seen:
            seen.add(record.original)
            return record
    return None


def _example(result: Result, record: Record, *, names: bool) -> AttackedExample:
    labels = result.info.labels
    model = f"{result.defense.name}, " if names else ""
    verdict = "broken by" if record.status == "succeeded" else "holds against"
    words = f"{record.words_changed} of {record.words} words changed"
    facts = [
        f"label {name_class(record.label, labels)}",
        _predictions(record, labels),
        words,
        f"{record.queries:,} queries",
    ]
    return AttackedExample(
        heading=f"{model}{verdict} {result.attack.title}",
        outcome="broken" if record.status == "succeeded" else "held",
        spans=align_words(record.original, record.final),
        facts=[fact for fact in facts if fact],
    )


def _predictions(record: Record, labels: Sequence[str]) -> str:
    before, after = (_top(p, labels) for p in (record.probabilities_before, record.probabilities_after))
    return f"{before} → {after}" if before and after else ""


def _top(probabilities: Sequence[float], labels: Sequence[str]) -> str:
    if not probabilities:
        return ""
    best = predict(probabilities)
    return f"{name_class(best, labels)} {probabilities[best]:.2f}"
