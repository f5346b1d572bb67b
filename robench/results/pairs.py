"""Pairs of a clean test sample and its adversarial counterpart, and the statistics of a model over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from robench.errors import RobenchError
from robench.results import records
from robench.results.info import REMEDY, CellInfo
from robench.results.info_parts import Statistics
from robench.results.records import Status
from robench.results.store import RECORDS_FILE, StoredStage

if TYPE_CHECKING:
    from robench.models.predictor import Predictor


@dataclass(frozen=True)
class Pairs:
    """N clean texts, each with the final text of an attack; every attribute has one entry per pair, in order of ids.

    Attributes:
        ids: rows of the test split, from 0.
        labels: gold labels.
        clean: the original texts.
        adversarial: the final texts of the records: after a success the adversarial text, after a failure the text at
            which the search ended, after a skip the original.
        statuses: the outcome of each attack.
        errors: number of attacks that ended in an error, and so made no pair.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    clean: tuple[str, ...]
    adversarial: tuple[str, ...]
    statuses: tuple[Status, ...]
    errors: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unchanged(self) -> int:
        """Count the pairs whose two texts are the same: those of skips, and of failures that found no other text."""
        return sum(clean == adversarial for clean, adversarial in zip(self.clean, self.adversarial, strict=True))


def read_pairs(cell: StoredStage[CellInfo]) -> Pairs:
    """Read the pairs of a cell from its records; an attack that ended in an error made none.

    Raises:
        RobenchError: the records are missing, broken or empty, or all are errors.
    """
    path = cell.folder / RECORDS_FILE
    written = records.read(path)
    if not written:
        raise RobenchError(f"{path} is empty; {REMEDY}.")
    found = [record for record in written if record.status != "error"]
    if not found:
        raise RobenchError(f"{path} has no pair of texts: all {len(written):,} attacks ended in an error.")
    return Pairs(
        ids=tuple(record.id for record in found),
        labels=tuple(record.label for record in found),
        clean=tuple(record.original for record in found),
        adversarial=tuple(record.final for record in found),
        statuses=tuple(record.status for record in found),
        errors=len(written) - len(found),
    )


def measure_pairs(predictor: Predictor, pairs: Pairs) -> Statistics:
    """Measure the high-order statistics of a model over pairs (paper, section 4.3, table 7).

    Raises:
        RobenchError: there are too few pairs, all have one label, or the model's outputs are not finite.
    """
    from robench.results.high_order import compute_statistics, softmax  # numpy, which a plan does not need

    clean, adversarial = predictor.outputs(pairs.clean), predictor.outputs(pairs.adversarial)
    try:
        statistics = compute_statistics(
            clean.representations,
            adversarial.representations,
            softmax(clean.logits),
            softmax(adversarial.logits),
            pairs.labels,
        )
    except ValueError as error:
        raise RobenchError(f"the statistics of {len(pairs)} pairs cannot be computed: {error}.") from error
    return msgspec.structs.replace(statistics, unchanged=pairs.unchanged, errors=pairs.errors)
