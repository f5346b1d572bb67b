"""The stage that attacks a model: on test samples, which makes a cell."""

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
from robench.paths import translate_os_errors
from robench.results import records
from robench.results.info import AttackInfo, CellInfo, ModelInfo, StageInfo
from robench.results.info_parts import Similarity, Timing
from robench.results.outcome import measure_similarity, summarise
from robench.results.records import Record
from robench.results.store import RECORDS_FILE, Store
from robench.study.stages.context import Context, LoadableStage
from robench.study.stages.stage import FORMAT, NamedAttack, RecordsStage, Size, Stage, sample
from robench.study.stages.train import ModelStage

LIVE_EXAMPLES = {"cpu": 64, "cuda": 512}
"""Examples searched at the same time: enough that their questions fill the batches of the device."""
SECONDS_PER_EXAMPLE = 0.15
"""Of one PWWS or DeepWordBug search on the bundled encoder, on two cores; used until a run has been timed."""


@dataclass(frozen=True)
class AttackingStage(RecordsStage):
    """Attack rows of a split with a model as the victim: a cell, or an adversarial training set."""

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
    def size(self) -> Size:
        """Count the texts to attack."""
        return Size(len(self.examples()), "examples", "texts")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of one search on the bundled encoder."""
        return SECONDS_PER_EXAMPLE if self.setting.encoder.bundled else None

    def resembles(self, info: StageInfo) -> bool:
        """Tell whether records were made by the same attack."""
        return isinstance(info, AttackInfo) and info.attack.name == self.attack.name

    def prepare(self, *, offline: bool) -> None:
        """Fetch the attack's resources."""
        self.attack.attack.prepare(offline=offline)

    def read_records(self, store: Store) -> list[Record]:
        """Read the records, of which there is one for every row.

        Raises:
            RobenchError: some are lost, or the file is broken.
        """
        path = self.folder(store) / RECORDS_FILE
        found = records.read(path)
        lost = {i for i, _ in self.examples()} - {record.id for record in found}
        if lost:
            raise RobenchError(
                f"{path} has lost {len(lost)} rows, such as {min(lost)}; delete its folder and run again."
            )
        return found

    def make(self, context: Context, folder: Path) -> None:
        """Attack the rows that have no record yet, appending each record when it is known, and summarise them all."""
        seconds, count = attack_rows(context, self.model, self.attack, self.examples(), self.seed, folder)
        path = folder / RECORDS_FILE
        found = records.read(path)
        info = self.describe(context, found)
        info |= {
            "attacked": summarise(found),
            "records_bytes": path.stat().st_size,
            "timing": Timing(seconds=seconds, examples=count),
        }
        context.store.finish(folder, self.info_type(**(self.common_info() | info)))

    def describe(self, context: Context, found: Sequence[Record]) -> dict[str, Any]:
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
        """Say which defense is attacked with which attack."""
        return f"attack {self.model.defense.name} on {self.data.task} with {self.attack.title}, seed {self.seed}"

    def examples(self) -> list[tuple[int, Example]]:
        """Return the test samples."""
        return sample(self.data.test, self.setting.attack_limit, "test")

    def describe(self, context: Context, found: Sequence[Record]) -> dict[str, Any]:
        """Add what is stored of the model, and how alike originals and adversarial texts are."""
        stored = context.store.read(self.model.folder(context.store))
        if stored is None:
            raise RobenchError(f"the model {self.model.key} was removed while it was attacked; run again.")
        model: ModelInfo = stored.info
        return super().describe(context, found) | {
            "training": model.training,
            "train_rows": model.train_rows,
            "clean": model.clean,
            "dev": model.dev,
            "rows": model.rows,
            "victim": model.victim,
            "warnings": model.warnings,
            "similarity": _similarity(context, found),
        }


def attack_rows(
    context: Context,
    model: LoadableStage,
    attack: NamedAttack,
    examples: Sequence[tuple[int, Example]],
    seed: int,
    folder: Path,
) -> tuple[float, int]:
    """Attack rows and append a record of each to the records file of a folder; rows that have one are passed over.

    Returns:
        Seconds that it took, and rows that were attacked.
    """
    from robench.attacking.engine.pool import attack_examples
    from robench.victims.scorers import VictimModel

    victim = context.model(model)
    path = folder / RECORDS_FILE
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    records.repair(path)
    finished = {record.id for record in records.read(path)} if path.exists() else set()
    made = attack_examples(
        attack.attack,
        victim.batch_model if isinstance(victim, VictimModel) else victim,
        [(i, example.text, example.label) for i, example in examples if i not in finished],
        seed=seed,
        attack_name=attack.name,
        live=LIVE_EXAMPLES.get(context.device.type, LIVE_EXAMPLES["cuda"]),
        offline=context.offline,
        cache=context.logits_cache(model),
        workers=context.workers,
    )
    started = time.perf_counter()
    work = context.reporter.track("attacking", "text", total=len(examples), done=len(finished))
    with contextlib.closing(made), work as count, _open_to_append(path) as file:
        for record in made:
            records.append(file, record)
            count.advance(1, record.status)
    return round(time.perf_counter() - started, 1), len(examples) - len(finished)


def _similarity(context: Context, found: Sequence[Record]) -> Similarity | None:
    """Measure how alike originals and adversarial texts are; None, with a note, if the encoder cannot be had."""
    try:
        return measure_similarity(found, offline=context.offline)
    except RobenchError as error:
        context.reporter.say(f"    note: sentence similarity is not measured: {error}")
        return None


@contextlib.contextmanager
def _open_to_append(path: Path) -> Iterator[IO[bytes]]:
    with translate_os_errors(path):
        file = path.open("ab")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # append() hands every line over, and has told what could not be written
            file.close()
