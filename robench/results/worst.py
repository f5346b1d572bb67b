"""Accuracy of a trained model under the worst of several attacks: an example counts if the model survives all of them.

The idea is that of AutoAttack (Croce and Hein, 2020): an attacker who may choose the attack for each example. Against a
random model the attacker has some draws to choose by, and is judged by others: the lowest of several shares of the same
draws would be too low by chance alone, and the more so the more attacks there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import comb

from robench.results.cells import Result, group
from robench.results.columns import RecordColumns
from robench.results.draws import DRAWS
from robench.results.sample_reader import SampleReader, Samples, stands
from robench.results.samples import Outcome


def judge_shared_samples(attacks: Sequence[RecordColumns]) -> Samples:
    """Return for each sample whether a model survives all attacks; None for one on which any attack ended in an error.

    These are the samples that every attack had, in the order of the first. Of a random model it is a share of right
    draws, see :func:`choose_by_half`.

    Args:
        attacks: the records of each attack on the model, at least one.
    """
    outcomes = [dict(zip(attack.id, stands(attack), strict=True)) for attack in attacks]
    met = {i: tuple(one[i] for one in outcomes) for i in attacks[0].id if all(i in one for one in outcomes)}
    # Few combinations of outcomes occur, so each is judged once.
    lowest = {one: _find_lowest(one) for one in set(met.values())}
    return {i: lowest[one] for i, one in met.items()}


def _find_lowest(outcomes: Sequence[Outcome]) -> Outcome:
    known = [outcome for outcome in outcomes if outcome is not None]
    if len(known) < len(outcomes):
        return None
    is_random = not {0, 1}.issuperset(known)
    return choose_by_half([round(DRAWS * outcome) for outcome in known]) if is_random else min(known)


def choose_by_half(right: Sequence[int]) -> float:
    """Return the share of right draws under the attack that half of the draws choose, by the other half of its draws.

    It is the mean over all ways to halve the draws of each attack; attacks that are equally good are equally likely.

    Args:
        right: right draws of :data:`~robench.results.draws.DRAWS` under each attack.

    Example:
        >>> [round(choose_by_half(right), 2) for right in ([5], [10, 0], [5, 5])]
        [0.5, 0.0, 0.59]
    """
    half = DRAWS // 2
    ways = comb(DRAWS, half)
    chances = [[comb(n, k) * comb(DRAWS - n, half - k) / ways for k in range(half + 1)] for n in right]
    share = 0.0
    for place, (n, own) in enumerate(zip(right, chances, strict=True)):
        others = [*chances[:place], *chances[place + 1 :]]
        for k, chance in enumerate(own):
            if chance:
                share += chance * _win_ties([(sum(one[k + 1 :]), one[k]) for one in others]) * (n - k) / (DRAWS - half)
    return share


def _win_ties(others: Sequence[tuple[float, float]]) -> float:
    """Return the chance to be drawn among those that are level, if no other is below.

    Args:
        others: of each other one the chance to be above, and that to be level.
    """
    level = [1.0]  # the chances that as many others are level, and all the rest above
    for above, same in others:
        level = [a * above + b * same for a, b in zip([*level, 0.0], [0.0, *level], strict=True)]
    return sum(chance / (count + 1) for count, chance in enumerate(level))


class WorstReader:
    """Reads the accuracy of models under the worst of the attacks that their block has.

    It is known only of a model that met every attack of its block, on the samples that all attacks of the block had:
    otherwise the worst of two attacks would be compared with the worst of four.

    Args:
        reader: of the results' runs folder.
        results: all results of the blocks.
        attacks: identities of the attacks that a model has to meet, as in results; by default those of its block.
    """

    def __init__(self, reader: SampleReader, results: Sequence[Result], attacks: Collection[str] = ()) -> None:
        self._reader = reader
        blocks = group(results, lambda r: r.block)
        self._first: Mapping[str, Result] = {block: members[0] for block, members in blocks.items()}
        self._attacks = {block: set(attacks) or {r.column for r in members} for block, members in blocks.items()}

    def read(self, row: Sequence[Result]) -> dict[int, Samples]:
        """Return the outcomes under the worst attack of each seed of a row for which they are known.

        Args:
            row: results of models that differ in their seeds alone, in one block.

        Raises:
            RobenchError: the records of a cell are missing or broken.
        """
        found: dict[int, Samples] = {}
        for seed, met in sorted(group(row, lambda r: str(r.seed)).items()):
            by_attack = {r.column: r for r in met}
            if len(by_attack) < len(met) or by_attack.keys() != self._attacks[met[0].block]:
                continue
            columns = [self._reader.columns(r.folder) for r in by_attack.values()]
            ids = self._reader.columns(self._first[met[0].block].folder).id
            if ids and all(one.id == ids for one in columns):
                found[int(seed)] = judge_shared_samples(columns)
        return found
