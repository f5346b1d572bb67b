"""The stage that measures the high-order statistics of one model: the data of table 7 (paper, section 4.3).

How it works: all models are measured on the same pairs, which are the attacked test samples and the texts that the
attack made of them with *the reference defense* as the victim (``original`` and ``final`` in the records of its cell,
failures and skips included, errors left out). Adversarial texts against the model itself would differ from model to
model, so the numbers could not be compared. The column "before" is the pre-trained encoder with the untrained head that
the training of the reference defense starts from.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.results import records
from robench.results.info import BEFORE, StageInfo, StatisticsInfo
from robench.results.info_origin import Timing
from robench.results.info_parts import Clean, Outcome, PluginInfo
from robench.results.outcome import summarise
from robench.results.pairs import Pairs, measure_pairs, read_pairs
from robench.results.records import Record
from robench.results.store import RECORDS_FILE, make_key
from robench.study.shared_rows import SharedRows
from robench.study.stages.attack import CellStage
from robench.study.stages.attacked_rows import keep_good_records, search_rows
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage

if TYPE_CHECKING:
    from robench.models.predictor import Predictor

FORMAT = 1
"""Number that grows when a change of robench changes statistics; part of their keys."""
SECONDS_PER_PAIR = 0.05
"""Seconds of a pair with the bundled encoder on two cores; used until statistics were timed."""


@dataclass(frozen=True)
class UntrainedModel:
    """The model that the training of a cell's defense starts from: the pre-trained encoder with a random head.

    Attributes:
        cell: the cell, whose seed draws the head.
    """

    cell: CellStage

    @property
    def key(self) -> str:
        """Return the hash of everything that determines the model."""
        setting = self.cell.setting
        return make_key(
            {
                "stage": "untrained",
                "precision": setting.precision,
                "seed": self.cell.seed,
                "labels": self.cell.data.labels,
                "encoder": setting.encoder.digest,
                "max_length": setting.training.max_length,
            }
        )

    def load(self, context: Context) -> Predictor:
        """Build the model."""
        from robench.study.stages.trained_model import build_untrained

        cell = self.cell
        return build_untrained(cell.setting, len(cell.data.labels), seed=cell.seed, device=context.device)


@dataclass(frozen=True)
class StatisticsStage(Stage):
    """Measure one model over the pairs of the reference defense's cell.

    Attributes:
        reference: the cell of the reference defense, whose records are the pairs.
        cell: the cell of the model to measure; None measures the encoder before fine-tuning.
    """

    reference: CellStage
    cell: CellStage | None = None

    info_type = StatisticsInfo

    @property
    def name(self) -> str:
        """Return the name of the model's defense, or ``before``."""
        return self.cell.model.defense.name if self.cell else BEFORE

    @property
    def label(self) -> str:
        """Name task, defense, attack and seed."""
        return f"{self.data.task}-{self.name}-{self.reference.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Name model, task, attack and seed in words, and the attack that the model was trained against if another."""
        against = self.cell.trained_against if self.cell else None
        named = f"{self.name}, trained against {against.title}," if against else self.name
        return f"statistics of {named} on {self.data.task} under {self.reference.attack.title}, seed {self.seed}"

    @property
    def model_key(self) -> str:
        """Return the key of the model."""
        return self.cell.model.key if self.cell else UntrainedModel(self.reference).key

    @property
    def identity(self) -> dict[str, Any]:
        """Return the model and the pairs."""
        return {"format": FORMAT, "stage": "statistics", "model": self.model_key, "pairs": self.reference.key}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the cell with the pairs, and the cell of the model and the model."""
        return (self.reference, self.cell, self.cell.model) if self.cell else (self.reference,)

    @property
    def size(self) -> Size:
        """Count the pairs."""
        return Size(len(self.reference.examples()), "texts", "pairs")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of a pair on the bundled encoder."""
        return SECONDS_PER_PAIR if self.setting.encoder.bundled else None

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Return that of the cell with the pairs."""
        return self.reference.foreign_code

    def resembles(self, info: StageInfo) -> bool:
        """Return whether statistics have the same attack, and the same kind of model: an untrained one takes longer."""
        same_kind = isinstance(info, StatisticsInfo) and (info.defense.name == BEFORE) == (self.cell is None)
        return same_kind and info.attack.name == self.reference.attack.name  # type: ignore[attr-defined]

    def prepare(self, *, offline: bool) -> None:
        """Fetch what the model needs, or the resources of the attack on the untrained one."""
        if self.cell is not None:
            self.cell.model.prepare(offline=offline)
        else:
            self.reference.attack.attack.prepare(offline=offline)

    def make(self, context: Context, folder: Path) -> None:
        """Measure the model; if it is the untrained one, which has no cell, attack it as well."""
        started = time.perf_counter()
        reference = self.reference.read_finished(context.store)
        pairs = read_pairs(reference)
        statistics = measure_pairs(self._predictor(context), pairs)
        info = self.common_info(context) | {
            "attack": reference.info.attack,
            "model": self.model_key,
            "pairs": self.reference.key,
            "statistics": statistics,
        }
        info |= self._about_cell(context) if self.cell else self._about_untrained(context, pairs, folder)
        timing = Timing(seconds=round(time.perf_counter() - started, 1), texts=len(pairs))
        context.store.finish(folder, StatisticsInfo(**info, timing=timing))

    def _predictor(self, context: Context) -> Predictor:
        from robench.models.predictor import Predictor

        model = context.model(self.cell.model if self.cell else UntrainedModel(self.reference))
        if not isinstance(model, Predictor):
            raise RobenchError(f"the representations of {self.name}, a model of the user's, are not known to robench.")
        return model

    def _about_cell(self, context: Context) -> dict[str, Any]:
        assert self.cell is not None, "the untrained model has none"
        cell = self.cell.read_finished(context.store)
        return {
            "defense": cell.info.defense,
            "adversarial": cell.info.adversarial,
            "clean": cell.info.clean,
            "attacked": cell.info.attacked,
        }

    def _about_untrained(self, context: Context, pairs: Pairs, folder: Path) -> dict[str, Any]:
        predicted = self._predictor(context).logits(pairs.clean).argmax(-1).tolist()
        correct = sum(a == b for a, b in zip(predicted, pairs.labels, strict=True))
        return {
            "defense": PluginInfo(name=BEFORE),
            "clean": Clean(correct=correct, n=len(pairs)),
            "attacked": self._attack_untrained(context, folder),
        }

    def _attack_untrained(self, context: Context, folder: Path) -> Outcome:
        """Attack the untrained model like any other, with this process as the only one that works on the rows."""
        reference, examples = self.reference, self.reference.examples()
        rows = SharedRows(folder, self.key, examples)
        by_row = dict(examples)
        untaken = ((i, by_row[i]) for shard in iter(rows.take, []) for i in shard)

        def keep(path: Path) -> tuple[Record, ...]:
            return keep_good_records(context, self, examples, path)

        results = search_rows(context, self, UntrainedModel(reference), reference.attack, untaken)
        with contextlib.closing(rows):
            rows.open(keep)
            work = context.reporter.track("attacking", "text", total=rows.total, done=rows.finished)
            with contextlib.closing(results), work as count:
                for record in results:
                    rows.keep(record)
                    count.advance(1, record.status)
            rows.merge(keep)
        return summarise(records.read(folder / RECORDS_FILE))
