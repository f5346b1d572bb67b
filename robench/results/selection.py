"""The cells that a figure or a statistic is made of: chosen by name, kept comparable, asked for where missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import fmean, stdev
from typing import Any

from robench.results.cells import NoResultsError, Result, grouped, read_results
from robench.results.store import Store, StoredStage
from robench.study.commands import Gap, commands, renamed


@dataclass(frozen=True, kw_only=True)
class Wanted:
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

    def results(self, store: Store) -> list[Result]:
        """Numbers of the cells that are there.

        Raises:
            NoResultsError: there is none.
            RobenchError: a cell's files are missing or broken.
        """
        cells = [cell for cell in store.stages("cells") if self._takes(cell)]
        if not cells:
            raise NoResultsError(f"{store.root} has no {self._words()} yet; {self.command()} makes it.")
        return read_results(cells)

    def command(self) -> str:
        """The ``robench run`` that makes all of it."""
        names = ["--defense", ",".join(self.defenses or ["all"]), "--task", self.task]
        names += ["--attack", ",".join(self.attacks)] if self.attacks else []
        names += ["--encoder", self.encoders[0]] if self.encoders else []
        names += ["--preset", self.presets[0]] if self.presets else []
        names += ["--seed", ",".join(map(str, self.seeds))] if self.seeds else []
        return f"`{shlex.join(['robench', 'run', *names, *self.options])}`"

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


@dataclass(frozen=True)
class Point:
    """An accuracy in percent, the mean over seeds; ``sd`` (n - 1) is 0 with one seed."""

    mean: float
    sd: float
    seeds: tuple[int, ...]


def over_seeds(values: Iterable[tuple[int, Fraction]]) -> Point:
    """Mean and standard deviation over seeds; several values of one seed, as of several models, are averaged first."""
    by_seed: dict[int, list[float]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(float(100 * value))
    means = [fmean(found) for found in by_seed.values()]
    return Point(fmean(means), stdev(means) if len(means) > 1 else 0.0, tuple(sorted(by_seed)))


def clean_point(results: Sequence[Result]) -> Point:
    """Clean accuracy over the models behind some cells; a model that several attacks meet counts once."""
    models = {result.info["model"]: result for result in results}
    return over_seeds((result.seed, result.clean) for result in models.values())


def attacked_point(results: Sequence[Result]) -> Point:
    """Accuracy under the attack of some cells."""
    return over_seeds((result.seed, result.attacked) for result in results)


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


def seeds_text(results: Sequence[Result]) -> str:
    """Which seeds are behind a figure, and what its whiskers mean."""
    seeds = sorted({result.seed for result in results})
    if len(seeds) == 1:
        return f"One run, seed {seeds[0]}."
    return f"Mean and standard deviation over the seeds {', '.join(map(str, seeds))}."


def missing_commands(gaps: Iterable[tuple[str, Result]], options: Sequence[str]) -> str:
    """The commands that make cells, for an error message.

    Args:
        gaps: name of a defense, and a result of the same setting, attack and seed.
        options: to add to each command.
    """
    found, _ = commands([Gap(renamed(result, name), result, result.seed) for name, result in gaps], options)
    return " and ".join(f"`{command}`" for command in found) or "`robench run` with the settings of the others"
