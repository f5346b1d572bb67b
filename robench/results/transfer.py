"""Transfer: whether adversarial texts that were made against one model fool another.

How it works: a text can only transfer if both models have the clean text right. Of those, the model is fooled if the
attack on the other one succeeded and this one gets the adversarial text wrong, too. Where the other model withstood the
attack there is no adversarial text, so this one is not fooled. Each row becomes a record, as of an attack, whose status
tells which of these it is; so the rate is ``succeeded / (succeeded + failed)``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from robench.results.classes import predict
from robench.results.info import CellInfo, TransferInfo
from robench.results.records import Record, Status
from robench.results.selection import InfoT
from robench.results.store import Store, StoredStage


def list_texts(made: Iterable[Record]) -> list[str]:
    """Return the texts that a model has to score for a transfer, each once.

    Args:
        made: records of the attack on the other model.
    """
    texts: dict[str, None] = {}
    for record in made:
        if record.status != "error":
            texts[record.original] = None
        if record.status == "succeeded":
            texts[record.final] = None
    return list(texts)


def transfer_record(made: Record, probabilities: Mapping[str, Sequence[float]]) -> Record:
    """Return the record of one row.

    Args:
        made: the record of the attack on the other model.
        probabilities: of each class by text, for all of :func:`list_texts`.

    Returns:
        The record: ``succeeded`` if the adversarial text fools this model as well, ``failed`` if it does not or there
        is none, ``skipped`` if one of the two models had the clean text wrong, ``error`` if the attack ended in one.
    """
    if made.status == "error":
        return _record(made, "error", [], [])
    before = list(probabilities[made.original])
    if made.status == "skipped" or predict(before) != made.label:
        return _record(made, "skipped", before, before)
    if made.status == "failed":
        return _record(made, "failed", before, before)
    after = list(probabilities[made.final])
    status: Status = "failed" if predict(after) == made.label else "succeeded"
    return _record(made, status, before, after, final=made.final, words_changed=made.words_changed, queries=2)


def view_as_cell(stage: StoredStage[TransferInfo]) -> StoredStage[CellInfo]:
    """Return a transfer in the form of a cell, for tables that arrange cells."""
    info = stage.info
    shared = [name for name in CellInfo.__struct_fields__ if hasattr(info, name)]
    return StoredStage(stage.folder, CellInfo(**{name: getattr(info, name) for name in shared}))


def leave_out_sources(
    stages: Sequence[StoredStage[InfoT]], store: Store | None, seeds: Collection[int] = ()
) -> list[StoredStage[InfoT]]:
    """Return the stages without the cells that were made for the sake of their adversarial texts alone.

    Transfers to models of one seed take the texts of a cell of the reference of the next seed. In a table of one seed
    this cell would stand as a second seed of the reference, and of no other defense. It is left out unless there is
    something else of its task and seed: another cell, or a transfer to one of its models.

    Args:
        stages: of one runs folder; only cells are left out.
        store: the runs folder, whose transfers say which cells these are; if there is none, nothing is left out.
        seeds: those that the user asks for, if any; then nothing is left out.
    """
    if store is None or seeds or not stages or not isinstance(stages[0].info, CellInfo):
        return list(stages)
    transfers = [one.info for one in store.stages(TransferInfo, names=())]
    sources = {info.texts for info in transfers}
    runs = {(info.task, info.seed) for info in transfers}
    runs |= {(one.info.task, one.info.seed) for one in stages if one.key not in sources}
    return [one for one in stages if one.key not in sources or (one.info.task, one.info.seed) in runs]


def _record(
    made: Record,
    status: Status,
    before: list[float],
    after: list[float],
    *,
    final: str | None = None,
    words_changed: int = 0,
    queries: int = 1,
) -> Record:
    return replace(
        made,
        final=made.original if final is None else final,
        status=status,
        probabilities_before=before,
        probabilities_after=after,
        queries=queries if before else 0,
        words_changed=words_changed,
        seconds=0.0,
    )
