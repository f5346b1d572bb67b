"""The stage that trains a defense."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from robench.data.load import Example
from robench.progress import Work
from robench.results.info import ModelInfo, StageInfo
from robench.results.info_origin import Timing
from robench.results.info_parts import Development, PluginInfo, RowCounts
from robench.study.schedule import WorkKind
from robench.study.setting import NamedAttack, NamedDefense, NamedPlugin
from robench.study.stages.context import Context, Model
from robench.study.stages.stage import FORMAT, RecordsStage, Size, Stage, sample
from robench.training.attack_plan import count_rows, count_steps, find_reattack, replaces_rows
from robench.training.settings import TrainingSettings

if TYPE_CHECKING:
    from robench.models.predictor import Predictor
    from robench.results.clean_lines import CleanLine
    from robench.training.checkpoints import Checkpoints

SECONDS_PER_STEP = 0.2
"""Seconds of a step of one pass with the bundled encoder and batch size 16 on two cores, until a run was timed."""


@dataclass(frozen=True)
class ModelStage(Stage):
    """Train a defense.

    Attributes:
        defense: the defense.
        adversarial: the stage of the adversarial training set; None if the defense needs none.
    """

    defense: NamedDefense
    adversarial: RecordsStage | None = None

    info_type = ModelInfo
    work_kind: ClassVar[WorkKind] = "train"

    @property
    def label(self) -> str:
        """Name task, defense, the attack of its adversarial training set, and seed."""
        against = f"-{self.adversarial.attack.name}" if self.adversarial else ""
        return f"{self.data.task}-{self.defense.name}{against}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Name defense, attack, task and seed in words."""
        against = f" against {self.adversarial.attack.title}" if self.adversarial else ""
        return f"{self.work_kind} {self.defense.name}{against} on {self.data.task}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the adversarial training set, if it needs one."""
        return (self.adversarial,) if self.adversarial else ()

    @property
    def identity(self) -> dict[str, Any]:
        """Return data, encoder, defense, training, hardware and seed."""
        return {
            "format": FORMAT,
            "stage": "model",
            "data": self.data.digest,
            "encoder": self.setting.encoder.digest,
            "defense": self.defense.identity,
            "training": asdict(self.training),
            "precision": self.setting.precision,
            "hardware": self.setting.hardware,
            "rows": len(self.training_rows()),
            "seed": self.seed,
            "adversarial": self.adversarial.key if self.adversarial else None,
            "parts": [],
            **self._identify_clean(),
            **({"training_changes": own} if (own := self.defense.training_changes) else {}),
        }

    @property
    def training(self) -> TrainingSettings:
        """Return the training settings: those of the run, but for what the defense has of its own."""
        return replace(self.setting.training, **self.defense.training_changes)

    @property
    def clean_split(self) -> str:
        """Return the split that clean accuracy is measured on."""
        return "test"

    def clean_rows(self) -> list[tuple[int, Example]]:
        """Return the rows that clean accuracy is measured on; of equal limits, they are those that are attacked."""
        return sample(self.data.rows(self.clean_split), self.setting.clean_limit, self.clean_split)

    @property
    def clean_limit(self) -> int | None:
        """Return the number of rows that clean accuracy is limited to; None if the limit leaves them all."""
        limit, rows = self.setting.clean_limit, len(self.data.rows(self.clean_split))
        return None if limit is None or limit >= rows else limit

    def _identify_clean(self) -> dict[str, Any]:
        """Return what a limit of these rows adds to the identity, which is nothing without one."""
        return {} if self.clean_limit is None else {"clean_rows": self.clean_limit}

    @property
    def size(self) -> Size:
        """Estimate the optimiser steps; the number of rows that a defense drops is not known yet."""
        defense, training = self.defense.defense, self.training
        rows, added = count_rows(defense, len(self.training_rows()))
        steps = count_steps(defense, rows, added, range(1, training.epochs + 1), training.batch_size)
        return Size(steps, "steps", "steps")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of a step with the bundled encoder, which grow with its passes."""
        from robench.training.passes import estimate_passes

        return SECONDS_PER_STEP * estimate_passes(self.defense.defense) if self.setting.encoder.bundled else None

    @property
    def texts_read(self) -> int:
        """Return how many texts its network reads to score one."""
        return max(self.defense.defense.texts_read, 1)

    def prepare(self, *, offline: bool) -> None:
        """Fetch what the defense needs, and the resources of an attack between epochs."""
        self.defense.defense.prepare(offline=offline)
        if attack := self._training_attack:
            attack.attack.prepare(offline=offline)

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a model was trained by the same defense."""
        return isinstance(info, ModelInfo) and info.defense.name == self.defense.name

    def is_as_fast(self, defense: PluginInfo) -> bool:
        """Return whether a model on the same encoder answers about as fast as this one: it reads as many texts."""
        return defense.texts_read == self.defense.defense.texts_read

    def make(self, context: Context, folder: Path) -> None:
        """Make the network, measure its accuracy on clean texts, and store it."""
        from robench.study.stages import trained_model
        from robench.study.stages.training_checkpoints import open_checkpoints

        untrained = trained_model.build_untrained(
            self.setting, len(self.data.labels), seed=self.seed, device=context.device
        )
        warnings = trained_model.check_start(untrained, folder, self.data.test)
        for warning in warnings:
            context.reporter.say(f"    warning: {warning}")
        with open_checkpoints(self, context, folder) as checkpoints:
            self._make(context, folder, checkpoints, warnings)

    def _make(self, context: Context, folder: Path, checkpoints: Checkpoints, warnings: list[str]) -> None:
        from robench.models.predictor import accuracy
        from robench.study.stages import trained_model

        predictor, log, rows, timing = self.compute_network(context, folder, checkpoints)
        dev, test = self.data.dev, self.clean_rows()
        dev_logits = checkpoints.evaluate(functools.partial(predictor.logits, [example.text for example in dev]))
        dev_accuracy = accuracy(dev_logits, [e.label for e in dev])
        with context.reporter.track("clean accuracy", "text", total=len(test)) as work:

            def predict(check: Callable[[int], None]) -> tuple[list[CleanLine], float]:
                def progress(count: int) -> None:
                    work.advance(count)
                    check(count)

                return trained_model.predict_clean(predictor, test, progress)

            clean, seconds = checkpoints.evaluate(predict)
        found = trained_model.find_warnings(predictor, [example for _, example in test])
        for warning in found:
            context.reporter.say(f"    warning: {warning}")
        info = ModelInfo(
            **self.common_info(context),
            defense=self.defense.info,
            adversarial=self.adversarial.key if self.adversarial else None,
            rows=rows,
            dev=Development(accuracy=dev_accuracy, n=len(dev)),
            clean=trained_model.count_correct(clean),
            clean_limit=self.clean_limit,
            warnings=(*warnings, *found),
            parameters=sum(value.numel() for value in predictor.classifier.state_dict().values()),
            timing=msgspec.structs.replace(timing, inference_seconds=seconds),
        )
        tokenizer = self.setting.encoder.tokenizer()
        trained_model.save(folder, predictor.classifier, tokenizer, clean, log, info, self.setting.encoder.code)
        context.hold(self, predictor)

    def count_threads(self, training: int) -> int | None:
        """Return the number of threads of a training."""
        return training

    def load(self, context: Context) -> Model:
        """Load the finished model."""
        from robench.study.stages import trained_model
        from robench.training.reading import find_reader

        return trained_model.load(
            self.folder(context.store),
            len(self.data.labels),
            max_length=self.setting.training.max_length,
            precision=self.setting.precision,
            device=context.device,
            trust_remote_code=self.setting.encoder.trust_remote_code,
            reader=find_reader(self.defense.defense, self.seed),
        )

    def compute_network(
        self, context: Context, folder: Path, checkpoints: Checkpoints
    ) -> tuple[Predictor, list[dict[str, Any]], RowCounts, Timing]:
        """Train the network, or continue its training.

        Args:
            context: store, reporter and device.
            folder: the folder of the stage.
            checkpoints: keep the training.

        Returns:
            The deployed network, the log of its evaluations, the numbers of its training rows, and its times.
        """
        from robench.study.stages.training_attack import TrainingAttack, count_attacks
        from robench.study.stages.training_rows import arrange_rows
        from robench.training.loop import train

        setting, defense, attack = self.setting, self.defense.defense, self._training_attack
        clean = self.training_rows()
        uses_set = self.adversarial and not replaces_rows(defense, len(clean))
        records = self.adversarial.read_records(context.store) if self.adversarial and uses_set else []
        rows, counts = arrange_rows(defense, clean, records, self.seed)
        with contextlib.ExitStack() as stack:
            work: list[Work] = []

            def start(step: int, steps: int) -> None:
                if step:
                    context.reporter.say(f"    training continues at step {step:,} of {steps:,}")
                work.append(stack.enter_context(context.reporter.track("training", "step", steps, step)))

            def end_step(step: int, steps: int) -> None:
                self.defense.check_unchanged()
                work[0].set_progress(step, steps)

            result = train(
                defense,
                rows,
                self.data.dev,
                encoder=setting.encoder.model,
                tokenizer=setting.encoder.tokenizer(),
                classes=len(self.data.labels),
                settings=self.training,
                precision=setting.precision,
                device=context.device,
                seed=self.seed,
                on_start=start,
                on_step=end_step,
                checkpoints=checkpoints,
                clean=counts.clean,
                attacker=TrainingAttack(context, self, defense, attack, folder) if attack else None,
            )
        if attack:  # from their files: an interrupted training has not made all attacks itself
            counts = msgspec.structs.replace(counts, **count_attacks(folder))
        timing = Timing(
            seconds=round(result.seconds, 1),
            steps=result.steps,
            best_step=result.best_step,
            forwards=result.forwards,
            backwards=result.backwards,
        )
        return result.predictor, result.log, counts, timing

    @property
    def _training_attack(self) -> NamedAttack | None:
        """Return the attack of D_adv, if the defense wants it again between epochs; None if it does not."""
        epochs, rows = range(1, self.training.epochs + 1), len(self.data.train)
        if self.adversarial is None:
            return None
        reattacks = (find_reattack(self.defense.defense, epoch, rows) for epoch in epochs)
        return self.adversarial.attack if any(one and one.count_attacked(rows) for one in reattacks) else None

    @property
    def plugins(self) -> tuple[NamedPlugin, ...]:
        """Return the defense."""
        return (self.defense,)

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Add the files of an attack between epochs."""
        attack = self._training_attack
        return (*super().foreign_code, *(file.title for file in (attack.attack.foreign_files if attack else ())))
