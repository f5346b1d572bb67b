"""The stages that attack a model; on test samples, such a stage makes a cell.

How it works: each record is appended to ``records.jsonl`` as soon as it is known. A stage that was interrupted keeps
the good records that it finds (:mod:`robench.results.salvage`) and attacks the other rows only. The result is the same,
because each example draws its random numbers from a stream of its own.
"""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from robench.data.load import Example
from robench.errors import RobenchError
from robench.escaping import show_value
from robench.paths import atomic_write_bytes, open_unlinked, translate_os_errors
from robench.results import records
from robench.results.aside import set_lines_aside
from robench.results.info import REMEDY, AttackInfo, CellInfo, ModelInfo, StageInfo
from robench.results.info_parts import Similarity, Timing
from robench.results.outcome import measure_similarity, summarise
from robench.results.records import Record
from robench.results.salvage import Row, salvage_lines
from robench.results.store import RECORDS_FILE, Store, StoredStage
from robench.study.stages.context import Context, LoadableStage
from robench.study.stages.stage import FORMAT, NamedAttack, RecordsStage, Size, Stage, sample
from robench.study.stages.train import ModelStage

LIVE_EXAMPLES = {"cpu": 64, "cuda": 512}
"""Number of examples searched at the same time; their queries have to fill the batches of the device."""
SECONDS_PER_EXAMPLE = 0.15
"""Seconds of a PWWS or DeepWordBug search with the bundled encoder on two cores; used until a run was timed."""


@dataclass(frozen=True)
class AttackingStage(RecordsStage):
    """Attack rows of a split with a model as the victim, which makes a cell or an adversarial training set.

    Attributes:
        model: the model under attack.
        attack: the attack.
    """

    model: ModelStage
    attack: NamedAttack

    info_type: ClassVar[type[AttackInfo]] = AttackInfo

    @abstractmethod
    def examples(self) -> list[tuple[int, Example]]:
        """Return the rows to attack, with their positions in their split."""

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the model under attack."""
        return (self.model,)

    @property
    def identity(self) -> dict[str, Any]:
        """Return model, attack, rows and seed."""
        return {
            "format": FORMAT,
            "stage": self.kind,
            "model": self.model.key,
            "attack": self.attack.identity,
            "rows": len(self.examples()),
            "seed": self.seed,
        }

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Add the files of the attack to the code of the model."""
        return (*self.model.foreign_code, *(file.title for file in self.attack.attack.foreign_files))

    @property
    def size(self) -> Size:
        """Count the texts to attack."""
        return Size(len(self.examples()), "examples", "texts")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of one search on the bundled encoder."""
        return SECONDS_PER_EXAMPLE if self.setting.encoder.bundled else None

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage was made by the same attack."""
        return isinstance(info, AttackInfo) and info.attack.name == self.attack.name

    def prepare(self, *, offline: bool) -> None:
        """Fetch the attack's resources."""
        self.attack.attack.prepare(offline=offline)

    def read_records(self, store: Store) -> list[Record]:
        """Read the records, one for each row.

        Raises:
            RobenchError: some are missing, or the file is broken.
        """
        path = self.folder(store) / RECORDS_FILE
        rows = records.read(path)
        lost = {i for i, _ in self.examples()} - {record.id for record in rows}
        if lost:
            raise RobenchError(f"{path} has lost {len(lost)} rows, such as {min(lost)}; {REMEDY}.")
        return rows

    def find_faults(self, stored: StoredStage[Any]) -> list[str]:
        """Return what does not fit; records that have no sha256, as in early versions, are compared with the data."""
        faults = super().find_faults(stored)
        if faults or stored.info.files:
            return faults
        found = salvage_lines(stored.folder / RECORDS_FILE, self.key, rows_of(self.examples()), len(self.data.labels))
        lost = len(self.examples()) - len(found.records)
        return [*found.faults, *([f"{RECORDS_FILE} lacks {lost} rows"] if lost and not found.faults else [])]

    def make(self, context: Context, folder: Path) -> None:
        """Attack the rows that have no record yet, and summarise all records."""
        seconds, count = attack_rows(context, self, self.model, self.attack, self.examples(), folder)
        path = folder / RECORDS_FILE
        rows = records.read(path)
        _report_errors(context, rows)
        info = self.describe(context, rows)
        info |= {
            "attacked": summarise(rows),
            "records_bytes": path.stat().st_size,
            "timing": Timing(seconds=seconds, examples=count),
        }
        context.store.finish(folder, self.info_type(**(self.common_info(context) | info)))

    def describe(self, context: Context, rows: Sequence[Record]) -> dict[str, Any]:
        """Return the fields of ``stage.json`` that are about the attack and the model."""
        model = self.model
        return {
            "attack": self.attack.info,
            "model": model.key,
            "defense": model.defense.info,
            "adversarial": model.adversarial.key if model.adversarial else None,
        }


