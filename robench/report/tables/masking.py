"""The flag ``search-masked`` of a table: which other ways of fooling a model there are, and what they find.

How it works: an attack on a model is checked by transfers to the same model of the texts that the same attack made, and
by attacks on the same model that are this attack with one thing changed, such as the order of words. They are found by
the model's key, the attack's identity and the split. Only ways that there are for the reference as well, with the same
seeds, are used, so that like is compared with like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from robench.plugins import registry
from robench.report.tables.model import Block, Column, MaskedShare
from robench.results.cells import Result, identity_text
from robench.results.columns import STATUSES
from robench.results.info import AttackInfo, CellInfo, TransferInfo
from robench.results.intervals import LEVEL
from robench.results.sample_reader import SampleReader
from robench.results.search_masked import Masking, Statuses, find_masked, is_search_masked
from robench.results.store import StoredStage

TRANSFERRED = "the attack's texts against another seed"


class MaskReader:
    """Finds the share of samples that an attack fails on and other ways fool.

    Args:
        reader: of the runs folder.
        results: all results of the table.
        cells: all cells of the runs folder, or those that there are; the other ways may be among them.
        transfers: likewise.
        level: of the interval of a share.
    """

    def __init__(
        self,
        reader: SampleReader,
        results: Sequence[Result],
        cells: Iterable[StoredStage[CellInfo]],
        transfers: Iterable[StoredStage[TransferInfo]],
        level: float = LEVEL,
    ) -> None:
        self._reader, self._level = reader, level
        self._ways = _find_ways(cells, transfers)
        name = registry.reference()
        self._reference: dict[tuple[str, str], list[Result]] = {}
        for result in results if self._ways else ():
            if result.defense.name == name and not result.defense.changed:
                self._reference.setdefault((result.block, result.column), []).append(result)

    def find(self, found: Sequence[Result]) -> MaskedShare | None:
        """Return the share for the results of a row and an attack; None if it is not known.

        Args:
            found: results that differ in their seeds alone, possibly none.

        Raises:
            RobenchError: the records of one are missing or broken.
        """
        if not found:
            return None
        reference = self._reference.get((found[0].block, found[0].column), [])
        checked = ({r.seed for r in some if self._ways.get(_place(r.info))} for some in (found, reference))
        seeds = set.intersection(*checked)
        ours, theirs = ([r for r in some if r.seed in seeds] for some in (found, reference))
        common = [set(self._ways.get(_place(r.info), {})) for r in (*ours, *theirs)]
        ways = sorted(set.intersection(*common)) if common else []
        if not ways:
            return None
        defense, usual = self._measure(ours, ways), self._measure(theirs, ways)
        share, bound, reference_share = defense.share, defense.lower_bound(self._level), usual.share
        if share is None or bound is None or reference_share is None:
            return None
        is_reference = found[0].defense.name == reference[0].defense.name
        return MaskedShare(
            share=share,
            low=bound,
            reference=reference_share,
            fooled=defense.fooled,
            withstood=defense.withstood,
            ways=tuple(ways),
            is_flagged=not is_reference and is_search_masked(defense, usual, self._level),
        )

    def _measure(self, results: Sequence[Result], ways: Sequence[str]) -> Masking:
        return Masking(
            {
                r.seed: find_masked(
                    self._statuses(r.folder), [self._statuses(self._ways[_place(r.info)][way]) for way in ways]
                )
                for r in results
            }
        )

    def _statuses(self, folder: Path) -> Statuses:
        columns = self._reader.columns(folder)
        return {i: STATUSES[letter] for i, letter in zip(columns.id, columns.status, strict=True)}


def describe_masked(blocks: Sequence[Block], columns: Sequence[Column]) -> list[str]:
    """Return a note for each cell that is flagged."""
    name = registry.reference()
    return [
        f"{block.task}, {row.label} under {column.name}: search-masked: of {masked.withstood:,} samples that the attack"
        f" fails on, {masked.fooled:,} ({100 * masked.share:.1f} %, at least {low} %) are fooled by"
        f" {' or '.join(masked.ways)}; of {name}'s {reference} %"
        for block in blocks
        for row in block.rows
        for column, cell in zip(columns, row.cells, strict=True)
        if (masked := cell.masked) is not None and masked.is_flagged
        for low, reference in [_show_apart(masked.low, masked.reference)]
    ]


def _show_apart(low: float, reference: float) -> list[str]:
    """Return two shares in percent, the first of which is above the other, with the digits that show so."""
    digits = next((d for d in range(1, 12) if round(100 * low, d) != round(100 * reference, d)), 1)
    return [f"{100 * share:.{digits}f}" for share in (low, reference)]


_Place = tuple[str, str, str]
"""A model's key, the identity of an attack on it, and the split whose rows were attacked."""


def _find_ways(
    cells: Iterable[StoredStage[CellInfo]], transfers: Iterable[StoredStage[TransferInfo]]
) -> Mapping[_Place, Mapping[str, Path]]:
    """Return the folders of other ways to fool a model by name, for each attack on it: those of the most samples."""
    ways: dict[_Place, dict[str, Path]] = {}
    for transfer in sorted(transfers, key=_count_samples):
        ways.setdefault(_place(transfer.info), {})[TRANSFERRED] = transfer.folder
    for cell in sorted(cells, key=_count_samples):
        if cell.info.attack.base and (of := _identity(cell.info).get("of")):
            place = cell.info.model, identity_text(of), cell.info.split
            ways.setdefault(place, {})[cell.info.attack.title] = cell.folder
    return ways


def _count_samples(stage: StoredStage[CellInfo] | StoredStage[TransferInfo]) -> int:
    return stage.info.attacked.n if stage.info.attacked else 0


def _place(info: CellInfo | TransferInfo) -> _Place:
    named = ("name", "code")  # which the identity of a base does not have
    identity = {name: value for name, value in _identity(info).items() if name not in named}
    return info.model, identity_text(identity), info.split if isinstance(info, CellInfo) else "test"


def _identity(info: AttackInfo) -> Mapping[str, Any]:
    identity = info.identity.get("attack")
    return identity if isinstance(identity, dict) else {}
