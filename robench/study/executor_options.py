"""The options about the executor of a run, besides the number of jobs; see :mod:`robench.study.options`."""

from __future__ import annotations

from dataclasses import dataclass, field

from robench.study.run_option import run_option
from robench.study.values import ExecutorName


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """The options about the executor."""

    executor: ExecutorName = field(
        default="auto",
        metadata=run_option(
            "What runs the jobs: serial (this process), processes, or ray (many machines; needs Ray)."
            " auto is serial for one job, else processes.",
            in_help="docs/many-machines.md explains ray.",
        ),
    )
    ray_address: str | None = field(
        default=None,
        metadata=run_option(
            "Address of the Ray cluster, as `ray start --head` prints it, or auto on a machine of the cluster. Without"
            " it, --executor ray starts one on this machine for the run.",
            metavar="ADDRESS",
        ),
    )
    ray_any_processor: bool = field(
        default=False,
        metadata=run_option(
            "Let Ray use nodes with other processor instructions than this machine: last digits of results then depend"
            " on which node computes what."
        ),
    )
