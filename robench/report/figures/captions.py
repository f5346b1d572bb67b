"""Sentences that the captions of several figures have."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.figures.marks import mark_unlearned
from robench.results.adversarial_rows import note_adversarial_rows
from robench.results.cells import Result
from robench.results.flags import UNLEARNED
from robench.results.info import ELSEWHERE, CellInfo, StatisticsInfo
from robench.results.labels import defense_source, make_labels
from robench.results.seeds import describe_errors


def begin_caption(info: CellInfo | StatisticsInfo, samples: str) -> str:
    """Return the first sentence: the setting that all results share."""
    if info.training == ELSEWHERE:
        return f"{info.task}, trained elsewhere, {samples}."
    return f"{info.task}, encoder {info.encoder.name}, {info.train_rows:,} training rows, {samples}."


def describe_others(count: int) -> str:
    """Return a sentence, with a space before it, on settings that a figure leaves out; empty if there are none."""
    return f" Other settings of this task in the runs folder, not shown: {count}." if count else ""


def describe_forms(results: Sequence[Result], block: Sequence[Result]) -> str:
    """Return a sentence, with a space before it, on forms of defenses that a figure leaves out; empty if none are.

    Args:
        results: all that could be shown.
        block: those that are.
    """
    shown = {r.row for r in block}
    # A form may have a model for each attack that it was trained against, and a row for each model.
    forms = [(r.defense_identity, r) for r in results if r.block == block[0].block]
    labels = make_labels(defense_source(form, r.defense, r.info.model) for form, r in forms)
    left = {labels[form].text for form, r in forms if r.defense.changed and r.row not in shown}
    return f" Forms with changed settings, not shown: {', '.join(sorted(left))}." if left else ""


def describe_caveats(results: Sequence[Result]) -> str:
    """Return sentences, each with a space before it, on what some results do not tell of a defense."""
    notes = "".join(f" {note}." for note in note_adversarial_rows(r.info for r in results))
    mark = mark_unlearned(results)
    meaning = f"{mark}: the model, or one of them, {UNLEARNED}; it is not to be compared." if mark else ""
    return meaning + describe_errors(results) + notes
