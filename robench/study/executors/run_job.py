"""The work of a job in the process that computes it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from robench.data.load import Example
from robench.results.records import Record
from robench.study.stages.attack import AttackingStage
from robench.study.stages.attacked_rows import search_rows
from robench.study.stages.context import Context


def attack_shards(
    context: Context,
    stage: AttackingStage,
    take: Callable[[], Sequence[int] | None],
    keep: Callable[[Record], None],
) -> None:
    """Attack shard after shard; the searches of the next one begin while those of the last one end.

    Args:
        context: store, device and models in memory.
        stage: the stage that the rows belong to.
        take: returns the positions of the rows to attack next, see :meth:`robench.study.executors.job.JobRows.take`.
        keep: receives each record.

    Raises:
        UnitError: the attack has changed its fields.
        RobenchError: something cannot be fetched or computed.
    """
    examples = dict(stage.examples())

    def rows() -> Iterator[tuple[int, Example] | None]:
        while (shard := take()) != []:
            yield from [None] if shard is None else ((i, examples[i]) for i in shard)

    results = search_rows(context, stage, stage.model, stage.attack, rows())
    with contextlib.closing(results):
        for record in results:
            stage.attack.check_unchanged()
            keep(record)


@contextlib.contextmanager
def use_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with this number of threads inside the block; None changes nothing."""
    import torch

    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
