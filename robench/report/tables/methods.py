"""Tables of methods: what each registered defense trains on and with, from its contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.plugins import registry
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.paper_contents import rank

if TYPE_CHECKING:
    from robench.training.defense import Defense

COLUMNS = tuple(
    Column(name, "text", better=None) for name in ("data augmentation", "CLS", "training tasks", "adversarial model")
)
LEGEND = (
    "Data augmentation: adversarial samples beside the training set: n/a none, virtual in the space of embeddings,"
    " real text made by an attack.",
    "CLS: the texts that the deployed network learns to classify.",
    "Training tasks: CE classification, CTR contrastive, KL fusion; others by the name of their weight.",
    "Adversarial model: whether a second network is trained on adversarial texts beside the one that is deployed.",
)


def methods_table(request: TableRequest) -> Table:
    """Make a table with a row for every registered defense, plug-ins included (table 2 of the TaiChi paper).

    Of the options the selected defenses matter.

    Raises:
        RobenchError: the name of a defense is unknown.
    """
    names = request.selection.defenses or registry.names("defenses")
    entries = [registry.entry("defenses", name) for name in names]
    rows, notes = [], []
    for entry in sorted(entries, key=lambda entry: rank(entry.name, request.paper.defense_order)):
        if entry.origin != "robench":
            notes.append(f"{entry.name} is from {entry.origin}")
        texts: Sequence[str] = ("",) * len(COLUMNS)
        try:
            defense = entry.load()
        except RobenchError as error:
            notes.append(str(error).rstrip("."))
        else:
            texts = describe_defense(defense)
            if parts := getattr(defense, "parts", ()):
                notes.append(f"{entry.name} trains nothing: its network is made of those of {' and '.join(parts)}")
        rows.append(Row(entry.name, entry.name, tuple(Cell(text=text) for text in texts)))
    return request.fill(
        columns=COLUMNS,
        blocks=(Block("", "", tuple(rows)),),
        legend=LEGEND,
        notes=tuple(notes),
        is_measured=False,
    )


def describe_defense(defense: Defense) -> Sequence[str]:
    """Return a defense's cells: data augmentation, CLS, training tasks, adversarial model."""
    from robench.training.defense import AdversarialDefense, FusedDefense

    if isinstance(defense, FusedDefense):
        return "of its parts", "of its parts", "none", "no"
    # A slow average of the network, as some defenses keep, learns from no adversarial texts.
    adversarial_model = isinstance(defense, AdversarialDefense) and defense.network_count > 1
    return (
        defense.augmentation,
        defense.classifies,
        "+".join(defense.loss_parts),
        "yes" if adversarial_model else "no",
    )
