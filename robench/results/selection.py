"""Selection of stored stages, by name and so that the selected results can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.results.cells import Result, group
from robench.results.info import CellInfo, StatisticsInfo, TransferInfo
from robench.results.store import StoredStage

Facet = Literal["task", "defense", "attack", "encoder", "preset", "seed"]
"""A property by which results are selected."""

InfoT = TypeVar("InfoT", CellInfo, StatisticsInfo, TransferInfo)


class NoResultsError(RobenchError):
    """No stored result matches the request."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A selection of results by name; an empty sequence selects all.

    Attributes:
        tasks: registered names.
        defenses: registered names, in the order in which a figure shows them.
        attacks: registered names.
        encoders: names as the user wrote them.
        presets: names of presets.
        seeds: seeds of training and attack.
        plain: whether to leave out forms of defenses with changed fields.
        swept: a defense and a field of it that may be changed all the same, because its values are to be shown.
    """

    tasks: Sequence[str] = ()
    defenses: Sequence[str] = ()
    attacks: Sequence[str] = ()
    encoders: Sequence[str] = ()
    presets: Sequence[str] = ()
    seeds: Sequence[int] = ()
    plain: bool = False
    swept: tuple[str, str] | None = None

    @property
    def values(self) -> dict[Facet, Sequence[Any]]:
        """Return the selected values of each facet that is restricted; its field has its name, as a plural."""
        return {facet: taken for facet in get_args(Facet) if (taken := getattr(self, f"{facet}s"))}

    def keep(self, stages: Sequence[StoredStage[InfoT]]) -> list[StoredStage[InfoT]]:
        """Return the selected stages, possibly none."""
        return [
            stage
            for stage in stages
            if all(facet_of(stage, facet) in taken for facet, taken in self.values.items())
            and not (self.plain and self._list_changes(stage.info))
        ]

    def _list_changes(self, info: CellInfo | StatisticsInfo | TransferInfo) -> set[str]:
        """Return the changed fields of a defense, without the swept one."""
        return {name for name in info.defense.changed if (info.defense.name, name) != self.swept}

    def select(self, stages: Sequence[StoredStage[InfoT]], runs: str, *, hint: str) -> list[StoredStage[InfoT]]:
        """Return the selected stages, at least one.

        Args:
            stages: the stages to select from.
            runs: their runs folder, for errors.
            hint: a sentence with the command that makes some, for errors.

        Raises:
            NoResultsError: no stage is selected, or a selected value does not occur.
        """
        if not stages:
            raise NoResultsError(f"no results in {runs} yet; {hint}")
        for facet, taken in self.values.items():
            known = {facet_of(stage, facet) for stage in stages}
            absent = [str(value) for value in taken if value not in known]
            if absent:
                there = list_values(sorted(known))
                raise NoResultsError(f"no results in {runs} with {facet} {list_values(absent)}; it has {there}.")
        kept = self.keep(stages)
        if not kept:
            raise NoResultsError(f"no results in {runs} fit all of these filters at once; leave one out.")
        return kept

    def describe(self) -> str:
        """Return a description of the results: ``result of base on sst2 under pwws``."""
        words = {"defense": "of", "task": "on", "attack": "under"}
        order: Sequence[Facet] = ("defense", "task", "attack", "encoder", "preset", "seed")
        parts = [
            f"{words.get(facet, f'with {facet}')} {', '.join(map(str, self.values[facet]))}"
            for facet in order
            if facet in self.values
        ]
        return " ".join(["result", *parts])


ALL = Selection()
"""Selects all results."""


def leave_out_crossed(stages: Sequence[StoredStage[InfoT]]) -> list[StoredStage[InfoT]]:
    """Return the stages without the cells of models under other attacks than that which they were trained against."""
    return [stage for stage in stages if not getattr(stage.info, "is_crossed", False)]


def facet_of(stage: StoredStage[InfoT], facet: Facet) -> Any:
    """Return a stage's task, preset or seed, or the name of its defense, attack or encoder."""
    value = getattr(stage.info, facet)
    if facet == "attack":
        return value.name or value.title
    return value.name if facet in ("defense", "encoder") else value


def largest_block(results: Sequence[Result]) -> tuple[list[Result], int]:
    """Return the largest group of comparable results, and the number of other groups.

    The largest group has the most pairs of a defense and an attack; of equal ones, the most attacked samples, then the
    most training rows. Attacks on the test split come before all others.
    """
    blocks = list(group(results, lambda result: result.block).values())

    def size(block: list[Result]) -> tuple[Any, ...]:
        places = {(r.defense.name, r.column) for r in block}
        is_test = block[0].info.split == "test"
        return is_test, len(places), block[0].attacked_n, block[0].info.train_rows, len(block), block[0].block

    blocks.sort(key=size)
    return blocks[-1], len(blocks) - 1


def prefer_unchanged(results: Sequence[Result]) -> list[Result]:
    """Keep the variant without changed hyper-parameters of each defense, or all variants if there is no such one."""
    plain = {r.defense.name for r in results if not r.defense.changed}
    return [r for r in results if not r.defense.changed or r.defense.name not in plain]
