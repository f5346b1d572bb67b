"""The figures of robench itself, which it draws of the results of every paper."""

from __future__ import annotations

from collections.abc import Mapping

from robench.results.paper_contents import Paper, PaperFigure


def list_general_figures(paper: Paper) -> Mapping[str, PaperFigure]:
    """Return all of them by name; without a named task they are about the first one of the paper."""
    budget = PaperFigure(
        number="budget",
        kind="budget",
        title="Accuracy against what an attacker spends",
        summary="accuracy against queries and against the share of changed words",
        task=paper.tasks[0],
    )
    trade_off = PaperFigure(
        number="trade-off",
        kind="front",
        title="What robustness costs in accuracy",
        summary="accuracy under the worst of all attacks against clean accuracy, a point for each defense",
        task=paper.tasks[0],
    )
    correlation = PaperFigure(
        number="correlation",
        kind="correlation",
        title="How far predictions move, and robustness",
        summary="accuracy under each attack against KL (pos), a point for each model",
        task=paper.tasks[0],
    )
    return {figure.number: figure for figure in (budget, trade_off, correlation)}