@dataclass(frozen=True)
class CellStage(AttackingStage):
    """Attack test samples with a trained defense as the victim."""

    info_type = CellInfo

    @property
    def label(self) -> str:
        """Name task, defense, attack and seed."""
        return f"{self.data.task}-{self.model.defense.name}-{self.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Name defense, task, attack and seed in words."""
        return f"attack {self.model.defense.name} on {self.data.task} with {self.attack.title}, seed {self.seed}"

    def examples(self) -> list[tuple[int, Example]]:
        """Return the test samples that the attack's protocol attacks."""
        return sample(self.data.test, self.setting.attack_limit, "test", self.attack.attack.attacks)

    @property
    def left_out(self) -> str:
        """Say how many test texts are no part of the sample because of the attack's protocol; empty if none are."""
        sentence = self.attack.attack.describe_left_out([example.text for example in self.data.test])
        return f"{self.attack.title}: {sentence}" if sentence else ""

    def prepare(self, *, offline: bool) -> None:
        """Fetch the attack's resources.

        Raises:
            RobenchError: one is not available, or the protocol leaves no text to attack.
        """
        if not self.examples():
            raise RobenchError(f"{self.left_out}. Nothing of {self.data.task} is left to attack.")
        super().prepare(offline=offline)

    def make(self, context: Context, folder: Path) -> None:
        """Attack the test samples, and say which texts are not among them."""
        if self.left_out:
            context.reporter.warn(f"note on {self.data.task}: {self.left_out}")
        super().make(context, folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """Add a note on the texts that are no part of the sample to those on the data."""
        return (*super().notes, *filter(None, [self.left_out]))

    def describe(self, context: Context, rows: Sequence[Record]) -> dict[str, Any]:
        """Add fields of the model's ``stage.json``, and the similarity of originals and adversarial texts."""
        stored = context.store.read(self.model.folder(context.store))
        if stored is None:
            raise RobenchError(f"the model {self.model.key} was removed while it was attacked; run again.")
        model: ModelInfo = stored.info
        return super().describe(context, rows) | {
            "training": model.training,
            "train_rows": model.train_rows,
            "clean": model.clean,
            "dev": model.dev,
            "rows": model.rows,
            "victim": model.victim,
            "warnings": model.warnings,
            "model_environment": model.environment,
            "similarity": _measure_similarity(context, rows),
        }


def attack_rows(
    context: Context,
    stage: Stage,
    model: LoadableStage,
    attack: NamedAttack,
    examples: Sequence[tuple[int, Example]],
    folder: Path,
) -> tuple[float, int]:
    """Attack the rows that have no good record yet, and append a record of each to the records file of a folder.

    Args:
        context: store, reporter, device and workers.
        stage: the stage that the records belong to.
        model: the stage of the model under attack.
        attack: the attack.
        examples: the rows, with their positions in their split.
        folder: the folder of the stage.

    Returns:
        The duration in seconds, and the number of rows that were attacked.

    Raises:
        RobenchError: something cannot be fetched or stored.
    """
    from robench.attacking.engine.pool import attack_examples
    from robench.victims.scorers import VictimModel

    victim = context.model(model)
    path = folder / RECORDS_FILE
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    finished = {record.id for record in _keep_good_records(context, stage, examples, path)}
    results = attack_examples(
        attack.attack,
        victim.batch_model if isinstance(victim, VictimModel) else victim,
        [(i, example.text, example.label) for i, example in examples if i not in finished],
        seed=stage.seed,
        attack_name=attack.name,
        live=LIVE_EXAMPLES.get(context.device.type, LIVE_EXAMPLES["cuda"]),
        offline=context.offline,
        cache=context.logits_cache(model),
        workers=context.workers,
    )
    started = time.perf_counter()
    work = context.reporter.track("attacking", "text", total=len(examples), done=len(finished))
    with contextlib.closing(results), work as count, _open_to_append(path) as file:
        for record in results:
            records.append(file, record, stage.key)
            count.advance(1, record.status)
    return round(time.perf_counter() - started, 1), len(examples) - len(finished)


def _report_errors(context: Context, rows: Sequence[Record]) -> None:
    """Say how many rows ended in an error, with an example."""
    errors = [row for row in rows if row.status == "error"]
    if errors:
        first = errors[0]
        context.reporter.warn(
            f"    {len(errors)} of {len(rows)} texts ended in an error and count on no side, such as row {first.id}:"
            f" {first.reason}, on {show_value(first.failed_text, 80)}; --retry-errors tries them again."
        )


def rows_of(examples: Sequence[tuple[int, Example]]) -> dict[int, Row]:
    """Return texts and labels of examples by their positions in their split."""
    return {i: Row(example.text, example.label) for i, example in examples}


def _keep_good_records(
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
    kept = [pair for pair in pairs if not (context.retry_errors and pair[1].status == "error")]
    if not found.is_clean or len(kept) < len(pairs):
        atomic_write_bytes(path, b"".join(line + b"\n" for line, _ in kept))
    return tuple(record for _, record in kept)


def _measure_similarity(context: Context, rows: Sequence[Record]) -> Similarity | None:
    """Measure the similarity of originals and adversarial texts; None, with a note, if there is no encoder."""
    try:
        return measure_similarity(rows, offline=context.offline)
    except RobenchError as error:
        context.reporter.warn(f"note: sentence similarity is not measured: {error}")
        return None


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
