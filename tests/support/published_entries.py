"""The published entries, and differences between the models in them."""

from __future__ import annotations

from functools import cache
from typing import Any

from robench import table
from robench.report.pairwise import compare
from robench.results.significance import Difference
from support.code_blocks import ROOT

ENTRIES = ROOT / "leaderboards" / "measured"
ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")
EVERYTHING = ("", *ATTACKS, "worst")
TAICHI = "taichi on pwws"


@cache
def difference(
    first: str, second: str, attack: str = "", seeds: tuple[int, ...] = (), task: str = "trec"
) -> Difference:
    """The first less the second, over all seeds that both have; on clean texts without an attack."""
    return compare(first, second, task=task, attack=attack, seed=seeds, runs=ENTRIES).found


def read_points(first: str, second: str, attack: str = "", seeds: tuple[int, ...] = ()) -> float:
    """That difference, in points."""
    return 100 * difference(first, second, attack, seeds).value


@cache
def read_seed(label: str, seed: int) -> tuple[float, ...]:
    """What one model has right of clean texts, under each attack and in the worst case, in percent."""
    place: dict[str, Any] = {"task": "trec", "defense": label.split()[0], "seed": seed, "runs": str(ENTRIES)}
    blocks = [table(kind, **place).blocks[0] for kind in ("matrix", "worst")] if "on" in label.split() else []
    if not blocks:
        blocks = [table("5", **place).blocks[0], table("worst", **place).blocks[0]]
    attacked, worst = ([row.cells for row in block.rows if row.label == label] for block in blocks)
    cells = [*attacked[0][:5], worst[0][-1]]
    return tuple(float(100 * (cell.value or 0)) for cell in cells)
