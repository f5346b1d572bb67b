"""Cells of the accuracy under the worst of all attacks."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.tables.cells import attacked_cell, outcome_cell
from robench.report.tables.model import WORST, Cell
from robench.results.cells import Result, group, keep_shared_models
from robench.results.sample_reader import SampleReader, Samples
from robench.results.samples import average
from robench.results.worst import WorstReader

HOW_WORST = (
    f"{WORST}: a sample counts only if the model survives every attack of its block on it; samples on which an attack"
    " ended in an error are left out. Blank unless the model met every attack of its block, all on the same samples."
)


def worst_cell(worst: WorstReader, found: Sequence[Result]) -> Cell:
    """Return the accuracy of a row's models under the worst of all attacks; blank if it is not known of any seed.

    Args:
        worst: reads it.
        found: the results of the row, possibly none.
    """
    return outcome_cell(worst.read(found), found) if found else Cell()


def average_worst(worst: WorstReader, found: Sequence[Result]) -> dict[int, Samples]:
    """Return by seed the outcomes of a defense under the worst attack, averaged over its models sample by sample.

    A defense that is trained once for each attack has several models, each with a row of its own.

    Args:
        worst: reads the outcomes of each model.
        found: results of all models of the defense, at least one.

    Returns:
        Of the models that all seeds have, and only the seeds of which every such model met every attack.
    """
    by_model = [worst.read(row) for row in group(keep_shared_models(found), lambda r: r.row).values()]
    seeds = set.intersection(*(set(seeds) for seeds in by_model))
    return {seed: average([seeds[seed] for seeds in by_model]) for seed in sorted(seeds)}


def lowest_cell(reader: SampleReader, worst: WorstReader, found: Sequence[Result]) -> Cell:
    """Return the accuracy under the attack whose mean over seeds is lowest; blank if the worst accuracy is not known.

    Args:
        reader: of the results' runs folder.
        worst: reads of which seeds every attack is there.
        found: the results of a row, possibly none.
    """
    seeds = worst.read(found) if found else {}
    known = [r for r in found if r.seed in seeds]
    cells = [attacked_cell(reader, met) for met in group(known, lambda r: r.column).values()]
    return min((cell for cell in cells if cell.value is not None), key=lambda cell: cell.value or 0, default=Cell())
