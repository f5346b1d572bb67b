"""The stage that examines a user's model and predicts the test split with it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.paths import atomic_write_folder
from robench.results import clean_lines
from robench.results.classes import predict
from robench.results.info import ELSEWHERE, REMEDY, ModelInfo, StageInfo
from robench.results.info_origin import Timing
from robench.results.info_parts import PluginInfo, VictimInfo
from robench.results.integrity import CLEAN_FILE, write_stage
from robench.results.store import StoredStage
from robench.study.stages.context import Context
from robench.study.stages.stage import FORMAT, ChangedModelError, Size
from robench.study.stages.train import ModelStage
from robench.victims.source import Given, PretrainedSource, VictimSource, version_option

if TYPE_CHECKING:
    from robench.victims.scorers import VictimModel

REMEMBERED_TEXTS = 8
"""Number of test texts on which a function's scores are compared with the stored ones."""


@dataclass(frozen=True)
class VictimStage(ModelStage):
    """Examine a user's model and predict the test split with it; nothing is trained.

    Attributes:
        source: the model; ``defense`` contains a :class:`~robench.victims.source.Given`, which identifies it.
    """

    source: VictimSource = field(kw_only=True)

    work_kind = "check"

    @property
    def model_identity(self) -> Given:
        """Return the fields that distinguish the model from others."""
        assert isinstance(self.defense.defense, Given), "plan_victim passes a Given"
        return self.defense.defense

    @property
    def label(self) -> str:
        """Name task, model and, unless it is the test split, the split."""
        return f"{self.data.task}-{self.defense.name}{'' if self.clean_split == 'test' else f'-{self.clean_split}'}"

    @property
    def title(self) -> str:
        """Name model and task in words."""
        return f"check {self.defense.name} on the {self.clean_split} texts of {self.data.task}"

    @property
    def identity(self) -> dict[str, Any]:
        """Return data, model and precision; the model's digest covers its training."""
        return {
            "format": FORMAT,
            "stage": "victim",
            "data": self.data.digest,
            "victim": asdict(self.model_identity),
            "precision": self.setting.precision,
            **({} if self.clean_split == "test" else {"split": self.clean_split}),
            **self._identify_clean(),
        }

    @property
    def clean_split(self) -> str:
        """Return the split that is attacked: of a user's model, clean accuracy is measured on the same one."""
        return self.setting.split

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Return the Python files of the model, if the user allowed them to run."""
        trusted = isinstance(self.source, PretrainedSource) and self.source.trust_remote_code
        return (f"the Python files of {self.source.shown}",) if trusted else ()

    @property
    def size(self) -> Size:
        """Count the test texts."""
        return Size(len(self.clean_rows()), "texts", f"{self.clean_split} texts")

    @property
    def usual_pace(self) -> float | None:
        """Return None, because a user's model may have any size."""
        return None

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage was a check of the same model, or of one of the same name."""
        return isinstance(info, ModelInfo) and self.is_as_fast(info.defense)

    def is_as_fast(self, defense: PluginInfo) -> bool:
        """Return whether a user's model is this one, or has its name: any other may take as long as it likes."""
        return defense.name == self.defense.name or defense.fields.get("digest") == self.model_identity.digest

    def common_info(self, context: Context) -> dict[str, Any]:
        """Return the fields that all kinds of stages share, without training settings, which are not known."""
        return super().common_info(context) | {"training": dict(ELSEWHERE), "train_rows": 0}

    def make(self, context: Context, folder: Path) -> None:
        """Examine the model, predict the test split, store the results, and keep the model in memory."""
        from robench.study.stages.trained_model import count_correct, predict_clean
        from robench.victims.checks import examine, warn_of_chance
        from robench.victims.columns import check_order
        from robench.victims.scorers import VictimModel, track_texts

        started = time.perf_counter()
        data, reporter, label_order = self.data, context.reporter, self.model_identity.label_order
        rows = self.clean_rows()
        examples = [example for _, example in rows]
        scorer = self._scorer(context)
        with track_texts(scorer, reporter):
            examination = examine(scorer, examples, data.labels, label_order)
            for warning in examination.warnings:
                reporter.warn(f"warning: {warning}")
            victim = VictimModel(scorer, examination.order, examination.probabilities)
            with reporter.track("clean accuracy", "text", total=len(rows)) as work:
                clean, inference = predict_clean(victim, rows, work.advance)
        gold = [example.label for example in examples]
        guesses = [predict(line.probabilities) for line in clean]
        order_warnings = check_order(
            data.labels,
            examination.order,
            gold,
            guesses,
            is_explicit=label_order is not None,
            split=self.clean_split,
        )
        order_warnings += scorer.summarise()
        if advice := self.source.advice_at_chance:
            correct = sum(line.correct for line in clean)
            order_warnings += warn_of_chance(correct, len(clean), len(data.labels), advice)
        for warning in order_warnings:
            reporter.warn(f"warning: {warning}")
        info = ModelInfo(
            **self.common_info(context),
            defense=self.defense.info,
            victim=VictimInfo(
                kind=self.source.kind,
                model=self.source.shown,
                command=self.source.command or None,
                label_order=tuple(examination.order),
                probabilities=examination.probabilities,
                random=examination.random,
                max_length=scorer.max_length,
                dtype=scorer.dtype if self.setting.precision == "native" else "",
            ),
            clean=count_correct(clean),
            clean_limit=self.clean_limit,
            warnings=(*examination.warnings, *order_warnings),
            timing=Timing(
                seconds=round(time.perf_counter() - started, 1), texts=len(clean), inference_seconds=inference
            ),
        )
        with atomic_write_folder(folder) as draft:
            clean_lines.write(draft / CLEAN_FILE, clean)
            write_stage(draft, info)
        context.hold(self, victim)

    def load(self, context: Context) -> VictimModel:
        """Load the model again, with the stored order of labels.

        Raises:
            ChangedModelError: a function scores texts differently than before.
            RobenchError: it cannot be loaded, or a function fails.
        """
        from robench.victims.scorers import VictimModel

        stored: StoredStage[ModelInfo] = self.read_finished(context.store)
        about = stored.info.victim
        assert about is not None, "a user's model is stored with it"
        victim = VictimModel(self._scorer(context), about.label_order, about.probabilities)
        if self.can_change and not about.random:
            self._compare_scores(stored, victim)
        return victim

    def count_threads(self, training: int) -> int | None:
        """Return 1 for a network; a function may use as many threads as its author likes."""
        return 1 if self.source.has_network else None

    @property
    def can_change(self) -> bool:
        """Return whether it is a function, whose weights are not part of the key."""
        return not self.source.has_network

    def check_unchanged(self, context: Context) -> None:
        """Load the function, which compares its scores with the stored ones."""
        context.model(self)

    def is_unchanged(self, checked: StoredStage[ModelInfo], before: StoredStage[ModelInfo]) -> bool:
        """Return whether two checks of the model, on samples of any size, found the same model.

        That of a network's key can be told from its key; a function may have other weights than before.
        """
        ours, theirs = checked.info.victim, before.info.victim
        if ours is None or theirs is None or _list_findings(ours) != _list_findings(theirs):
            return False
        if not self.can_change or ours.random:
            return True
        new, old = (
            {line.id: line.probabilities for line in clean_lines.read(one.folder / CLEAN_FILE)}
            for one in (checked, before)
        )
        return all(
            abs(first - second) <= self.source.tolerance
            for row in new.keys() & old.keys()
            for first, second in zip(new[row], old[row], strict=True)
        )

    def _scorer(self, context: Context) -> Any:
        precision = self.setting.precision
        from robench.victims.function_scorer import FunctionScorer

        length = self.model_identity.max_length
        scorer = self.source.load(max_length=length, precision=precision, device=context.device)
        if isinstance(scorer, FunctionScorer):
            scorer.answers = context.answers(self.source.digest)
        return scorer

    def _compare_scores(self, stored: StoredStage[ModelInfo], victim: VictimModel) -> None:
        import torch

        path = stored.folder / CLEAN_FILE
        lines = clean_lines.read(path, REMEMBERED_TEXTS)
        try:
            before = torch.tensor([line.probabilities for line in lines])
        except ValueError as error:  # the lines have different numbers of classes
            raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
        remembered = self.clean_rows()[:REMEMBERED_TEXTS]
        now = victim.logits_again([example.text for _, example in remembered]).softmax(-1)
        if before.shape != now.shape or (before - now).abs().max() > self.source.tolerance:
            raise ChangedModelError(
                f"{self.source.shown} does not score the test texts as it did when {stored.folder.name} was stored,"
                " though its source is the same: its weights have changed. Give it another version"
                f" ({version_option(self.source.shown if self.source.command else '')}), or make all"
                " again with --existing always."
            )


def _list_findings(victim: VictimInfo) -> tuple[Any, ...]:
    """Return what was found out about a model by means of the texts that it was checked on."""
    return victim.label_order, victim.probabilities, victim.random, victim.max_length, victim.dtype
