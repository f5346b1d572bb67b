"""The schedule of a large study, from the estimator's usual paces: ``python -m support.large_study`` prints it.

Its rows are made up, as many as the paper's tasks have; only their number counts for a schedule. The encoder is the
bundled one, for which usual paces are known. ``docs/many-machines.md`` has the numbers.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from robench.progress import SilentReporter, format_duration
from robench.results.store import Store
from robench.study.estimate import Estimator, schedule_stage
from robench.study.options import THREADS
from robench.study.plan import order_stages
from robench.study.request import Request
from robench.study.schedule import ScheduledStage, simulate

TASKS = {"sst2": (10_000, 872, 1821), "trec": (4952, 500, 500), "ag": (10_000, 500, 7600)}
"""Rows of train, dev and test; the preset takes at most 10,000 for training."""
ATTACKS = ("pwws", "deepwordbug", "textfooler", "textbugger")
SEEDS = (1, 2, 3, 4, 5)
JOBS = (1, 8, 64, 512)


def write_rows(folder: Path, tasks: dict[str, tuple[int, int, int]], labels: dict[str, int]) -> Path:
    """Write made-up rows of tasks as ``--data`` takes them."""
    for task, counts in tasks.items():
        (folder / task).mkdir(parents=True)
        for split, count in zip(("train", "dev", "test"), counts, strict=True):
            rows = [f"{split} text number {i} of some words\t{i % labels[task]}" for i in range(count)]
            (folder / task / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *rows]) + "\n", "utf-8")
    return folder


def plan(
    data: Path, tasks: Sequence[str], defenses: Sequence[str], attacks: Sequence[str], seeds: Sequence[int]
) -> list[ScheduledStage]:
    """Plan a study of the preset ``laptop``, of which nothing is finished."""
    request = Request(defense=defenses, task=tasks, attack=attacks, seed=seeds, data=data, offline=True)
    stages = order_stages(request.stages(SilentReporter()))
    estimator = Estimator(Store(data / "no runs"))
    return [schedule_stage(stage, estimator.seconds(stage) or 0.0, THREADS) for stage in stages]


def describe(works: Sequence[ScheduledStage], jobs: Sequence[int]) -> list[str]:
    """Describe the schedules of works, as rows of a Markdown table, and the critical path.

    The last column is the time if no attack were divided into shards.
    """
    lines = ["| jobs | time | jobs busy | side by side | limit | without shards |", "|---|---|---|---|---|---|"]
    undivided = [replace(work, rows=0) for work in works]
    for count in jobs:
        found, other = simulate(works, count), simulate(undivided, count)
        limit = "critical path" if found.makespan < 1.2 * found.path_seconds else "amount of work"
        span, busy = format_duration(found.makespan), f"{found.efficiency:.0%}"
        whole = f"{format_duration(other.makespan)}, {other.efficiency:.0%}"
        lines.append(f"| {count} | {span} | {busy} | {found.peak} units | {limit} | {whole} |")
    found = simulate(works, jobs[-1])
    kinds = Counter(work.kind for work in works)
    hours = {kind: sum(work.seconds for work in works if work.kind == kind) / 3600 for kind in kinds}
    lines += [f"{kind}: {count} stages, {hours[kind]:.0f} h" for kind, count in kinds.items()]
    lines.append(f"{found.units} units; critical path {format_duration(found.path_seconds)}:")
    lines += [f"  {format_duration(work.units[0])} {work.name}" for work in found.path]
    lines.append(f"useful jobs: {found.useful_jobs}")
    return lines


def main() -> None:
    """Print the schedules."""
    labels = {"sst2": 2, "trec": 6, "ag": 4}
    with tempfile.TemporaryDirectory() as folder:
        works = plan(write_rows(Path(folder) / "data", TASKS, labels), list(TASKS), ["all"], ATTACKS, SEEDS)
    sys.stdout.write("\n".join(describe(works, JOBS)) + "\n")


if __name__ == "__main__":
    main()
