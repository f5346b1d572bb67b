"""Models of one setting beside one of them: under which conditions, and their paired differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from robench.report.comparison_commands import WORST_CASE
from robench.report.tables.captions import setting_of
from robench.report.tables.layout import Layout
from robench.results.cells import Result, group
from robench.results.labels import is_model_name
from robench.results.sample_reader import SampleReader, Samples
from robench.results.samples import align
from robench.results.selection import prefer_unchanged
from robench.results.significance import Difference, compare_outcomes
from robench.results.worst import WorstReader

Results: TypeAlias = Sequence[Result]
"""Results of one setting; those of one model differ in their seed, and in their attack if there are several."""
CLEAN_TEXTS = "clean"
"""Stands for no attack among conditions."""


@dataclass(frozen=True)
class Condition:
    """What models of a setting are compared under: nothing, an attack, or the worst of all.

    Attributes:
        attack: :data:`CLEAN_TEXTS`, the title of an attack, or
            :data:`~robench.report.comparison_commands.WORST_CASE`.
        heading: the same in words.
        setting: what the models share.
        models: all results of the setting, whose names say which model is subtracted.
        results: those under this condition.
        read: reads the outcomes of a row by seed.
    """

    attack: str
    heading: str
    setting: Mapping[str, Any]
    models: Results
    results: Results
    read: Callable[[Results], Mapping[int, Samples]]


@dataclass(frozen=True)
class PairedModels:
    """Models under one condition beside one of them.

    Attributes:
        condition: the condition.
        reference: the results of the model that is subtracted.
        pairs: the results of each other model that can be compared, and its difference.
    """

    condition: Condition
    reference: Results
    pairs: Sequence[tuple[Results, Difference]]


def list_conditions(layout: Layout, reader: SampleReader) -> Iterator[Condition]:
    """Yield the conditions of each setting: clean texts once, however many samples were attacked, and each attack.

    Args:
        layout: of the results.
        reader: of their runs folder.
    """
    worst = WorstReader(reader, layout.results)
    for models in group(layout.results, lambda r: r.model_block).values():
        make = partial(Condition, models=models)
        yield make(
            CLEAN_TEXTS, "clean texts", setting_of(models[0].info), results=models, read=partial(read_clean, reader)
        )
        for members in group(models, lambda r: r.block).values():
            setting = setting_of(members[0].info, attacked_n=members[0].attacked_n)
            met = {column: [r for r in members if r.column == column] for column in layout.columns}
            for column, results in met.items():
                if results:
                    title = layout.columns[column].text
                    yield make(title, f"under {title}", setting, results=results, read=partial(_read_attacked, reader))
            if sum(map(bool, met.values())) > 1:
                yield make(WORST_CASE, "worst case", setting, results=members, read=worst.read)


def read_clean(reader: SampleReader, row: Results) -> dict[int, Samples]:
    """Return by seed whether models are right about clean texts, for the seeds whose predictions are stored."""
    found: dict[int, Samples] = {}
    for results in group(row, lambda r: str(r.seed)).values():
        found |= reader.clean(results) or {}
    return found


def _read_attacked(reader: SampleReader, row: Results) -> dict[int, Samples]:
    return reader.attacked((r.seed, r.folder) for r in row)


def find_models(name: str, results: Results, layout: Layout) -> dict[str, list[Result]]:
    """Return the models of some results that have a name, by their labels: usually one.

    Args:
        name: label of a row, name of a defense, or ``DEFENSE on ATTACK``.
        results: of one setting.
        layout: that labels them.
    """
    named = [r for r in results if is_model_name(name, r, layout.rows[r.row].text)]
    kept = prefer_unchanged(named or [r for r in results if r.defense.name == name])
    return group(kept, lambda r: layout.rows[r.row].text)


def pair_models(condition: Condition, name: str, layout: Layout, level: float) -> PairedModels | None:
    """Compare the models of a condition with the one that has a name; None if there is not one, or nothing to compare.

    Args:
        condition: the condition.
        name: as in :func:`find_models`.
        layout: that labels the results.
        level: of intervals.
    """
    named = list(find_models(name, condition.models, layout).values())
    reference = [r for r in condition.results if len(named) == 1 and r.row == named[0][0].row]
    if not reference:
        return None
    theirs = condition.read(reference)
    pairs: list[tuple[Results, Difference]] = []
    for row in group(condition.results, lambda r: r.row).values():
        first, second = align(condition.read(row), theirs) if row[0].row != reference[0].row else ({}, {})
        difference = compare_outcomes(first, second, level)
        pairs += [(row, difference)] if difference else []
    return PairedModels(condition, reference, pairs) if pairs else None


def prefer_seeds(found: Sequence[PairedModels]) -> list[PairedModels]:
    """Leave out pairs that are about two trained models, in settings where others are about defenses."""
    covered = {one.reference[0].model_block for one in found if any(pair.covers_seeds for _, pair in one.pairs)}
    kept = [
        replace(one, pairs=[pair for pair in one.pairs if pair[1].covers_seeds])
        if one.reference[0].model_block in covered
        else one
        for one in found
    ]
    return [one for one in kept if one.pairs]
