"""Numbers of a table: means over seeds, and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from robench.report.tables.model import Cell, Row
from robench.results.cells import Result, keep_shared_models
from robench.results.flags import list_flags
from robench.results.info_parts import Outcome
from robench.results.intervals import LEVEL, Interval, wilson
from robench.results.labels import Label
from robench.results.sample_reader import SampleReader, Samples, falls
from robench.results.seeds import average_over_seeds


def make_row(found: Sequence[Result], label: Label, cells: tuple[Cell, ...], *, with_attacks: bool = True) -> Row:
    """Return a row of a table.

    Args:
        found: its results, at least one.
        label: of its defense.
        cells: one for each column.
        with_attacks: whether its numbers are of attacked samples.
    """
    first = found[0]
    return Row(
        label=label.text,
        name=first.defense.name,
        cells=cells,
        is_plain=label.plain == first.defense.name,
        is_changed=all(r.defense.changed for r in found),
        per_attack=first.info.adversarial is not None,
        clean_n=first.info.clean.n,
        attacked_n=first.attacked_n if with_attacks else None,
        seeds=tuple(sorted({r.seed for r in found})),
        flags=list_flags(found) if with_attacks else (),
        identity=first.defense_identity,
    )


def mean_cell(
    values: Sequence[tuple[int, Fraction]],
    n: int,
    *,
    learned: bool = True,
    measured: int = 0,
    outcomes: Mapping[int, Samples] | None = None,
) -> Cell:
    """Return mean and standard deviation over seeds; several values of one seed are averaged first.

    Args:
        values: pairs of a seed and a number.
        n: samples of each.
        learned: whether every model behind them has learned something.
        measured: as in :class:`~robench.report.tables.model.Cell`.
        outcomes: likewise.
    """
    if not values:
        return Cell()
    over = average_over_seeds(values)
    return Cell(
        over.mean,
        sd=over.sd,
        seeds=over.seeds,
        by_seed=over.by_seed,
        n=n,
        learned=learned,
        measured=measured,
        outcomes=outcomes,
    )


def clean_cell(reader: SampleReader, found: Sequence[Result]) -> Cell:
    """Return the mean clean accuracy of the models that all seeds of a row have; each model counts once.

    Args:
        reader: of the results' runs folder.
        found: the results of a row, possibly none.
    """
    found = keep_shared_models(found)
    models = {r.info.model: r for r in found}.values()
    values = [(r.seed, r.clean_accuracy) for r in models]
    n = found[0].info.clean.n if found else 0
    outcomes = reader.clean(found) if found else None
    return mean_cell(values, n, learned=_learned(found), measured=n, outcomes=outcomes)


def attacked_cell(reader: SampleReader, found: Sequence[Result]) -> Cell:
    """Return the accuracy under one attack, with the number of errors.

    Args:
        reader: of the results' runs folder.
        found: the results of a row and an attack, possibly none.
    """
    values = [(r.seed, r.accuracy_under_attack) for r in found if r.accuracy_under_attack is not None]
    cell = mean_cell(
        values,
        found[0].attacked_n if found else 0,
        learned=_learned(found),
        measured=found[0].attacked_n - found[0].outcome.errors if found else 0,
        outcomes=reader.attacked((r.seed, r.folder) for r in found),
    )
    return count_errors(cell, (r.outcome for r in found))


def success_cell(reader: SampleReader, found: Sequence[Result]) -> Cell:
    """Return the success rate of an attack, or of texts that were made against another model; blank without results."""
    values = [(r.seed, rate) for r in found if (rate := r.outcome.success_rate) is not None]
    outcomes = reader.attacked(((r.seed, r.folder) for r in found), falls) if values else None
    n, measured = (found[0].attacked_n, found[0].outcome.attempts) if found else (0, 0)
    return mean_cell(values, n, learned=_learned(found), measured=measured, outcomes=outcomes)


def share_cell(part: int, n: int) -> Cell:
    """Return the share of samples of one model with its interval; blank if there are none."""
    return Cell(Fraction(part, n), n=n, interval=Interval(*wilson(part, n), LEVEL, 1, n)) if n else Cell()


def outcome_cell(outcomes: Mapping[int, Samples], found: Sequence[Result]) -> Cell:
    """Return the share of samples whose outcome is right, from outcomes alone; unknown ones are counted as errors.

    Args:
        outcomes: by seed; a seed without a known outcome is left out.
        found: the results that they are of.
    """
    known = {seed: [one for one in samples.values() if one is not None] for seed, samples in outcomes.items()}
    values = [(seed, Fraction(sum(ones)) / len(ones)) for seed, ones in known.items() if ones]
    if not values:
        return Cell()
    n, measured = (len(side[values[0][0]]) for side in (outcomes, known))
    kept = {seed: outcomes[seed] for seed, _ in values}
    cell = mean_cell(values, n, learned=_learned(found), measured=measured, outcomes=kept)
    samples = sum(map(len, outcomes.values()))
    right = [(seed, Fraction(sum(ones)) / len(outcomes[seed])) for seed, ones in known.items() if outcomes[seed]]
    errors = samples - sum(map(len, known.values()))
    return replace(cell, errors=errors, samples=samples, least=average_over_seeds(right).mean)


def count_errors(cell: Cell, outcomes: Iterable[Outcome]) -> Cell:
    """Add to a cell how many of the attacked samples behind it ended in an error."""
    found = list(outcomes)
    return replace(cell, errors=sum(one.errors for one in found), samples=sum(one.n for one in found))


def names_with_numbers(rows: Sequence[Row]) -> list[str]:
    """Return the names of the rows that have a number."""
    return [row.name for row in rows if any(cell.value is not None for cell in row.cells)]


def _learned(results: Iterable[Result]) -> bool:
    return all(result.has_learned for result in results)
