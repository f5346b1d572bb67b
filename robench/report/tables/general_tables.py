"""The tables of robench itself, which it makes of the results of every paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robench.results.paper_contents import PaperTable

QUALITY = PaperTable(
    number="quality",
    kind="quality",
    title="what it took to fool a model",
    summary="success rate, queries, words changed and similarity of each attack",
)
MATRIX = PaperTable(
    number="matrix",
    kind="matrix",
    title="each model under each attack, in %",
    summary="models trained against one attack, under all attacks",
)
WORST = PaperTable(
    number="worst",
    kind="worst",
    title="accuracy of each model under the worst of all attacks, in %",
    summary="the share of samples on which a model survives every attack",
)
BUDGET = PaperTable(
    number="budget",
    kind="budget",
    title="accuracy after so many queries, and after so large a share of words changed, in %",
    summary="accuracy against the attacker's budget",
)
PRICE = PaperTable(
    number="price",
    kind="price",
    title="what each model costs, and what it is worth",
    summary="time of training and of making D_adv, passes, parameters, inference, beside clean% and worst%",
)
FLIPS = PaperTable(
    number="flips",
    kind="flips",
    title="clean predictions gained and lost, and accuracy by class and by length, in %",
    summary="clean predictions that a defense gains and loses against the reference, by class and by length",
)

CORRELATION = PaperTable(
    number="correlation",
    kind="correlation",
    title="whether statistics order models as their accuracy under attack does",
    summary="rank correlation of each high-order statistic with the accuracy under each attack, over all models",
)

TRANSFER = PaperTable(
    number="transfer",
    kind="transfer",
    title="adversarial texts of another model that fool each defense, in %",
    summary="adversarial texts made against the undefended model of another seed that fool each defense",
)

CERTIFICATES = PaperTable(
    number="certificates",
    kind="certificates",
    title="certified accuracy beside accuracy under attack, in %",
    summary="texts that are certified to stay right whichever words an attacker changes, of defenses that have this",
)

_ALL = (QUALITY, MATRIX, WORST, BUDGET, PRICE, FLIPS, CORRELATION, TRANSFER, CERTIFICATES)
GENERAL: Mapping[str, PaperTable] = {table.number: table for table in _ALL}
"""All of them by name."""
NEEDS: Mapping[str, Mapping[str, Any]] = {
    "matrix": {"crossed": True},
    "worst": {"crossed": True},
    "correlation": {"statistics": True, "crossed": True},
    "transfer": {"transfer": True},
    "certificates": {"certificates": True},
}
"""What a request of those has that need more than other tables show; the others are made of what there is."""
