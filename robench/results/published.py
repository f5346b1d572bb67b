"""The numbers that a paper printed, read from ``table<number>.toml`` beside its ``paper.toml``.

The keys of the file are the attributes below, but for these: ``[[row]]`` begins a row; ``task``, ``defense``,
``encoder`` and ``attack`` above the rows hold for all of them; ``percent`` names the columns that are in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from robench.results.checked_toml import TomlSection, read_toml
from robench.results.papers import Paper


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table.

    Attributes:
        task: the task's name in robench.
        defense: the defense's name in robench; empty in a table of tasks; ``before`` for the encoder before
            fine-tuning.
        encoder: the encoder's name in robench; empty in a table of tasks.
        attack: the title of the row's attack; empty if each column has its own, or there is none.
        numbers: numbers by column: attacks and ``clean%`` as shares from 0 to 1, others as printed.
        printed_differences: differences to the best other method, as printed beside the numbers; shares.
    """

    task: str
    defense: str
    encoder: str
    attack: str
    numbers: Mapping[str, Fraction]
    printed_differences: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A published table.

    Attributes:
        number: its number in the paper.
        caption: a caption in our words.
        source: the publication.
        notes: sentences that a reader needs to compare with it.
        rows: rows in the paper's order.
        pairs: number of pairs of texts behind the numbers of a table of high-order statistics; 0 if it is not stated.
        stand_ins: whether a number also stands beside the same attack with stand-ins for the resources that TextAttack
            downloads, such as ``textfooler (bundled)``: to see how near they come. Otherwise, and by default, only
            beside the attack with the published resources.
    """

    number: str
    caption: str
    source: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    pairs: int = 0
    stand_ins: bool = False

    def find(self, *, task: str, defense: str = "", attack: str = "", encoder: str = "") -> PublishedRow | None:
        """Return the row of a task, defense, attack and encoder; None if there is none.

        Args:
            task: a registered name.
            defense: a registered name; empty in a table of tasks.
            attack: the title of an attack; ignored in a table whose rows have no attack.
            encoder: a name, with or without the owner that the Hub later added to BERT's; ignored in a table of one
                encoder.
        """
        several = len(self.encoders) > 1
        for row in self.rows:
            same = (row.task, row.defense) == (task, defense) and row.attack in ("", attack)
            if same and (not several or row.encoder == strip_owner(encoder)):
                return row
        return None

    @property
    def encoders(self) -> tuple[str, ...]:
        """Return the names of all encoders, in order."""
        return tuple(dict.fromkeys(row.encoder for row in self.rows))


def strip_owner(encoder: str) -> str:
    """Return an encoder's name without the owner that the Hub later added to BERT's."""
    return encoder.removeprefix("google-bert/")


def read_published_table(paper: Paper, number: str) -> PublishedTable | None:
    """Read the numbers that a paper printed in a table; None if there are none.

    Raises:
        RobenchError: a key of the file is missing, unknown or wrong.
    """
    file = paper.folder.joinpath(f"table{number}.toml")
    if not file.is_file():
        return None
    keys = read_toml(file, parse_float=Fraction)
    shared = {key: keys.text(key, "") for key in ("task", "defense", "encoder", "attack")}
    shares = set(keys.texts("percent", ()))
    keys.text("table")
    table = PublishedTable(
        number=number,
        caption=keys.text("caption"),
        source=keys.text("source"),
        notes=keys.texts("notes", ()),
        rows=tuple(_row(section, shared, shares) for section in keys.rows("row")),
        pairs=keys.count("pairs", 0),
        stand_ins=keys.flag("stand_ins"),
    )
    keys.finish()
    return table


def _row(keys: TomlSection, shared: Mapping[str, str], shares: set[str]) -> PublishedRow:
    def fractions(numbers: Mapping[str, Any]) -> dict[str, Fraction]:
        return {name: Fraction(number) / (100 if name in shares else 1) for name, number in numbers.items()}

    row = PublishedRow(
        task=keys.text("task", shared["task"]),
        defense=keys.text("defense", shared["defense"]),
        encoder=keys.text("encoder", shared["encoder"]),
        attack=shared["attack"],
        numbers=fractions(keys.numbers_by_name("numbers")),
        printed_differences=fractions(keys.numbers_by_name("printed_differences", {})),
    )
    keys.finish()
    return row
