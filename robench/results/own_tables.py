"""The tables that robench adds to those of every paper, which are made of runs of their own."""

from __future__ import annotations

from robench.results.paper_contents import PaperTable

TRANSFER = PaperTable(
    number="transfer",
    kind="transfer",
    title="what fools a model that was made to fool another",
    summary="share of adversarial texts made against the undefended model of another seed that fool each defense",
)
