"""Scoring stored texts again: whether a model still gives the probabilities that the records of its attacks have.

How it works: some rows of each cell and adversarial training set are drawn with a fixed seed, those first whose text
the attack changed. Their clean and their final texts are scored by the stored model, in its precision, and on the kind
of device that the records were made on if this machine has it. :mod:`robench.results.rounding` says how much of a
difference rounding can explain.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.results import records
from robench.results.classes import predict
from robench.results.info import AdversarialInfo, AttackInfo, CellInfo, ModelInfo
from robench.results.records import Record
from robench.results.rounding import TOLERANCES, is_alike
from robench.results.store import RECORDS_FILE, StoredStage
from robench.study.environment import record_environment
from robench.victims.source import VictimSource

if TYPE_CHECKING:
    import torch

    from robench.models.devices import Precision

FUNCTION_TOLERANCE = 0.01
"""Largest difference of a probability of a Python function, of which robench knows neither precision nor device."""

Logits = Callable[[Sequence[str]], "torch.Tensor"]
"""From N texts to logits (N, K), float32, on the CPU."""
AttackStage = StoredStage[AttackInfo]


@dataclass(frozen=True)
class Rescoring:
    """The comparison of the stored probabilities of one stage with those that its model gives now.

    Attributes:
        stage: the cell or adversarial training set.
        texts: number of texts that were scored.
        largest: largest difference of a probability, 0 to 1.
        ties: number of texts whose label differs although rounding explains the difference.
        fault: why the stage does not fit, as a sentence without an end; empty if it does.
        left_out: why nothing was scored, as a sentence without an end; empty if something was.
    """

    stage: AttackStage
    texts: int = 0
    largest: float = 0.0
    ties: int = 0
    fault: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Rescorer:
    """Scores stored texts again.

    Attributes:
        sound: the stages of the runs folder that fit, by key.
        count: number of rows of each stage.
        source: a model of the user's; None if none was named.
        trust_remote_code: whether the user allowed the Python code of encoders to run.
        offline: whether to forbid all downloads.
    """

    sound: Mapping[str, StoredStage[Any]]
    count: int
    source: VictimSource | None = None
    trust_remote_code: bool = False
    offline: bool = False

    def stages(self) -> list[AttackStage]:
        """Return the stages with records, so that those of one model follow each other."""
        found = [stage for stage in self.sound.values() if isinstance(stage.info, AdversarialInfo | CellInfo)]
        return sorted(found, key=lambda stage: (stage.info.model, stage.folder))

    def run(self) -> Iterator[Rescoring]:
        """Score the texts of each stage, and yield the comparisons in the order of :meth:`stages`."""
        loaded: tuple[str, str, Logits | str] = "", "", ""
        for stage in self.stages():
            device = _choose_device(stage.info)
            if loaded[:2] != (stage.info.model, device):
                loaded = "", "", ""  # so that only one model is in memory
                loaded = stage.info.model, device, self._load(stage, device)
            yield self._compare(stage, loaded[2], device)

    def _load(self, stage: AttackStage, device: str) -> Logits | str:
        """Load the model of a stage; return why not if that is not possible."""
        import torch

        info, model = stage.info, self.sound.get(stage.info.model)
        if model is None or not isinstance(model.info, ModelInfo):
            return f"the model {info.model} is not in the runs folder, or does not fit"
        if (info.precision, True) not in TOLERANCES:
            return f"the precision {show_value(info.precision)} is none that this version knows"
        try:
            load = self._load_own if model.info.victim else self._load_trained
            return load(model, cast("Precision", info.precision), torch.device(device))
        except RobenchError as error:
            return str(error).rstrip(".")

    def _load_trained(self, model: StoredStage[ModelInfo], precision: Precision, device: torch.device) -> Logits | str:
        from robench.study.stages import trained_model
        from robench.study.stages.stored_reader import find_stored_reader

        reader = find_stored_reader(model.info)
        if reader is not None:
            reader.defense.prepare(offline=self.offline)
        return trained_model.load(
            model.folder,
            len(model.info.labels),
            max_length=trained_model.read_max_length(model),
            precision=precision,
            device=device,
            trust_remote_code=self.trust_remote_code,
            reader=reader,
        ).logits

    def _load_own(self, model: StoredStage[ModelInfo], precision: Precision, device: torch.device) -> Logits | str:
        from robench.victims.scorers import VictimModel

        about, fields = model.info.victim, model.info.defense.fields
        assert about is not None, "only a user's model comes here"
        if about.kind.startswith("language model"):
            return "models with --prompt or --endpoint are not scored again"
        if self.source is None:
            return f"the model is your own ({about.model}); name it with --model"
        if self.source.digest != fields.get("digest"):
            return f"the model is your own ({about.model}), and not the one that --model names"
        if about.random:
            return "the model gives a text other scores each time"
        length = fields.get("max_length")
        scorer = self.source.load(
            max_length=length if type(length) is int else None, precision=precision, device=device
        )
        return VictimModel(scorer, about.label_order, about.probabilities).logits

    def _compare(self, stage: AttackStage, logits: Logits | str, device: str) -> Rescoring:
        import torch

        if isinstance(logits, str):
            return Rescoring(stage, left_out=logits)
        try:
            rows = draw_rows(records.read(stage.folder / RECORDS_FILE), self.count, stage.key)
            texts = [text for row in rows for text in (row.original, row.final)]
            now = logits(texts).softmax(-1).tolist() if texts else []
        except RobenchError as error:
            return Rescoring(stage, left_out=str(error).rstrip("."))
        if not rows:
            return Rescoring(stage, left_out="all rows ended in an error")
        alike = is_alike(stage.info.environment, record_environment(torch.device(device)))
        tolerance = TOLERANCES[stage.info.precision, alike]
        if self._is_function(stage):
            tolerance = FUNCTION_TOLERANCE
        return compare(stage, rows, now, tolerance)

    def _is_function(self, stage: AttackStage) -> bool:
        info: ModelInfo = self.sound[stage.info.model].info
        return info.victim is not None and self.source is not None and not self.source.has_network


def compare(stage: AttackStage, rows: Sequence[Record], now: Sequence[Sequence[float]], tolerance: float) -> Rescoring:
    """Compare stored probabilities with new ones.

    Args:
        stage: the stage of the rows.
        rows: N records.
        now: 2N rows of probabilities: of the clean and of the final text of each record in turn.
        tolerance: largest difference of a probability that counts as equal.
    """
    stored = [values for row in rows for values in (row.probabilities_before, row.probabilities_after)]
    if widths := [(len(a), len(b)) for a, b in zip(stored, now, strict=True) if len(a) != len(b)]:
        before, after = widths[0]
        return Rescoring(
            stage, len(now), 1.0, fault=f"records have {before} probabilities of a text, the model gives {after}"
        )
    differences = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(stored, now, strict=True)]
    labels = [(predict(a), predict(b)) for a, b in zip(stored, now, strict=True)]
    wrong = [i for i, difference in enumerate(differences) if not difference <= tolerance]
    changed = {i for i, (before, after) in enumerate(labels) if before != after}
    fault = ""
    if wrong:
        worst = max(wrong, key=differences.__getitem__)
        when, (before, after) = ("clean", "under attack")[worst % 2], labels[worst]
        fault = (
            f"of {len(now)} texts, the model gives {len(wrong)} other probabilities than the records have, and"
            f" {len(changed & set(wrong))} another label; the largest difference is {differences[worst]:.2g}, where"
            f" rounding explains {tolerance:g}: row {rows[worst // 2].id} {when}, stored label {before}, now {after}"
        )
    return Rescoring(stage, len(now), max(differences), len(changed - set(wrong)), fault)


def draw_rows(rows: Sequence[Record], count: int, key: str) -> list[Record]:
    """Draw at most ``count`` records that have probabilities, by id; those whose text was changed are taken first.

    Args:
        rows: the records of a stage.
        count: most records.
        key: key of the stage, which selects the random stream.
    """
    scored = [row for row in rows if row.status != "error"]
    random.Random(f"rescore/{key}").shuffle(scored)
    scored.sort(key=lambda row: row.final == row.original)
    return sorted(scored[:count], key=lambda row: row.id)


def _choose_device(info: AttackInfo) -> str:
    """Return the kind of device that a stage was made on, if this machine has it, else ``cpu``."""
    import torch

    on_cpu = info.environment is None or info.environment.device in ("", "cpu")
    return "cpu" if on_cpu or not torch.cuda.is_available() else "cuda"
