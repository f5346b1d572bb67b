"""What is asked of a table, and the stored results that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from robench.results.selection import Chosen, NoResultsError, facet_of, select
from robench.results.store import StoredStage

RUNS = "the runs folder"


class Asked(TypedDict, total=False):
    """Options that all tables take; a table passes over those that mean nothing to it. No names show all.

    ``tasks``, ``defenses``, ``attacks``, ``encoders``, ``presets``, ``seeds``: what to show. ``runs``: name of the runs
    folder, for errors. ``options``: what to add to the commands that fill gaps, such as ``["--runs", "elsewhere"]``.
    ``data`` and ``offline``: where tasks are loaded from, see :func:`robench.data.load.load_task`.
    """

    tasks: Sequence[str] | None
    defenses: Sequence[str] | None
    attacks: Sequence[str] | None
    encoders: Sequence[str] | None
    presets: Sequence[str] | None
    seeds: Sequence[int] | None
    runs: str
    options: Sequence[str]
    data: Path | None
    offline: bool


def chosen(
    stages: Sequence[StoredStage[Chosen]], asked: Asked, *, but: Sequence[str] = (), hint: str = ""
) -> list[StoredStage[Chosen]]:
    """The results that were asked for.

    Args:
        stages: cells or statistics.
        asked: by the user.
        but: filters to leave out.
        hint: a command that makes results, for where there are none at all.

    Raises:
        NoResultsError: none is left.
    """
    wanted: dict[str, Sequence[Any] | None] = {
        "task": asked.get("tasks"),
        "defense": asked.get("defenses"),
        "attack": asked.get("attacks"),
        "encoder": asked.get("encoders"),
        "preset": asked.get("presets"),
        "seed": asked.get("seeds"),
    }
    wanted = {what: values for what, values in wanted.items() if what not in but}
    return select(stages, asked.get("runs", RUNS), hint=hint, **wanted)


def of_the_paper(
    table: str, stages: Sequence[StoredStage[Chosen]], asked: Asked, what: str, names: Sequence[str]
) -> list[StoredStage[Chosen]]:
    """The results that fit the paper's own choice, unless the user made another.

    Args:
        table: its number, for errors.
        stages: to choose from.
        asked: by the user.
        what: ``task``, ``defense`` or ``attack``.
        names: the paper's choice.

    Raises:
        NoResultsError: none fits.
    """
    if asked.get(f"{what}s") or not stages:
        return list(stages)
    kept = [stage for stage in stages if facet_of(stage, what) in names]
    if not kept:
        there = ", ".join(sorted({str(facet_of(stage, what)) for stage in stages}))
        raise NoResultsError(
            f"no results in {asked.get('runs', RUNS)} for table {table}, which is about {', '.join(names)}, as in the"
            f" paper, unless --{what} names another; there are results with {what} {there}."
        )
    return kept
