"""The stage that scores adversarial texts of another seed's reference defense with a model.

How it works: the texts come from the cell of the reference defense of the next seed, not of the same one: models of one
seed start from the same head and see the rows in the same order, so what fools one would fool the other more often than
any stranger's texts do. It is always the next seed, whatever the seeds of a run, so that adding seeds changes no
result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robench.results import records
from robench.results.info import ModelInfo, StageInfo, TransferInfo
from robench.results.info_origin import Timing
from robench.results.outcome import summarise
from robench.results.store import RECORDS_FILE
from robench.results.transfer import list_texts, transfer_record
from robench.study.stages.attack import CellStage
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage
from robench.study.stages.train import ModelStage

FORMAT = 1
"""Number that grows when a change of robench changes transfers; part of their keys."""
SECONDS_PER_TEXT = 0.02
"""Seconds of a text with the bundled encoder on two cores; used until a transfer was timed."""
_SEEDS = 2**32


def next_seed(seed: int) -> int:
    """Return the seed of the reference defense whose adversarial texts a model of a seed is given."""
    return (seed + 1) % _SEEDS


@dataclass(frozen=True)
class TransferStage(Stage):
    """Score the adversarial texts of a cell of another seed with a model.

    Attributes:
        model: the model.
        texts: the cell.
    """

    model: ModelStage
    texts: CellStage

    info_type = TransferInfo

    @property
    def label(self) -> str:
        """Name task, defense, attack and seed."""
        return f"{self.data.task}-{self.model.defense.name}-{self.texts.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Name model, attack and both seeds in words."""
        made = f"texts of {self.texts.attack.title} against {self.texts.model.defense.name} of seed {self.texts.seed}"
        return f"score {made} with {self.model.defense.name} on {self.data.task}, seed {self.seed}"

    @property
    def identity(self) -> dict[str, Any]:
        """Return the model and the cell with the texts; tables read the attack from it."""
        return {
            "format": FORMAT,
            "stage": "transfer",
            "model": self.model.key,
            "texts": self.texts.key,
            "attack": self.texts.attack.identity,
        }

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the cell with the texts, and the model."""
        return (self.texts, self.model)

    @property
    def size(self) -> Size:
        """Count the texts, clean and adversarial ones; how many adversarial ones there are is not known yet."""
        return Size(2 * len(self.texts.examples()), "texts", "texts")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of a text on the bundled encoder."""
        return SECONDS_PER_TEXT * self.model.texts_read if self.setting.encoder.bundled else None

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Return that of the model and of the cell with the texts."""
        return tuple(dict.fromkeys((*self.model.foreign_code, *self.texts.foreign_code)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Return those of the cell with the texts."""
        return self.texts.notes

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage was a transfer, too, to a model that reads as many texts."""
        return isinstance(info, TransferInfo) and info.defense.texts_read == self.model.defense.defense.texts_read

    def prepare(self, *, offline: bool) -> None:
        """Fetch what the model needs."""
        self.model.prepare(offline=offline)

    def count_threads(self, training: int) -> int | None:
        """Return 1; None if the model is a function of the user."""
        return None if self.model.can_change else 1

    def make(self, context: Context, folder: Path) -> None:
        """Score the texts, and store a record for each row."""
        started = time.perf_counter()
        made = self.texts.read_records(context.store)
        texts = list_texts(made)
        probabilities = self._score(context, texts)
        rows = [transfer_record(record, probabilities) for record in made]
        records.write(folder / RECORDS_FILE, rows, self.key)
        model: ModelInfo = self.model.read_finished(context.store).info
        info = TransferInfo(
            **self.common_info(context),
            attack=self.texts.attack.info,
            defense=self.model.defense.info,
            model=self.model.key,
            adversarial=self.model.adversarial.key if self.model.adversarial else None,
            attacked=summarise(rows),
            texts=self.texts.key,
            texts_seed=self.texts.seed,
            clean=model.clean,
            clean_limit=model.clean_limit,
            rows=model.rows,
            victim=model.victim,
            warnings=model.warnings,
            model_environment=model.environment,
            timing=Timing(seconds=round(time.perf_counter() - started, 1), texts=len(texts)),
        )
        context.store.finish(folder, info)

    def _score(self, context: Context, texts: list[str]) -> dict[str, list[float]]:
        """Return the probabilities of each class by text, as in records of attacks."""
        from robench.attacking.goal import make_outputs

        model = context.model(self.model)
        with context.reporter.track("scoring", "text", total=len(texts)) as work:
            outputs = make_outputs(model.logits(texts, work.advance)) if texts else []
        return {text: output.probabilities.tolist() for text, output in zip(texts, outputs, strict=True)}
