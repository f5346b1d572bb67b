"""The options that say which results a command shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from robench.study.option_class import Options
from robench.study.run_option import run_option
from robench.study.values import Names, Numbers, as_tuple

if TYPE_CHECKING:
    from robench.results.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Filters(Options):
    """The options; tasks are an option of each command's own."""

    defense: Names = field(default=(), metadata=run_option("Only these defenses.", letter="-d"))
    attack: Names = field(default=(), metadata=run_option("Only these attacks.", letter="-a"))
    encoder: Names = field(default=(), metadata=run_option("Only these encoders."))
    preset: Names = field(default=(), metadata=run_option("Only these presets."))
    seed: Numbers = field(default=(), metadata=run_option("Only these seeds."))
    plain: bool = field(
        default=False, metadata=run_option("Only defenses as they come, not those with changed settings.")
    )

    def select(self, tasks: Sequence[str]) -> Selection:
        """Return the selection that they stand for, of some tasks."""
        from robench.results.selection import Selection

        return Selection(
            tasks=tasks,
            defenses=as_tuple(self.defense),
            attacks=as_tuple(self.attack),
            encoders=as_tuple(self.encoder),
            presets=as_tuple(self.preset),
            seeds=as_tuple(self.seed),
            plain=self.plain,
        )
