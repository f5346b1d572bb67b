"""What tables take from stored cells: exact accuracies, and identities that keep different things apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

from robench import records
from robench.errors import RobenchError
from robench.store import RECORDS_FILE, STAGE_FILE, StoredStage
from robench.summary import summarise

T = TypeVar("T")

_NEEDED = ("key", "model", "preset", "train_rows", "adversarial")


@dataclass(frozen=True)
class Result:
    """The numbers of one cell.

    Attributes:
        info: its ``stage.json``.
        block: identity of what it shares with the cells it can be compared with.
        row: identity of its defense.
        column: identity of its attack.
        clean: accuracy on clean samples, 0 to 1.
        attacked: accuracy under attack, 0 to 1: failed / n.
        attacked_n: attacked samples.
    """

    info: Mapping[str, Any]
    block: str
    row: str
    column: str
    seed: int
    clean: Fraction
    attacked: Fraction
    attacked_n: int


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
    return _apart([_result(cell) for cell in cells])


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


def select(cells: Sequence[StoredStage], runs: str, **wanted: Sequence[Any] | None) -> list[StoredStage]:
    """The cells whose ``task``, ``defense``, ``attack``, ``encoder``, ``preset`` and ``seed`` are wanted.

    Args:
        cells: to choose from.
        runs: where they are from, for errors.
        wanted: allowed values of each; none allows all.

    Raises:
        RobenchError: none is left, or a value occurs nowhere.
    """
    if not cells:
        raise RobenchError(
            f"no results in {runs} yet; "
            "`robench run --defense base,taichi --task trec --attack pwws --preset quick` makes some."
        )
    kept = list(cells)
    for what, values in wanted.items():
        if not values:
            continue
        known = {_name(cell, what) for cell in cells}
        missing = [str(value) for value in values if value not in known]
        if missing:
            there = ", ".join(map(str, sorted(known)))
            raise RobenchError(f"no results in {runs} with {what} {', '.join(missing)}; it has {there}.")
        kept = [cell for cell in kept if _name(cell, what) in values]
    if not kept:
        raise RobenchError(f"no results in {runs} fit all of these filters at once; leave one out.")
    return kept


def grouped(things: Iterable[T], identity: Callable[[T], str]) -> dict[str, list[T]]:
    """Things by identity, in order of first appearance."""
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(identity(thing), []).append(thing)
    return found


def row_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Name of each defense, with changed hyper-parameters; the key of one of its models where that is not enough."""
    return _labels(results, lambda r: r.row, lambda r: (r.info["defense"]["name"], r.info["defense"]), "model")


def column_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Title of each attack, likewise; the key of one of its cells where that is not enough."""
    return _labels(results, lambda r: r.column, lambda r: (r.info["attack"]["title"], r.info["attack"]), "key")


def option_text(value: Any) -> str:
    """A hyper-parameter as ``--set`` reads it."""
    return (
        {None: "none", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )


def _labels(
    results: Sequence[Result],
    identity: Callable[[Result], str],
    named: Callable[[Result], tuple[str, Mapping[str, Any]]],
    key: str,
) -> dict[str, Label]:
    plain, keys = {}, {}
    for name, members in grouped(results, identity).items():
        # A thing that goes by two names is called by the one under which fewer of its fields are unusual.
        title, thing = min(map(named, members), key=lambda pair: (len(pair[1]["changed"]), pair[0]))
        changed = ", ".join(f"{field}={option_text(value)}" for field, value in sorted(thing["changed"].items()))
        plain[name] = f"{title} ({changed})" if changed else title
        keys[name] = min(str(member.info[key]) for member in members)[:8]
    count = Counter(plain.values())
    return {
        name: Label(f"{text} [{keys[name]}]", True) if count[text] > 1 else Label(text, False)
        for name, text in plain.items()
    }


def _result(cell: StoredStage) -> Result:
    def ask(*path: str) -> Any:
        return _asked(cell, *path)

    for name in _NEEDED:
        ask(name)
    for thing in ("defense", "attack"):
        ask(thing, "name"), ask(thing, "changed")
    if not ask("clean", "n"):
        raise RobenchError(f"{cell.folder / STAGE_FILE} counts no clean samples; delete its folder and run again.")
    summary, identity = attacked(cell), cell.info.get("identity", {})
    block = [ask(name) for name in ("task", "training", "precision", "train_rows")]
    block += [ask("data", "digest"), ask("encoder", "digest"), summary["n"], identity.get("format")]
    defense = [ask("defense", "class"), ask("defense", "fields"), cell.info["defense"].get("code", "")]
    attack = [ask("attack", "title"), identity.get("attack") or [ask("attack", "class"), ask("attack", "fields")]]
    return Result(
        info=cell.info,
        block=_text(block),
        row=_text(defense),
        column=_text(attack),
        seed=ask("seed"),
        clean=Fraction(ask("clean", "correct"), ask("clean", "n")),
        attacked=Fraction(summary["failed"], summary["n"]),
        attacked_n=summary["n"],
    )


def _asked(cell: StoredStage, *path: str) -> Any:
    value: Any = cell.info
    for key in path:
        if not isinstance(value, dict) or key not in value:
            raise RobenchError(f"{cell.folder / STAGE_FILE} has no {'.'.join(path)}; delete its folder and run again.")
        value = value[key]
    return value


def _name(cell: StoredStage, what: str) -> Any:
    return _asked(cell, what, "name") if what in ("defense", "attack", "encoder") else _asked(cell, what)


def _apart(results: Sequence[Result]) -> list[Result]:
    """Results that would share one place go to rows of their own: they differ in something that has no name here."""
    places = [(r.block, r.row, r.column, r.seed) for r in results]
    count = Counter(places)
    return [
        replace(r, row=_text([r.row, r.info["key"]])) if count[place] > 1 else r
        for r, place in zip(results, places, strict=True)
    ]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
