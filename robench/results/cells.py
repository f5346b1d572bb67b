"""What tables take from stored cells: exact accuracies, and identities that keep different things apart."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

from robench.errors import RobenchError
from robench.results import records
from robench.results.store import RECORDS_FILE, STAGE_FILE, StoredStage
from robench.results.summary import summarise

T = TypeVar("T")

_NEEDED = ("key", "model", "preset", "train_rows", "adversarial")
HINT = "`robench run --defense base,taichi --task trec --attack pwws --preset quick` makes some."


class NoResultsError(RobenchError):
    """Nothing is stored that was asked for."""


@dataclass(frozen=True)
class Result:
    """The numbers of one cell.

    Attributes:
        info: its ``stage.json``.
        block: identity of what it shares with the cells it can be compared with.
        model_block: the same for its clean accuracy alone, whatever the number of attacked samples.
        row: identity of its defense.
        column: identity of its attack.
        clean: accuracy on clean samples, 0 to 1.
        attacked: accuracy under attack, 0 to 1: failed / n.
        attacked_n: attacked samples.
        learned: whether it is right more often than naming the most frequent label every time would be, beyond two
            standard errors; True where that is not known.
        summary: of its records, see :func:`robench.results.summary.summarise`.
    """

    info: Mapping[str, Any]
    block: str
    model_block: str
    row: str
    column: str
    seed: int
    clean: Fraction
    attacked: Fraction
    attacked_n: int
    learned: bool
    summary: Mapping[str, Any]


class Label(NamedTuple):
    """How a row or column is called.

    Attributes:
        text: for people.
        ambiguous: whether only a key in it tells it from another one.
    """

    text: str
    ambiguous: bool


def read_results(cells: Sequence[StoredStage]) -> list[Result]:
    """Numbers of cells.

    Raises:
        RobenchError: a cell's files are missing or broken.
    """
    return apart([_result(cell) for cell in cells], by="key")


def attacked(cell: StoredStage) -> dict[str, Any]:
    """Summary of a cell's records: the stored one while it fits the records file, else made again.

    Raises:
        RobenchError: the records are missing, broken or empty.
    """
    path = cell.folder / RECORDS_FILE
    try:
        size = path.stat().st_size
    except OSError as error:
        raise RobenchError(f"{cell.folder} has no {RECORDS_FILE}; delete the folder and run again.") from error
    summary = cell.info.get("attacked")
    if not isinstance(summary, dict) or cell.info.get("records_bytes") != size:
        summary = summarise(records.read(path))
    if not summary["n"]:
        raise RobenchError(f"{path} is empty; delete its folder and run again.")
    return summary


def select(
    cells: Sequence[StoredStage], runs: str, *, hint: str = "", **wanted: Sequence[Any] | None
) -> list[StoredStage]:
    """The cells whose ``task``, ``defense``, ``attack``, ``encoder``, ``preset`` and ``seed`` are wanted.

    Args:
        cells: to choose from.
        runs: where they are from, for errors.
        hint: what makes some, for errors.
        wanted: allowed values of each; none allows all.

    Raises:
        NoResultsError: none is left, or a value occurs nowhere.
    """
    if not cells:
        raise NoResultsError(f"no results in {runs} yet; {hint or HINT}")
    kept = list(cells)
    for what, values in wanted.items():
        if not values:
            continue
        known = {name_of(cell, what) for cell in cells}
        missing = [str(value) for value in values if value not in known]
        if missing:
            there = ", ".join(map(str, sorted(known)))
            raise NoResultsError(f"no results in {runs} with {what} {', '.join(missing)}; it has {there}.")
        kept = [cell for cell in kept if name_of(cell, what) in values]
    if not kept:
        raise NoResultsError(f"no results in {runs} fit all of these filters at once; leave one out.")
    return kept


def name_of(cell: StoredStage, what: str) -> Any:
    """Its task, preset or seed, or the name of its defense, attack or encoder.

    Raises:
        RobenchError: its ``stage.json`` does not say.
    """
    if what == "attack" and "name" not in asked_of(cell, what):
        return asked_of(cell, what, "title")
    return asked_of(cell, what, "name") if what in ("defense", "attack", "encoder") else asked_of(cell, what)


def asked_of(cell: StoredStage, *path: str) -> Any:
    """What ``stage.json`` says under these keys.

    Raises:
        RobenchError: it does not.
    """
    value: Any = cell.info
    for key in path:
        if not isinstance(value, dict) or key not in value:
            raise RobenchError(f"{cell.folder / STAGE_FILE} has no {'.'.join(path)}; delete its folder and run again.")
        value = value[key]
    return value


def apart(results: Sequence[Result], by: str) -> list[Result]:
    """Results that would share one place go to rows of their own: they differ in something that has no name here.

    Args:
        results: of a table.
        by: what tells two of one place apart: ``key`` or ``model`` of their ``stage.json``.
    """
    places: dict[tuple[Any, ...], set[str]] = {}
    for r in results:
        places.setdefault((r.block, r.row, r.column, r.seed), set()).add(r.info[by])
    return [
        replace(r, row=text_of([r.row, r.info[by]])) if len(places[r.block, r.row, r.column, r.seed]) > 1 else r
        for r in results
    ]


def text_of(value: Any) -> str:
    """A JSON value as an identity."""
    return json.dumps(value, sort_keys=True)


def grouped(things: Iterable[T], identity: Callable[[T], str]) -> dict[str, list[T]]:
    """Things by identity, in order of first appearance."""
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(identity(thing), []).append(thing)
    return found


def row_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Name of each defense, with changed hyper-parameters; the key of one of its models where that is not enough."""
    return labels([(r.row, r.info["defense"]["name"], r.info["defense"], r.info["model"]) for r in results])


