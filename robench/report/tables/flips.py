"""Table ``flips``: clean predictions that a defense gains and loses against the reference, by class and by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from robench.plugins import registry
from robench.report.tables.by_attack import AttackBlock, arrange_by_attack
from robench.report.tables.cells import outcome_cell
from robench.report.tables.model import CLEAN, Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, read_results
from robench.results.classes import name_class
from robench.results.columns import RecordColumns
from robench.results.flags import FEW
from robench.results.info import CellInfo
from robench.results.sample_reader import SampleReader, Samples, right_before, stands
from robench.results.store import StoredStage

LENGTHS = 3
"""Groups of texts by length, of about equal size."""
COLUMNS = tuple(Column(name, better=None) for name in (CLEAN, "gained%", "lost%", "attack%"))
_LEGEND = (
    "Of the attacked samples of a block. clean%: right before the attack. attack%: right under the attack.",
    "gained%: right, where {reference} of the same seed is wrong before the attack; lost%: the other way round.",
    "Nothing is compared: many groups of few samples would make some of them differ by chance.",
)


@dataclass(frozen=True)
class _Group:
    """Some samples of a block: their name and ids."""

    name: str
    ids: frozenset[int]

    def of(self, samples: Samples) -> Samples:
        """Return the samples of this group."""
        return {i: outcome for i, outcome in samples.items() if i in self.ids}


def flips_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of clean predictions gained and lost, and of accuracy by class and by length, from records."""
    results = read_results(request.select(cells))
    reader, reference = SampleReader.of(results, request.reader), registry.reference()
    found, caption = arrange_by_attack(results, request.paper)
    arranged = [block for one in found for block in _split(one, reader, reference)]
    legend = [line.format(reference=reference) for line in _LEGEND]
    infos = (r.info for one in found for r in one.results)
    return request.finish(arranged, COLUMNS, caption=caption, legend=legend, infos=infos)


def _split(whole: AttackBlock, reader: SampleReader, reference: str) -> list[Block]:
    """Return a block for all samples, for each class and for each group of lengths."""
    first = whole.results[0]
    plain = [r for r in whole.results if r.defense.name == reference and not r.defense.changed]
    is_one = len({r.row for r in plain}) == 1  # of several versions, none is the reference of all rows
    of_reference = reader.attacked(((r.seed, r.folder) for r in plain), right_before) if is_one else {}
    blocks = []
    for group in _make_groups(reader.columns(first.folder), first.info.labels):
        rows = whole.rows(partial(_cells, reader, group, of_reference, plain[0].row if is_one else ""))
        rows = tuple(_resize(row, len(group.ids)) for row in rows)
        heading = ", ".join(filter(None, [whole.heading, group.name]))
        blocks.append(Block(whole.setting["task"], heading, rows, {**whole.setting, "group": group.name}))
    return blocks


def _resize(row: Row, n: int) -> Row:
    """Return a row that is about so many samples."""
    flags = [flag for flag in row.flags if flag != "few samples"]
    return replace(row, clean_n=None, attacked_n=n, flags=(*flags, "few samples") if n < FEW else tuple(flags))


def _make_groups(records: RecordColumns, labels: Sequence[str]) -> list[_Group]:
    groups = [_Group("all texts", frozenset(records.id))]
    for label in sorted(set(records.label)):
        name = name_class(label, labels)
        groups.append(_Group(f"class {name}", _pick(records.id, [one == label for one in records.label])))
    for low, high in _cut_lengths(records.words):
        name = f"{low} to {high} words" if low < high else f"{low} words"
        groups.append(_Group(name, _pick(records.id, [low <= words <= high for words in records.words])))
    return groups


def _pick(ids: Sequence[int], chosen: Sequence[bool]) -> frozenset[int]:
    return frozenset(i for i, is_in in zip(ids, chosen, strict=True) if is_in)


def _cut_lengths(words: Sequence[int]) -> list[tuple[int, int]]:
    """Return the shortest and the longest text of each group; texts of one length are in one group."""
    ordered = sorted(words)
    bounds = sorted({ordered[len(ordered) * part // LENGTHS - 1] for part in range(1, LENGTHS + 1)} if ordered else ())
    groups, low = [], ordered[0] if ordered else 0
    for high in bounds:
        if high >= low:
            groups.append((low, high))
            low = min((one for one in ordered if one > high), default=high + 1)
    return groups if len(groups) > 1 else []


def _cells(
    reader: SampleReader, group: _Group, reference: Mapping[int, Samples], own: str, found: Sequence[Result]
) -> tuple[Cell, ...]:
    """Return the cells of a row; ``own`` is the reference's, which gains and loses nothing against itself."""
    places = [(r.seed, r.folder) for r in found]
    before, under = ({s: group.of(o) for s, o in reader.attacked(places, of).items()} for of in (right_before, stands))
    if found[0].row == own:
        return outcome_cell(before, found), Cell(text="n/a"), Cell(text="n/a"), outcome_cell(under, found)
    shared = {seed: group.of(reference[seed]) for seed in before if seed in reference}
    gained = {seed: _flips(before[seed], base, right=True) for seed, base in shared.items()}
    lost = {seed: _flips(before[seed], base, right=False) for seed, base in shared.items()}
    return tuple(outcome_cell(outcomes, found) for outcomes in (before, gained, lost, under))


def _flips(samples: Samples, base: Samples, *, right: bool) -> Samples:
    """Return for each sample whether the model is right and the reference wrong, or the other way round."""
    return {
        i: None if outcome is None or base.get(i) is None else outcome == right and base[i] != right
        for i, outcome in samples.items()
    }
