"""The tables of robench itself, which it makes of the results of every paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robench.results.paper_contents import PaperTable, TableKind

WORST = "worst"
"""Name of the table of accuracies under the worst attack."""
_TITLES: Mapping[TableKind, tuple[str, str]] = {
    "quality": (
        "what it took to fool a model",
        "success rate, queries, words changed and similarity of each attack",
    ),
    "matrix": (
        "each model under each attack, in %",
        "models trained against one attack, under all attacks",
    ),
    "worst": (
        "accuracy of each model under the worst of all attacks, in %",
        "the share of samples on which a model survives every attack",
    ),
    "differences": (
        "accuracy of each model minus that of one of them, in points",
        "how much better or worse each model is than one of them, under each attack, with intervals and tests",
    ),
    "budget": (
        "accuracy within budgets of queries, and of words changed, in %",
        "accuracy against the attacker's budget",
    ),
    "price": (
        "what each model costs, and what it is worth",
        "times of training, D_adv and inference, passes and parameters, beside clean% and worst%",
    ),
    "flips": (
        "clean predictions gained and lost, and accuracy by class and by length, in %",
        "clean predictions that a defense gains and loses against the reference, by class and by length",
    ),
    "correlation": (
        "whether statistics rank models as their accuracy under attack does",
        "rank correlation of each high-order statistic with the accuracy under each attack, over all models",
    ),
    "transfer": (
        "adversarial texts of another model that fool each defense, in %",
        "adversarial texts made against the undefended model of another seed that fool each defense",
    ),
    "certificates": (
        "certified accuracy beside accuracy under attack, in %",
        "texts certified to stay right whichever words an attacker changes, for defenses with certificates",
    ),
}
"""Title and summary of each, by its kind, which is also its name."""
GENERAL: Mapping[str, PaperTable] = {
    kind: PaperTable(number=kind, kind=kind, title=title, summary=summary) for kind, (title, summary) in _TITLES.items()
}
"""All of them by name."""
NEEDS: Mapping[str, Mapping[str, Any]] = {
    "matrix": {"crossed": True},
    "worst": {"crossed": True},
    "differences": {"crossed": True},
    "correlation": {"statistics": True, "crossed": True},
    "transfer": {"transfer": True},
    "certificates": {"certificates": True},
}
"""What a request of those has that need more than other tables show; the others are made of what there is."""