def column_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Title of each attack, likewise; the key of one of its cells where that is not enough."""
    attacks = [(r, r.info["attack"]) for r in results]
    return labels([(r.column, attack["title"], _less_variant(attack), r.info["key"]) for r, attack in attacks])


def _less_variant(attack: Mapping[str, Any]) -> dict[str, Any]:
    """Without the changed fields that its title tells."""
    changed = attack.get("changed", {})
    return {**attack, "changed": {name: v for name, v in changed.items() if name not in ("protocol", "resources")}}


def option_text(value: Any) -> str:
    """A hyper-parameter as ``--set`` reads it."""
    return (
        {None: "none", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )


def labels(things: Iterable[tuple[str, str, Mapping[str, Any], str]]) -> dict[str, Label]:
    """Names for people by identity.

    Args:
        things: identity, title, description with the fields that were ``changed``, and the key of a result.
    """
    plain, keys = {}, {}
    for identity, members in grouped(things, lambda thing: thing[0]).items():
        # A thing that goes by two names is called by the one under which fewer of its fields are unusual.
        _, title, thing, _ = min(members, key=lambda member: (len(member[2].get("changed", {})), member[1]))
        changed = ", ".join(f"{name}={option_text(value)}" for name, value in sorted(thing.get("changed", {}).items()))
        plain[identity] = f"{title} ({changed})" if changed else title
        keys[identity] = min(str(member[3]) for member in members)[:8]
    count = Counter(plain.values())
    return {
        identity: Label(f"{text} [{keys[identity]}]", True) if count[text] > 1 else Label(text, False)
        for identity, text in plain.items()
    }


def _result(cell: StoredStage) -> Result:
    def ask(*path: str) -> Any:
        return asked_of(cell, *path)

    for name in _NEEDED:
        ask(name)
    for thing in ("defense", "attack"):
        ask(thing, "name"), ask(thing, "changed")
    if not ask("clean", "n"):
        raise RobenchError(f"{cell.folder / STAGE_FILE} counts no clean samples; delete its folder and run again.")
    summary, identity = attacked(cell), cell.info.get("identity", {})
    block = [ask(name) for name in ("task", "training", "precision", "train_rows")]
    block += [ask("data", "digest"), ask("encoder", "digest"), identity.get("format")]
    defense = [ask("defense", "class"), ask("defense", "fields"), cell.info["defense"].get("code", "")]
    attack = [ask("attack", "title"), identity.get("attack") or [ask("attack", "class"), ask("attack", "fields")]]
    return Result(
        info=cell.info,
        block=text_of([*block, summary["n"]]),
        model_block=text_of(block),
        row=text_of(defense),
        column=text_of(attack),
        seed=ask("seed"),
        clean=Fraction(ask("clean", "correct"), ask("clean", "n")),
        attacked=Fraction(summary["failed"], summary["n"]),
        attacked_n=summary["n"],
        learned=_learned(**ask("clean")),
        summary=summary,
    )


def _learned(correct: int, n: int, majority: int | None = None) -> bool:
    if majority is None:  # of an earlier version
        return True
    chance = majority / n
    return correct > majority + 2 * math.sqrt(n * chance * (1 - chance))
