"""The stages that attack a model; on test samples, such a stage makes a cell."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from robench.data.load import Example
from robench.errors import RobenchError
from robench.results import records
from robench.results.draws import DRAWS, write_draws
from robench.results.info import REMEDY, AttackInfo, CellInfo, ModelInfo, StageInfo
from robench.results.info_origin import Timing
from robench.results.info_parts import Clean, Draws, Similarity
from robench.results.outcome import measure_similarity, summarise
from robench.results.records import Record
from robench.results.store import RECORDS_FILE, Store
from robench.study.setting import NamedAttack, NamedPlugin
from robench.study.shared_rows import SharedRows
from robench.study.stages.attacked_rows import report_errors
from robench.study.stages.context import Context
from robench.study.stages.stage import FORMAT, RecordsStage, Size, Stage, sample
from robench.study.stages.train import ModelStage
from robench.study.values import Split

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
    def plugins(self) -> tuple[NamedPlugin, ...]:
        """Return the attack, and what it is a variant of."""
        return (self.attack, *((self.attack.base,) if self.attack.base else ()))

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
        return SECONDS_PER_EXAMPLE * self.model.texts_read if self.setting.encoder.bundled else None

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage was made by the same attack, on a model that answers about as fast."""
        is_same = isinstance(info, AttackInfo) and info.attack.name == self.attack.name
        return is_same and self.model.is_as_fast(info.defense)  # type: ignore[attr-defined]

    def prepare(self, *, offline: bool) -> None:
        """Fetch the resources of the attack and the model."""
        self.model.prepare(offline=offline)
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

    def count_threads(self, training: int) -> int | None:
        """Return 1; None if the victim is a function of the user."""
        return None if self.model.can_change else 1

    def share_rows(self, folder: Path) -> SharedRows:
        """Return its rows, to be shared by the processes that work on it."""
        return SharedRows(folder, self.key, self.examples())

    def make(self, context: Context, folder: Path) -> None:
        """Summarise the records of all rows, which jobs have made before.

        Raises:
            RobenchError: the attack failed on every row.
        """
        rows = records.read(folder / RECORDS_FILE)
        report_errors(context, rows)
        info = self.describe(context, folder, rows)
        info |= {
            "attacked": summarise(rows),
            "timing": Timing(seconds=round(sum(row.seconds for row in rows), 1), examples=len(rows)),
        }
        context.store.finish(folder, self.info_type(**(self.common_info(context) | info)))

    def describe(self, context: Context, folder: Path, rows: Sequence[Record]) -> dict[str, Any]:
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
    """Attack samples of the test split, or of the development split, with a trained defense as the victim."""

    info_type = CellInfo

    @property
    def split(self) -> Split:
        """Return the split that is attacked."""
        return self.setting.split

    @property
    def identity(self) -> dict[str, Any]:
        """Add the split, unless it is the test split."""
        return super().identity | ({} if self.split == "test" else {"split": self.split})

    @property
    def label(self) -> str:
        """Name task, defense, its training attack if that is another one, attack, seed, and a split but test."""
        against = f"-{self.trained_against.name}" if self.trained_against else ""
        split = "" if self.split == "test" else f"-{self.split}"
        return f"{self.data.task}-{self.model.defense.name}{against}-{self.attack.name}-seed{self.seed}{split}"

    @property
    def title(self) -> str:
        """Name defense, task, attack and seed in words."""
        against = f", trained against {self.trained_against.title}," if self.trained_against else ""
        split = "" if self.split == "test" else f" ({self.split} rows)"
        named = f"attack {self.model.defense.name}{against} on {self.data.task}{split}"
        return f"{named} with {self.attack.title}, seed {self.seed}"

    @property
    def trained_against(self) -> NamedAttack | None:
        """Return the attack whose texts the model was trained on, if that is another one than that of the cell."""
        adversarial = self.model.adversarial
        return adversarial.attack if adversarial and adversarial.attack.identity != self.attack.identity else None

    def examples(self) -> list[tuple[int, Example]]:
        """Return the samples that the attack's protocol attacks."""
        rows = self.data.rows(self.split)
        return sample(rows, self.setting.attack_limit, self.split, self.attack.attack.attacks)

    @property
    def left_out(self) -> str:
        """Say how many texts are no part of the sample because of the attack's protocol; empty if none are."""
        sentence = self.attack.attack.describe_left_out([example.text for example in self.data.rows(self.split)])
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
        """Summarise the records, and say which texts are not among them."""
        if self.left_out:
            context.reporter.warn(f"note on {self.data.task}: {self.left_out}")
        super().make(context, folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """Add a note on the texts that are no part of the sample to those on the data."""
        return (*super().notes, *filter(None, [self.left_out]))

    def describe(self, context: Context, folder: Path, rows: Sequence[Record]) -> dict[str, Any]:
        """Add fields of the model's ``stage.json``, the similarity of originals and adversarial texts, and draws."""
        model: ModelInfo = self.model.read_finished(context.store).info
        return super().describe(context, folder, rows) | {
            "training": model.training,
            "train_rows": model.train_rows,
            "split": self.split,
            "clean": self._count_clean(model),
            "clean_limit": model.clean_limit,
            "dev": model.dev,
            "rows": model.rows,
            "victim": model.victim,
            "warnings": model.warnings,
            "model_environment": model.environment,
            "trained_against": self.trained_against.info if self.trained_against else None,
            "similarity": _measure_similarity(context, rows),
            "draws": self._draw(context, folder, rows) if model.victim and model.victim.random else None,
        }

    def _draw(self, context: Context, folder: Path, rows: Sequence[Record]) -> Draws:
        """Score the final texts anew with a model that gives a text different scores, and store how often it is right.

        Raises:
            RobenchError: the model fails, or the file cannot be written.
        """
        from robench.victims.scorers import VictimModel, track_texts

        model, scored = context.model(self.model), [row for row in rows if row.status != "error"]
        assert isinstance(model, VictimModel), "only a user's model is random"
        texts, right = [row.final for row in scored], {row.id: 0 for row in scored}
        work = context.reporter.track("draws", "text", total=DRAWS * len(texts))
        with track_texts(model.scorer, context.reporter), work as count:
            for _ in range(DRAWS if texts else 0):
                guesses = model.logits_again(texts, count.advance).argmax(dim=1).tolist()
                for row, guess in zip(scored, guesses, strict=True):
                    right[row.id] += guess == row.label
        return write_draws(folder, right, DRAWS)

    def _count_clean(self, model: ModelInfo) -> Clean:
        """Return the model's accuracy on the clean texts of the attacked split."""
        if self.split == "test" or model.dev is None:  # a user's model is measured on the split that is attacked
            return model.clean
        labels = Counter(example.label for example in self.data.dev)
        right = round(model.dev.accuracy * model.dev.n)
        return Clean(correct=right, n=model.dev.n, majority=max(labels.values()))


def _measure_similarity(context: Context, rows: Sequence[Record]) -> Similarity | None:
    """Measure the similarity of originals and adversarial texts; None, with a note, if there is no encoder."""
    try:
        return measure_similarity(rows, offline=context.offline)
    except RobenchError as error:
        context.reporter.warn(f"note: sentence similarity is not measured: {error}")
        return None
