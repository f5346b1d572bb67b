"""Whether the parts of an entry agree with each other: seeds, attacks, and what they say of one row.

A model that is not random gives a text the same probabilities whenever it is asked. So the text before an attack has
those of the predictions, in every attack, apart from rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from robench.results.cells import identity_text
from robench.results.entry_form import AttackMet, Entry
from robench.results.entry_parts import Probabilities
from robench.results.entry_row_checks import show_first
from robench.results.rounding import OWN_MODEL, find_tolerance


def check_agreement(entry: Entry) -> Iterator[str]:
    """Check that no attack stands there twice, and that seeds, probabilities and rows are the same everywhere."""
    yield from _check_seeds(entry)
    yield from _check_repetition(entry)
    yield from _check_probabilities(entry)
    yield from _check_rows(entry)


def _check_seeds(entry: Entry) -> Iterator[str]:
    """Check that a trained model was attacked with its own seed; a model that somebody brought has none."""
    if entry.victim:
        return
    for i, attack in enumerate(entry.attacks):
        if attack.seed != entry.seed:
            yield (
                f"{_place(i, attack)}: seed is {attack.seed}, but the model was trained with {entry.seed}, and a run"
                " has one seed"
            )


def _check_repetition(entry: Entry) -> Iterator[str]:
    seen: dict[str, str] = {}
    for i, attack in enumerate(entry.attacks):
        place = _place(i, attack)
        what = identity_text([attack.identity.get("attack"), attack.attacked.n, attack.seed])
        first = seen.setdefault(what, place)
        if first != place:
            yield f"{place} is the same attack as {first}, on as many rows, with the same seed"


def _check_probabilities(entry: Entry) -> Iterator[str]:
    """Check that texts before an attack have the probabilities of the predictions, unless the model is random."""
    if entry.predictions is None or (entry.victim and entry.victim.random):
        return
    predicted = entry.predictions.probabilities
    for i, attack in enumerate(entry.attacks):
        if attack.records is None:
            continue
        own = find_tolerance(entry.precision, entry.environment, attack.environment)
        tolerance = OWN_MODEL if entry.victim else own
        wrong = [
            f"row {id} has other probabilities before the attack than in predictions: {_show(before)}, not"
            f" {_show(predicted[id])}"
            for id, before in zip(attack.records.id, attack.records.before, strict=False)
            if before and id < len(predicted) and not _is_close(before, predicted[id], tolerance)
        ]
        yield from (f"{_place(i, attack)}: records: {fault}" for fault in show_first(wrong))


def _is_close(first: Probabilities, second: Probabilities, tolerance: float) -> bool:
    if first == second:
        return True
    return len(first) == len(second) and max(abs(a - b) for a, b in zip(first, second, strict=True)) <= tolerance


def _show(probabilities: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.3g}' for value in probabilities)}]"


def _check_rows(entry: Entry) -> Iterator[str]:
    """Check that one row of the test split is one text of as many words in all attacks."""
    texts: dict[int, str] = {}
    words: dict[int, int] = {}
    wrong = []
    for records in (attack.records for attack in entry.attacks if attack.records):
        columns = zip(records.id, records.original, records.words, records.status, strict=False)
        for id, original, count, status in columns:
            if texts.setdefault(id, original) != original:
                wrong.append(f"row {id} has different original texts in two attacks")
            elif status == "error":  # the words of a text that TextAttack fails on are not known
                continue
            elif words.setdefault(id, count) != count:
                wrong.append(f"row {id} has {words[id]:,} words in one attack, and {count:,} in another")
    yield from (f"attacks: {fault}" for fault in show_first(list(dict.fromkeys(wrong))))


def _place(number: int, attack: AttackMet) -> str:
    return f"attacks.{number} ({attack.label})"
