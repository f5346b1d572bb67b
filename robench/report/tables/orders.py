"""The order in which the paper has its tasks, defenses, attacks and encoders; others follow by name."""

from __future__ import annotations

from collections.abc import Sequence

from robench.results.info import BEFORE

OTHERS = "*"
DEFENSE_ORDER = (
    *(BEFORE, "base", "base-adv", "base-adv-soft", "pgd", "fgsm", "freelb", "smart", "ada", "clean", "adversarial"),
    OTHERS,
    *("taichi-no-ctr", "taichi-no-adv", "taichi"),
)
"""Rows in the paper's order; a defense that is not named here stands at ``*``, by name."""

PAPER_TASKS = ("sst2", "trec", "ag")
PAPER_ENCODERS = ("bert-base-uncased", "bert-large-uncased", "microsoft/deberta-base")


def defense_order(name: str) -> tuple[int, str]:
    """Sort key of a defense."""
    return DEFENSE_ORDER.index(name if name in DEFENSE_ORDER else OTHERS), name


def paper_order(name: str, paper: Sequence[str]) -> tuple[int, str]:
    """Sort key of a name: those of the paper first."""
    return paper.index(name) if name in paper else len(paper), name
