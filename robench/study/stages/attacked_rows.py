"""Attacking rows of a split, which may have been begun before.

How it works: each record is appended to a file as soon as it is known (:mod:`robench.study.shared_rows`). A stage that
was interrupted keeps the good records that it finds (:mod:`robench.results.salvage`) and attacks the other rows only.
The result is the same, because each example draws its random numbers from a stream of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

from robench.data.load import Example
from robench.errors import UnitError
from robench.escaping import show_value
from robench.paths import atomic_write_bytes
from robench.results.misfits import set_lines_aside
from robench.results.outcome import has_failed
from robench.results.records import Record
from robench.results.salvage import AttackedRow, Salvage, salvage_lines
from robench.study.setting import NamedAttack
from robench.study.stages.context import Context, LoadableStage
from robench.study.stages.stage import Stage

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


def report_errors(context: Context, rows: Sequence[Record]) -> None:
    """Say how many rows ended in an error, with an example.

    Raises:
        UnitError: all rows that were attacked did, and they are not just a few.
    """
    errors = [row for row in rows if row.status == "error"]
    if not errors:
        return
    first = errors[0]
    example = f"such as row {first.id}: {first.reason}, on {show_value(first.failed_text, 80)}"
    if has_failed(rows):
        raise UnitError(
            f"all {len(errors):,} texts that were attacked ended in an error, {example}. So nothing is known about the"
            " model. Mend what failed, and run the same command with --retry-errors."
        )
    context.reporter.warn(
        f"    {len(errors)} of {len(rows)} texts ended in an error and count on no side, {example}; --retry-errors"
        " tries them again."
    )


def rows_of(examples: Sequence[tuple[int, Example]]) -> dict[int, AttackedRow]:
    """Return texts and labels of examples by their positions in their split."""
    return {i: AttackedRow(example.text, example.label) for i, example in examples}


def keep_good_records(
    context: Context, stage: Stage, examples: Sequence[tuple[int, Example]], path: Path
) -> tuple[Record, ...]:
    """Set the lines aside that are no good records of a stage, and return the records that stay."""
    found = salvage_lines(path, stage.key, rows_of(examples))
    if found.bad:
        place = set_lines_aside(path, found.bad)
        more = f", and {len(found.bad) - 1} others" if len(found.bad) > 1 else ""
        kept = f"{len(found.good)} of {len(examples)} rows are kept"
        context.reporter.warn(f"    {path}: {found.faults[0]}{more}; moved to {place}. {kept}.")
    return rewrite_records(context, path, found)


def rewrite_records(context: Context, path: Path, found: Salvage) -> tuple[Record, ...]:
    """Leave only good lines in a records file, and return their records.

    Those of rows that are to be attacked again, because they ended in an error, are removed.

    Args:
        context: says whether such rows are attacked again.
        path: the file.
        found: its lines.

    Raises:
        RobenchError: the file cannot be written.
    """
    pairs = list(zip(found.good, found.records, strict=True))
    lasting = [pair for pair in pairs if not (context.retry_errors and pair[1].status == "error")]
    if not found.is_clean or len(lasting) < len(pairs):
        atomic_write_bytes(path, b"".join(line + b"\n" for line, _ in lasting))
    return tuple(record for _, record in lasting)
