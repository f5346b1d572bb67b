"""The numbers of stored cells: exact accuracies, and the identities that decide where a number stands in a table.

How it works: each result gets four identities, texts made of everything that matters. ``block`` holds what two results
must share to be compared: task, data and split, encoder, training settings, precision, format, and numbers of rows.
Within a block, ``row`` identifies the defense and ``column`` the attack. Results with the same block, row and column
differ in their seed, and are averaged. If two of them have the same seed as well, something without a name differs,
such as the version of a plug-in. Then :func:`separate` gives each a row of its own, so that different things are never
averaged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from robench.results.info import CellInfo
from robench.results.info_parts import Clean, Outcome, PluginInfo
from robench.results.store import StoredStage

if TYPE_CHECKING:
    from robench.results.entry_form import Entry

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """The numbers of one cell.

    Attributes:
        folder: where it is stored.
        info: its ``stage.json``.
        entry: the entry that it is part of; None in a runs folder.
        block: identity of what it has in common with the cells that it can be compared with.
        model_block: the same without the number of attacked samples, on which a clean accuracy does not depend.
        row: identity of its defense.
        column: identity of its attack.
        attack: the attack, with its title.
        clean_accuracy: accuracy on clean samples, 0 to 1.
        accuracy_under_attack: accuracy under attack, 0 to 1; None if every sample ended in an error.
        has_learned: whether its clean accuracy is more than two standard errors above that of always naming the most
            frequent label; True if that is not known.
        outcome: counts and means of its records.
    """

    folder: Path
    info: CellInfo
    entry: Entry | None
    block: str
    model_block: str
    row: str
    column: str
    attack: PluginInfo
    clean_accuracy: Fraction
    accuracy_under_attack: Fraction | None
    has_learned: bool
    outcome: Outcome

    @property
    def seed(self) -> int:
        """Return the seed of training and attack."""
        return self.info.seed

    @property
    def defense(self) -> PluginInfo:
        """Return the defense of the model under attack."""
        return self.info.defense

    @property
    def defense_identity(self) -> str:
        """Return the identity of the defense, whichever attack the model was trained against."""
        return identity_text(self.defense.identify())

    @property
    def training_attack(self) -> list[Any] | None:
        """Return what models share only if they were trained on the texts of the same attack; None of those of none."""
        attack = self.info.training_attack
        return [attack.title, *attack.identify()] if attack else None

    @property
    def attacked_n(self) -> int:
        """Count the attacked samples."""
        return self.outcome.n


def read_results(cells: Sequence[StoredStage[CellInfo]]) -> list[Result]:
    """Read the numbers of cells that fit, as :meth:`~robench.results.store.Store.stages` gives them.

    Raises:
        RobenchError: a cell's files are missing or broken.
    """
    return separate([_result(cell) for cell in cells], by="key")


def read_model_results(cells: Sequence[StoredStage[CellInfo]]) -> list[Result]:
    """Read the numbers of cells, with a row for each trained model in place of one for each defense.

    Models that differ in nothing but their seed share a row: they are of one defense, and were trained against the same
    attack or against none.

    Raises:
        RobenchError: a cell's files are missing or broken.
    """
    results = []
    for result in map(_result, cells):
        parts = [result.info.defense.identify(), result.training_attack]
        results.append(replace(result, row=identity_text(parts)))
    results = _tell_apart(results, lambda r: (r.block, r.row, r.seed), "model")
    return separate(results, by="key")


def separate(results: Sequence[Result], by: Literal["key", "model"]) -> list[Result]:
    """Give results that would share one place in a table a row each, because they are not the same thing.

    Args:
        results: the results of a table.
        by: which key distinguishes two results of one place: the cell's, or its model's.
    """
    return _tell_apart(results, lambda r: (r.block, r.row, r.column, r.seed), by)


def _tell_apart(
    results: Sequence[Result], place: Callable[[Result], Hashable], by: Literal["key", "model"]
) -> list[Result]:
    """Give those results a row each by key that share a place with results of another key."""
    keys: dict[Hashable, set[str]] = {}
    for result in results:
        keys.setdefault(place(result), set()).add(getattr(result.info, by))
    return [
        replace(r, row=identity_text([r.row, getattr(r.info, by)])) if len(keys[place(r)]) > 1 else r for r in results
    ]


def keep_shared_models(found: Sequence[Result]) -> list[Result]:
    """Return the results of those models of a defense that all of its seeds have; all results if they share none.

    A defense that is trained once for each attack has several models of each seed. If a seed lacks one, a mean over
    models and seeds would be of other attacks with each seed. It is if the seeds share no model: whoever averages the
    results of a defense needs at least one.

    Args:
        found: results of a defense with one set of fields, possibly none.
    """
    return find_shared_models(found) or list(found)


def find_shared_models(found: Sequence[Result]) -> list[Result]:
    """Return the results of those models of a defense that all of its seeds have; none if they share none.

    Args:
        found: results of a defense with one set of fields, possibly none.
    """
    by_seed: dict[int, set[str]] = {}
    for r in found:
        by_seed.setdefault(r.seed, set()).add(identity_text(r.training_attack))
    shared = set.intersection(*by_seed.values()) if by_seed else set()
    return [r for r in found if identity_text(r.training_attack) in shared]


def identity_text(value: Any) -> str:
    """Return a JSON value as text; equal values give equal texts."""
    return json.dumps(value, sort_keys=True)


def group(items: Iterable[T], identity: Callable[[T], str]) -> dict[str, list[T]]:
    """Group items by identity, in order of first appearance."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(identity(item), []).append(item)
    return groups


def _result(cell: StoredStage[CellInfo]) -> Result:
    info, outcome = cell.info, cell.info.attacked
    block = [info.task, info.training, info.precision, info.train_rows]
    block += [info.data.digest, info.encoder.digest, info.format]
    others = [info.clean.n, info.split]
    attack = info.identity.get("attack") or [info.attack.class_, info.attack.fields]
    return Result(
        folder=cell.folder,
        info=info,
        entry=cell.entry,
        block=identity_text([*block, outcome.n, *others]),
        model_block=identity_text([*block, *others]),
        row=_identify_row(info),
        column=identity_text([info.attack.title, attack]),
        attack=info.attack,
        clean_accuracy=Fraction(info.clean.correct, info.clean.n),
        accuracy_under_attack=info.accuracy_under_attack if info.draws else outcome.accuracy,
        has_learned=has_learned(info.clean),
        outcome=outcome,
    )


def _identify_row(info: CellInfo) -> str:
    """Return the identity of a defense; of a model under another attack than its own, with the one it was trained for.

    So such a result never shares a row with those of the models that meet their own attack.
    """
    defense = info.defense.identify()
    against = info.trained_against if info.is_crossed else None
    return identity_text([*defense, against.identify()] if against else defense)


def has_learned(clean: Clean) -> bool:
    """Return whether a model has learned something, as :class:`Result` says."""
    if clean.majority is None:  # written by an early version
        return True
    chance = clean.majority / clean.n
    return clean.correct > clean.majority + 2 * math.sqrt(clean.n * chance * (1 - chance))
