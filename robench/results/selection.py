"""Selection of stored stages, by name and so that the selected results can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from robench.errors import RobenchError
from robench.results.cells import Result, group, read_results
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.store import Store, StoredStage

Facet = Literal["task", "defense", "attack", "encoder", "preset", "seed"]
"""A property by which results are chosen."""

Chosen = TypeVar("Chosen", CellInfo, StatisticsInfo)


class NoResultsError(RobenchError):
    """No stored result matches the request."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The cells to take from a runs folder; an empty list takes all.

    Attributes:
        task: name of the task.
        attacks: registered names.
        defenses: registered names, in the order in which they are shown.
        encoders: names as the user wrote them.
        presets: names of presets.
        seeds: seeds of training and attack.
        options: options for the commands that make missing cells, such as ``["--runs", "elsewhere"]``.
    """

    task: str
    attacks: Sequence[str] = ()
    defenses: Sequence[str] = ()
    encoders: Sequence[str] = ()
    presets: Sequence[str] = ()
    seeds: Sequence[int] = ()
    options: Sequence[str] = field(default=())

    def read(self, store: Store) -> list[Result]:
        """Read the numbers of the selected cells.

        Raises:
            NoResultsError: there are none; the caller adds the command that makes them, and the period.
            RobenchError: a cell's files are missing or broken.
        """
        cells = [cell for cell in store.stages(CellInfo) if self._takes(cell.info)]
        if not cells:
            raise NoResultsError(f"{store.root} has no {self._words()} yet")
        return read_results(cells)

    def _takes(self, info: CellInfo) -> bool:
        allowed: list[tuple[Sequence[Any], Any]] = [
            ([self.task], info.task),
            (self.attacks, info.attack.name),
            (self.defenses, info.defense.name),
            (self.encoders, info.encoder.name),
            (self.presets, info.preset),
            (self.seeds, info.seed),
        ]
        return all(not values or value in values for values, value in allowed)

    def _words(self) -> str:
        parts = [
            f"result of {', '.join(self.defenses)}" if self.defenses else "result",
            f"on {self.task}",
            f"under {', '.join(self.attacks)}" if self.attacks else "",
            f"with encoder {', '.join(self.encoders)}" if self.encoders else "",
            f"with preset {', '.join(self.presets)}" if self.presets else "",
            f"with seed {', '.join(map(str, self.seeds))}" if self.seeds else "",
        ]
        return " ".join(part for part in parts if part)


def select(
    stages: Sequence[StoredStage[Chosen]], runs: str, *, hint: str, **allowed: Sequence[Any] | None
) -> list[StoredStage[Chosen]]:
    """Keep the stages whose properties have allowed values.

    Args:
        stages: the stages to select from.
        runs: their runs folder, for errors.
        hint: a sentence with the command that makes some, for errors.
        allowed: allowed values of each :data:`Facet`; an empty list or None allows all.

    Raises:
        NoResultsError: no stage is left, or an allowed value does not occur.
    """
    if not stages:
        raise NoResultsError(f"no results in {runs} yet; {hint}")
    kept = list(stages)
    for facet, values in allowed.items():
        if not values:
            continue
        known = {facet_of(stage, facet) for stage in stages}
        absent = [str(value) for value in values if value not in known]
        if absent:
            there = ", ".join(map(str, sorted(known)))
            raise NoResultsError(f"no results in {runs} with {facet} {', '.join(absent)}; it has {there}.")
        kept = [stage for stage in kept if facet_of(stage, facet) in values]
    if not kept:
        raise NoResultsError(f"no results in {runs} fit all of these filters at once; leave one out.")
    return kept


def facet_of(stage: StoredStage[Chosen], facet: str) -> Any:
    """Return a stage's task, preset or seed, or the name of its defense, attack or encoder."""
    value = getattr(stage.info, facet)
    if facet == "attack":
        return value.name or value.title
    return value.name if facet in ("defense", "encoder") else value


def largest_block(results: Sequence[Result]) -> tuple[list[Result], int]:
    """Return the largest group of comparable results, and the number of other groups.

    The largest group has the most pairs of a defense and an attack; of equal ones, the most attacked samples, then the
    most training rows.
    """
    blocks = list(group(results, lambda result: result.block).values())

    def size(block: list[Result]) -> tuple[Any, ...]:
        places = {(r.defense.name, r.column) for r in block}
        return len(places), block[0].attacked_n, block[0].info.train_rows, len(block), block[0].block

    blocks.sort(key=size)
    return blocks[-1], len(blocks) - 1


def prefer_unchanged(results: Sequence[Result]) -> list[Result]:
    """Keep the variant without changed hyper-parameters of each defense, or all variants if there is no such one."""
    plain = {r.defense.name for r in results if not r.defense.changed}
    return [r for r in results if not r.defense.changed or r.defense.name not in plain]
