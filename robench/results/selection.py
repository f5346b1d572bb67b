"""The cells that a figure or a statistic is made of: chosen by name, kept comparable, asked for where missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robench.results.cells import NoResultsError, Result, grouped, read_results
from robench.results.store import Store, StoredStage


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cells to take from a runs folder; an empty list takes all.

    Attributes:
        task: name of the one task.
        attacks: registered names.
        defenses: registered names; also the order in which they are shown.
        options: what to add to the commands that make what is missing, such as ``["--runs", "elsewhere"]``.
    """

    task: str
    attacks: Sequence[str] = ()
    defenses: Sequence[str] = ()
    encoders: Sequence[str] = ()
    presets: Sequence[str] = ()
    seeds: Sequence[int] = ()
    options: Sequence[str] = field(default=())

    def read(self, store: Store) -> list[Result]:
        """Numbers of the cells that are there.

        Raises:
            NoResultsError: there is none; the message lacks the command that makes some, and the period.
            RobenchError: a cell's files are missing or broken.
        """
        cells = [cell for cell in store.stages("cells") if self._takes(cell)]
        if not cells:
            raise NoResultsError(f"{store.root} has no {self._words()} yet")
        return read_results(cells)

    def _takes(self, cell: StoredStage) -> bool:
        info = cell.info
        allowed: list[tuple[Sequence[Any], Any]] = [
            ([self.task], info.get("task")),
            (self.attacks, info.get("attack", {}).get("name")),
            (self.defenses, info.get("defense", {}).get("name")),
            (self.encoders, info.get("encoder", {}).get("name")),
            (self.presets, info.get("preset")),
            (self.seeds, info.get("seed")),
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


def fullest(results: Sequence[Result]) -> tuple[list[Result], int]:
    """The comparable results that cover most, and how many other groups are left out.

    Of groups that are equal in that the one with more attacked samples is taken, then the one with more training rows.
    """
    blocks = list(grouped(results, lambda result: result.block).values())

    def size(block: list[Result]) -> tuple[Any, ...]:
        places = {(r.info["defense"]["name"], r.column) for r in block}
        return len(places), block[0].attacked_n, block[0].info["train_rows"], len(block), block[0].block

    blocks.sort(key=size)
    return blocks[-1], len(blocks) - 1


def unchanged(results: Sequence[Result]) -> list[Result]:
    """Of each defense the variant without changed hyper-parameters where it has one, else all of its variants."""
    plain = {r.info["defense"]["name"] for r in results if not r.info["defense"]["changed"]}
    return [r for r in results if not r.info["defense"]["changed"] or r.info["defense"]["name"] not in plain]
