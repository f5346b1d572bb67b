"""The numbers that the TaiChi paper printed, and the runs behind them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.results.info import BEFORE

PAPER = "paper"
"""What ``--against`` calls it."""
NUMBERS = ("3", "4", "5", "6", "7")
"""Its tables of numbers."""

What = Literal["tasks", "defenses", "attacks", "encoders"]


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table.

    Attributes:
        task: by its name in robench, as are the others.
        defense: empty in a table of tasks; ``before`` for the encoder before fine-tuning.
        encoder: empty in a table of tasks.
        attack: of the whole row; empty where each column has its own, or none.
        numbers: by column: attacks and ``clean%`` as shares from 0 to 1, others as printed.
        printed_differences: to the best other method, as printed beside the numbers; shares.
    """

    task: str
    defense: str
    encoder: str
    attack: str
    numbers: Mapping[str, Fraction]
    printed_differences: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A published table, as ``leaderboards/paper/table<number>.toml`` has it.

    Attributes:
        caption: in our words.
        source: the publication.
        notes: what has to be known to compare with it.
    """

    number: str
    caption: str
    source: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    def find(self, *, task: str, defense: str = "", attack: str = "", encoder: str = "") -> PublishedRow | None:
        """The row of that task, defense and attack, of that encoder if the table has several; None if there is none."""
        several = len({row.encoder for row in self.rows}) > 1
        for row in self.rows:
            same = (row.task, row.defense) == (task, defense) and row.attack in ("", attack)
            if same and (not several or row.encoder == plain_name(encoder)):
                return row
        return None

    @property
    def encoders(self) -> tuple[str, ...]:
        """All encoders, in order."""
        return _distinct(row.encoder for row in self.rows)


def plain_name(encoder: str) -> str:
    """An encoder's name without the owner that the Hub gave BERT later."""
    return encoder.removeprefix("google-bert/")


@cache
def published(number: str) -> PublishedTable:
    """A table of the paper: 3 to 7.

    Raises:
        RobenchError: the paper has no such table of numbers.
    """
    if number not in NUMBERS:
        raise RobenchError(explain_unknown("table", number, list(NUMBERS), "these are the paper's tables of numbers"))
    text = files("robench.leaderboards").joinpath(f"paper/table{number}.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text, parse_float=Fraction)
    rows = tuple(_row(found, row) for row in found["row"])
    return PublishedTable(number, found["caption"], found["source"], tuple(found.get("notes", ())), rows)


def needs(number: str) -> dict[What, tuple[str, ...]]:
    """What has to be run for a table: its tasks, defenses, attacks and encoders, each in the paper's order.

    The encoder before fine-tuning is no defense: it has to be measured, not trained.

    Returns:
        Names by ``tasks``, ``defenses``, ``attacks`` and ``encoders``.

    Raises:
        RobenchError: there is no such table, or nothing has to be run for it.
    """
    if number in ("2", "3"):
        raise RobenchError(f"nothing has to be run for table {number}; `robench table {number}` shows it.")
    rows = published(number).rows
    columns = (name for row in rows for name in row.numbers if not row.attack and not name.endswith("%"))
    return {
        "tasks": _distinct(row.task for row in rows),
        "defenses": _distinct(row.defense for row in rows if row.defense != BEFORE),
        "attacks": _distinct([*(row.attack for row in rows if row.attack), *columns]),
        "encoders": _distinct(row.encoder for row in rows),
    }


def _row(table: Mapping[str, Any], row: Mapping[str, Any]) -> PublishedRow:
    shares = set(table.get("percent", ()))

    def numbers(given: Mapping[str, Any]) -> dict[str, Fraction]:
        return {name: Fraction(number) / (100 if name in shares else 1) for name, number in given.items()}

    return PublishedRow(
        task=row.get("task", table.get("task", "")),
        defense=row.get("defense", ""),
        encoder=row.get("encoder", table.get("encoder", "")),
        attack=table.get("attack", ""),
        numbers=numbers(row["numbers"]),
        printed_differences=numbers(row.get("printed_differences", {})),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
