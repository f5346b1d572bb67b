"""What a run is for: a table of the paper, a figure of it, or just the cells that were named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.plugins.registry import unknown
from robench.progress import Reporter
from robench.results import papers
from robench.results.store import Store, StoredStage
from robench.study.presets import Existing, preset
from robench.study.request import Request

if TYPE_CHECKING:
    from rich.console import Console

WEIGHTS = tuple(round(0.1 * i, 1) for i in range(11))
"""Lambda of the linear averages in figure 5."""
STATISTICS_TABLE = "7"
"""The table that needs more than cells."""
ENCODERS_TABLE = "6"
"""The table whose rows differ by encoder."""
FUSION_FIGURE = "5"
"""The figure that needs the linear average at every weight."""


@dataclass(frozen=True)
class Target:
    """A table or a figure of the paper by its number, or neither."""

    table: str | None = None
    figure: str | None = None

    @classmethod
    def named(cls, *, table: str | None, figure: str | None) -> Target:
        """The target of ``--table`` or ``--figure``.

        Raises:
            RobenchError: both are given, or there is no such table or figure.
        """
        if table is not None and figure is not None:
            raise RobenchError("--table and --figure exclude each other; run one after the other.")
        if table is not None:
            papers.needs(table)
        if figure is not None:
            from robench.report.figures import FIGURES

            if figure not in FIGURES:
                raise RobenchError(unknown("figure", figure, list(FIGURES), "the paper's figures 2 and 3 are drawings"))
        return cls(table, figure)

    @property
    def hint(self) -> str:
        """What to do with the results."""
        if self.figure is not None:
            return f"`robench figure {self.figure}` draws them"
        return f"`robench table {self.table or 5}` shows all, `robench show CELL` one of them"

    def requests(self, request: Request) -> list[Request]:
        """What has to be run: the target's tasks, defenses and attacks, narrowed to those that were named."""
        if self.table is None and self.figure is None:
            return [request]
        needs = self._needs()
        filled = replace(
            request,
            tasks=request.tasks or needs["tasks"],
            defenses=request.defenses or needs["defenses"],
            attacks=request.attacks or needs["attacks"],
        )
        if self.table == ENCODERS_TABLE and request.encoder is None:
            return [replace(filled, encoder=encoder) for encoder in needs["encoders"]]
        if self.figure == FUSION_FIGURE and "average" in filled.defenses:
            sweep = [{"average": {"weight": weight}} for weight in WEIGHTS]
            return [replace(filled, sweep=sweep)]
        return [filled]

    def finish(
        self,
        requests: Sequence[Request],
        store: Store,
        reporter: Reporter,
        existing: Existing,
        options: Sequence[str],
    ) -> None:
        """Compute what a target needs beyond its cells: the statistics of table 7."""
        if self.table != STATISTICS_TABLE:
            return
        from robench.models import devices
        from robench.study.stages import statistics

        for request in requests:
            for task in request.tasks:
                for attack in request.attacks:
                    statistics.measure(
                        store,
                        reporter,
                        device=devices.choose_device(request.device),
                        task=task,
                        attack=attack,
                        defenses=(papers.BEFORE, *request.defenses),
                        encoders=[request.encoder or preset(request.preset).encoder],
                        presets=[request.preset],
                        seeds=tuple(request.seeds),
                        existing=existing,
                        offline=request.offline,
                        options=options,
                    )

    def shown(self, cells: Sequence[StoredStage], store: Store, console: Console, options: list[str]) -> str:
        """The table of a target, or table 5 of these cells alone."""
        from robench.report import rendering, tables

        asked = tables.Asked(
            tasks=_distinct(cell.info["task"] for cell in cells),
            attacks=_distinct(cell.info["attack"]["name"] for cell in cells),
            defenses=_distinct(cell.info["defense"]["name"] for cell in cells),
            runs=str(store.root),
            options=options,
        )
        if self.table in (None, "5"):
            return rendering.render(tables.table5(cells, **asked), "rich", console)
        assert self.table is not None
        if self.table == STATISTICS_TABLE:
            asked.pop("defenses")
        return rendering.render(tables.make(self.table, store, **asked), "rich", console)

    def _needs(self) -> Mapping[papers.What, tuple[str, ...]]:
        if self.table is not None:
            return papers.needs(self.table)
        from robench.report.figures import FIGURES

        assert self.figure is not None
        kind = FIGURES[self.figure]
        return {"tasks": ("sst2",), "defenses": kind.defenses, "attacks": kind.attacks, "encoders": ()}


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(values))
