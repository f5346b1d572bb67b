"""Table ``price``: what each trained model cost, beside what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from robench.plugins import registry
from robench.report.tables.cells import clean_cell, mean_cell
from robench.report.tables.layout import Layout
from robench.report.tables.legend import describe_clean
from robench.report.tables.model import CLEAN, WORST, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.report.tables.worst import HOW_WORST, worst_cell
from robench.results.cells import Result, read_model_results
from robench.results.info import AdversarialInfo, CellInfo, ModelInfo
from robench.results.info_origin import Timing
from robench.results.labels import MODEL_LEGEND, model_labels
from robench.results.sample_reader import SampleReader
from robench.results.store import Store, StoredStage
from robench.results.worst import WorstReader

TIMES = "times"
TRAINING = "training s"
COLUMNS = (
    # Seconds depend on what else a machine did, so none of them is called the best.
    Column(TRAINING, "number", 0, None),
    Column("D_adv s", "number", 0, None),
    Column(TIMES, "number", 1, None),
    Column("passes", "count", 0, "lower"),
    Column("weights", "count", 0, "lower"),
    Column("ms per text", "number", 2, None),
    Column(CLEAN),
    Column(WORST),
)
_LEGEND = (
    MODEL_LEGEND,
    "training s: seconds of training, of all parts of a fused model. D_adv s: seconds of making the adversarial"
    " training set, summed over its texts. times: both together, as a multiple of the training of {reference} with the"
    " same seed; the training of the model whose attacks make D_adv is not counted.",
    "passes: texts that went forwards or backwards through an encoder in training. weights: of the deployed network."
    " ms per text: milliseconds of a prediction for a clean test text. Times depend on the machine and on what else it"
    " did.",
)


@dataclass(frozen=True)
class _Cost:
    """What one trained model cost, in the order of the columns; None if it is not known.

    Attributes:
        training: seconds of training, of all parts.
        adversarial: seconds of making its adversarial training set; 0 if it needed none.
        passes: texts that went forwards and backwards through an encoder.
        weights: number of weights of the deployed network.
        inference: milliseconds of one prediction.
    """

    training: float | None = None
    adversarial: float | None = None
    passes: int | None = None
    weights: int | None = None
    inference: float | None = None

    @property
    def total(self) -> float | None:
        """Return the seconds of training and of making the adversarial training set."""
        return None if self.training is None or self.adversarial is None else self.training + self.adversarial


def price_table(store: Store, request: TableRequest) -> Table:
    """Make a table of the cost of each trained model, and of its accuracy on clean texts and under the worst attack.

    The models and adversarial training sets of the runs folder say what they cost.
    """
    results = read_model_results(request.select(store.stages(CellInfo), crossed=True))
    layout = Layout.of(request.paper, results, label=model_labels)
    reader = SampleReader.of(results, request.reader)
    worst, costs, reference = WorstReader(reader, results), _Costs(store), registry.reference()
    of_reference = {
        (r.model_block, r.seed): cost.total
        for r in results
        if r.defense.name == reference and not r.defense.changed and (cost := costs.find(r))
    }

    def cells_of(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
        models = list({r.info.model: r for r in found}.values())
        by_model = [costs.find(r) for r in models]
        seconds, made, *others = (_mean(models, [getattr(cost, f.name) for cost in by_model]) for f in fields(_Cost))
        pairs = zip(models, by_model, strict=True)
        times = [_times(cost.total, of_reference.get((r.model_block, r.seed))) for r, cost in pairs]
        return seconds, made, _mean(models, times), *others, clean_cell(reader, found), worst_cell(worst, found)

    arranged, caption = layout.arrange(cells_of)
    clean = f"{describe_clean(r.info for r in layout.results)}."
    legend = [*(line.format(reference=reference) for line in _LEGEND), clean, HOW_WORST]
    return request.finish(arranged, COLUMNS, caption=caption, legend=legend, infos=(r.info for r in layout.results))


class _Costs:
    """The costs of the models of a runs folder."""

    def __init__(self, store: Store) -> None:
        self._models: Mapping[str, StoredStage[ModelInfo]] = {m.key: m for m in store.stages(ModelInfo, names=())}
        self._sets = {one.key: one for one in store.stages(AdversarialInfo, names=())}

    def find(self, result: Result) -> _Cost:
        """Return the cost of the model of a result; nothing is known of one that the user brought."""
        model = self._models.get(result.info.model)
        if model is None or result.info.victim:
            return _Cost()
        timing, times = model.info.timing, self._list_times(model)
        passes = [t.forwards + t.backwards for t in times if t and t.forwards is not None and t.backwards is not None]
        inference = timing.inference_seconds if timing else None
        return _Cost(
            training=sum(t.seconds for t in times if t) if all(times) and times else None,
            adversarial=self._time_set(result.info.adversarial),
            passes=sum(passes) if len(passes) == len(times) and passes else None,
            weights=model.info.parameters,
            inference=None if inference is None else 1000 * inference / model.info.clean.n,
        )

    def _list_times(self, model: StoredStage[ModelInfo]) -> list[Timing | None]:
        """Return the times of its training, or of those of the parts it was fused from, if all are there."""
        parts: Any = model.info.identity.get("parts") or []
        if not parts:
            return [model.info.timing]
        if model.entry:
            return [part.timing for part in model.entry.parts]
        found = [self._models[key].info.timing for key in parts if key in self._models]
        return found if len(found) == len(parts) else []

    def _time_set(self, key: str | None) -> float | None:
        if key is None:
            return 0.0
        stage = self._sets.get(key)
        return stage.info.timing.seconds if stage and stage.info.timing else None


def _mean(models: Sequence[Result], values: Sequence[float | int | None]) -> Cell:
    known = [(r.seed, Fraction(value)) for r, value in zip(models, values, strict=True) if value is not None]
    return mean_cell(known, 0)


def _times(total: float | None, reference: float | None) -> float | None:
    return total / reference if total is not None and reference else None
