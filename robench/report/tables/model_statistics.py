"""The high-order statistics of trained models, as tables and figures arrange them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from robench.report.tables.captions import setting_of
from robench.report.tables.model import CLEAN, Column
from robench.results.adversarial_rows import format_range
from robench.results.cells import has_learned, identity_text
from robench.results.info import BEFORE, CellInfo, StatisticsInfo
from robench.results.info_parts import PluginInfo
from robench.results.paper_contents import Paper, rank
from robench.results.store import StoredStage

MEASURES = (
    Column("MSE (pos, ↓)", "number", 4, "lower", key="mse_pos"),
    Column("MSE (neg, ↑)", "number", 4, "higher", key="mse_neg"),
    Column("KL (pos, ↓)", "number", 4, "lower", key="kl_pos"),
    Column("KL (neg, ↑)", "number", 4, "higher", key="kl_neg"),
    Column("CTR (↓)", "number", 4, "lower", key="ctr"),
)
"""The statistics, which :class:`~robench.results.info_parts.Statistics` has under the same keys."""


@dataclass(frozen=True)
class ModelStatistics:
    """The statistics of one model over the pairs of one attack.

    Attributes:
        info: ``stage.json``.
        block: the same for models that can be compared.
        row: the same for models of one defense, whichever attack it was trained against.
        seed: of the model.
        key: of the statistics.
        training_attack: the attack that it was trained against; None if it needed none, or if that is not known.
        clean_limit: number of rows that its clean accuracy was limited to; None if it counts all, or if that is not
            known.
        values: by key of a column of table 7, without those that are not known.
    """

    info: StatisticsInfo
    block: str
    row: str
    seed: int
    key: str
    training_attack: PluginInfo | None
    clean_limit: int | None
    values: Mapping[str, Fraction | float]

    @property
    def is_crossed(self) -> bool:
        """Return whether it was trained against another attack, not even against that which this one changes."""
        own, met = self.training_attack, self.info.attack
        return own is not None and own.name != met.base and (own.title, own.fields) != (met.title, met.fields)

    @property
    def has_learned(self) -> bool:
        """Return whether it has learned something, as far as that is known; before fine-tuning it need not have."""
        return is_before(self) or self.info.clean is None or has_learned(self.info.clean)


def is_before(model: ModelStatistics) -> bool:
    """Return whether these are statistics of the encoder before fine-tuning."""
    return model.info.defense.name == BEFORE


def read_statistics(
    statistics: Iterable[StoredStage[StatisticsInfo]], cells: Iterable[StoredStage[CellInfo]]
) -> list[ModelStatistics]:
    """Read the statistics of models; those of one model over the pairs of two attacks are two of them.

    Args:
        statistics: finished stages of that kind.
        cells: of the same folder; they say which attack a model was trained against, and how many rows its clean
            accuracy was limited to.
    """
    by_model = {cell.info.model: cell.info for cell in cells}
    return [_read_statistics(stage, by_model.get(stage.info.model)) for stage in statistics]


def _read_statistics(stage: StoredStage[StatisticsInfo], cell: CellInfo | None) -> ModelStatistics:
    info = stage.info
    block = [info.task, info.training, info.precision, info.train_rows]
    block += [identify_attack(info), info.data.digest, info.encoder.digest, info.statistics.samples]
    block += count_samples(info).values()
    defense = info.defense.identify()
    if info.defense.name == BEFORE or not info.defense.class_:
        defense = [info.defense.name]
    values: dict[str, Fraction | float] = {}
    for measure in MEASURES:
        number = getattr(info.statistics, measure.key)
        values[measure.key] = Fraction(number) if math.isfinite(number) else number
    if info.clean and info.clean.n:
        values[CLEAN] = Fraction(info.clean.correct, info.clean.n)
    if info.attacked and info.attacked.accuracy is not None:
        values["attack%"] = info.attacked.accuracy
    return ModelStatistics(
        info,
        identity_text(block),
        identity_text(defense),
        info.seed,
        stage.key,
        training_attack=cell.training_attack if cell else None,
        clean_limit=cell.clean_limit if cell else None,
        values=values,
    )


def identify_attack(info: StatisticsInfo) -> list[Any]:
    """Return what two attacks share only if they are the same."""
    return [info.attack.title, info.attack.fields]


def share_setting(members: Sequence[ModelStatistics]) -> dict[str, Any]:
    """Return what a block shares: as its fine-tuned models say, if it has one."""
    model = next((m for m in members if not is_before(m)), members[0])
    info, limit = model.info, model.clean_limit
    attack = {"attack": info.attack.title, "attack_identity": identity_text(identify_attack(info))}
    counts = {f"{part}_n": count for part, count in count_samples(info).items() if count}
    counts |= {} if limit is None else {"clean_limit": limit}
    return setting_of(info, **attack, pairs=info.statistics.samples, **counts)


def note_errors(models: Iterable[ModelStatistics]) -> list[str]:
    """Return how many attacked texts are in no pair, for each task, attack and number of texts."""
    counts: dict[tuple[str, str, int], set[int]] = {}
    for info in (m.info for m in models):
        if info.statistics.errors:
            counts.setdefault((info.task, info.attack.title, info.statistics.samples), set()).add(
                info.statistics.errors
            )
    return [
        f"{task}, {attack}: with some seeds, {format_range(errors)} of {n:,} pairs are missing, since the attack ended"
        " in an error there"
        for (task, attack, n), errors in counts.items()
    ]


def count_samples(info: StatisticsInfo) -> dict[str, int | None]:
    """Count the clean and the attacked samples, as far as there are any."""
    return {
        "clean": info.clean.n if info.clean else None,
        "attacked": info.attacked.n if info.attacked else None,
    }


def order_statistics(m: ModelStatistics, paper: Paper) -> tuple[Any, ...]:
    """Return the place of a model: by task, attack and encoder, then by defense and seed, in the paper's order."""
    info = m.info
    block = *rank(info.task, paper.tasks), *rank(info.attack.name, paper.attacks), info.attack.title
    return *block, info.encoder.name, m.block, *rank(info.defense.name, paper.defense_order), m.row, m.seed
