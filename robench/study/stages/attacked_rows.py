"""Attacking rows of a split, which may have been begun before.

How it works: each record is appended to ``records.jsonl`` as soon as it is known. A stage that was interrupted keeps
the good records that it finds (:mod:`robench.results.salvage`) and attacks the other rows only. The result is the same,
because each example draws its random numbers from a stream of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from robench.data.load import Example
from robench.escaping import show_value
from robench.paths import atomic_write_bytes, open_unlinked, translate_os_errors
from robench.results import records
from robench.results.misfits import set_lines_aside
from robench.results.records import Record
from robench.results.salvage import AttackedRow, salvage_lines
from robench.results.store import RECORDS_FILE
from robench.study.setting import NamedAttack
from robench.study.stages.context import Context, LoadableStage
from robench.study.stages.stage import Stage
from robench.syncing import make_folder

LIVE_EXAMPLES = {"cpu": 64, "cuda": 512}
"""Number of examples searched at the same time; their queries have to fill the batches of the device."""


def search_rows(
    context: Context,
    stage: Stage,
    model: LoadableStage,
    attack: NamedAttack,
    rows: Iterable[tuple[int, Example] | None],
) -> Generator[Record, None, None]:
    """Attack rows, and yield the record of each as soon as it is known.

    Args:
        context: device, workers and models in memory.
        stage: the stage that the records belong to.
        model: the stage of the model under attack.
        attack: the attack.
        rows: the rows, with their positions in their split; the next one is asked for when there is room for it. After
            None it is asked for again when another record is known.

    Raises:
        RobenchError: something cannot be fetched or computed.
    """
    from robench.attacking.engine.pool import attack_examples
    from robench.victims.scorers import VictimModel, track_texts

    victim = context.model(model)
    with track_texts(victim.scorer, context.reporter) if isinstance(victim, VictimModel) else contextlib.nullcontext():
        yield from attack_examples(
            attack.attack,
            victim.batch_model if isinstance(victim, VictimModel) else victim,
            (row and (row[0], row[1].text, row[1].label) for row in rows),
            seed=stage.seed,
            attack_name=attack.name,
            live=LIVE_EXAMPLES.get(context.device.type, LIVE_EXAMPLES["cuda"]),
            offline=context.offline,
            cache=context.logits_cache(model),
            workers=context.workers,
        )


def attack_rows(
    context: Context,
    stage: Stage,
    model: LoadableStage,
    attack: NamedAttack,
    examples: Sequence[tuple[int, Example]],
    folder: Path,
) -> None:
    """Attack the rows that have no good record yet, and append a record of each to the records file of a folder.

    Args:
        context: store, reporter, device and workers.
        stage: the stage that the records belong to.
        model: the stage of the model under attack.
        attack: the attack.
        examples: the rows, with their positions in their split.
        folder: the folder of the stage.

    Raises:
        RobenchError: something cannot be fetched or stored.
    """
    path = folder / RECORDS_FILE
    with translate_os_errors(folder):
        make_folder(folder)
    finished = {record.id for record in keep_good_records(context, stage, examples, path)}
    rows = [(i, example) for i, example in examples if i not in finished]
    results = search_rows(context, stage, model, attack, rows)
    work = context.reporter.track("attacking", "text", total=len(examples), done=len(finished))
    with contextlib.closing(results), work as count, _open_to_append(path) as file:
        for record in results:
            records.append(file, record, stage.key)
            count.advance(1, record.status)


def report_errors(context: Context, rows: Sequence[Record]) -> None:
    """Say how many rows ended in an error, with an example."""
    errors = [row for row in rows if row.status == "error"]
    if errors:
        first = errors[0]
        context.reporter.warn(
            f"    {len(errors)} of {len(rows)} texts ended in an error and count on no side, such as row {first.id}:"
            f" {first.reason}, on {show_value(first.failed_text, 80)}; --retry-errors tries them again."
        )


def rows_of(examples: Sequence[tuple[int, Example]]) -> dict[int, AttackedRow]:
    """Return texts and labels of examples by their positions in their split."""
    return {i: AttackedRow(example.text, example.label) for i, example in examples}


def keep_good_records(
    context: Context, stage: Stage, examples: Sequence[tuple[int, Example]], path: Path
) -> tuple[Record, ...]:
    """Set the lines aside that are no good records of a stage, and return the records of the others.

    Those of rows that are to be attacked again, because they ended in an error, are removed.
    """
    found = salvage_lines(path, stage.key, rows_of(examples), len(stage.data.labels))
    if found.bad:
        place = set_lines_aside(path, found.bad)
        more = f", and {len(found.bad) - 1} others" if len(found.bad) > 1 else ""
        kept = f"{len(found.good)} of {len(examples)} rows are kept"
        context.reporter.warn(f"    {path}: {found.faults[0]}{more}; moved to {place}. {kept}.")
    pairs = list(zip(found.good, found.records, strict=True))
    lasting = [pair for pair in pairs if not (context.retry_errors and pair[1].status == "error")]
    if not found.is_clean or len(lasting) < len(pairs):
        atomic_write_bytes(path, b"".join(line + b"\n" for line, _ in lasting))
    return tuple(record for _, record in lasting)


@contextlib.contextmanager
def _open_to_append(path: Path) -> Iterator[IO[bytes]]:
    with translate_os_errors(path):
        file = open_unlinked(path, "ab")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # append() flushes every line, so it has reported any error already
            file.close()
        if not path.stat().st_size:  # it failed before the first record, so it leaves nothing behind
            path.unlink()
            path.parent.rmdir()
