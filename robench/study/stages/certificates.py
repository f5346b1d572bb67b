"""The stage that certifies the predictions of one model: for how many changed words they are known to stay.

How it works: the label that the model names for a text is what is certified. New random copies of the text, from a
stream of its own, are counted beside those that vote; :mod:`robench.training.certificate` says what follows.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robench.data.load import Example
from robench.errors import RobenchError, run_foreign_code
from robench.paths import translate_os_errors
from robench.results import json_lines
from robench.results.certificates import CERTIFICATES_FILE, Certificate
from robench.results.info import CertificatesInfo, StageInfo
from robench.results.info_origin import Timing
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage, sample
from robench.study.stages.train import ModelStage
from robench.syncing import make_folder
from robench.training.certificate import CertificateSettings, bound_share, find_radius, find_required_share
from robench.training.defense import Defense

FORMAT = 1
"""Number that grows when a change of robench changes certificates; part of their keys."""
SECONDS_PER_DRAW = 0.002
"""Seconds of a random copy with the bundled encoder on two cores; used until certificates were timed."""


@dataclass(frozen=True)
class CertificatesStage(Stage):
    """Certify what a model predicts for the test samples that attacks without a choice of their own get.

    Attributes:
        model: the model, whose defense has certificates.
        certificate: number of draws, chance of an error, and number of queries.
    """

    model: ModelStage
    certificate: CertificateSettings

    info_type = CertificatesInfo

    @property
    def label(self) -> str:
        """Return the label of the model."""
        return self.model.label

    @property
    def title(self) -> str:
        """Name model, task and seed in words."""
        return f"certify {self.model.defense.name} on {self.data.task}, seed {self.seed}"

    @property
    def identity(self) -> dict[str, Any]:
        """Return the model, the number of samples and the settings."""
        return {
            "format": FORMAT,
            "stage": "certificates",
            "model": self.model.key,
            "rows": len(self.examples()),
            **asdict(self.certificate),
        }

    def examples(self) -> list[tuple[int, Example]]:
        """Return the test samples, with their positions in the test split."""
        return sample(self.data.test, self.setting.attack_limit, "test")

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the model."""
        return (self.model,)

    @property
    def size(self) -> Size:
        """Count the texts."""
        return Size(len(self.examples()), "texts", "texts")

    @property
    def usual_pace(self) -> float | None:
        """Return the seconds of a text on the bundled encoder."""
        return SECONDS_PER_DRAW * self.certificate.draws if self.setting.encoder.bundled else None

    @property
    def votes(self) -> int:
        """Return the number of copies whose vote is certified; 0 if the defense combines scores in a way of its own."""
        kind = type(self.model.defense.defense)
        return self.model.texts_read if kind.combine is Defense.combine else 0

    @property
    def foreign_code(self) -> tuple[str, ...]:
        """Return that of the model."""
        return self.model.foreign_code

    def resembles(self, info: StageInfo) -> bool:
        """Return whether a finished stage drew as many copies."""
        return isinstance(info, CertificatesInfo) and info.draws == self.certificate.draws

    def prepare(self, *, offline: bool) -> None:
        """Fetch what the model needs."""
        self.model.prepare(offline=offline)

    def make(self, context: Context, folder: Path) -> None:
        """Predict the texts, count labels of new copies, and store a certificate of each."""
        started = time.perf_counter()
        examples = self.examples()
        predicted, votes = self._count(context, [example.text for _, example in examples])
        lines = [
            self._certify(i, example, *found) for (i, example), *found in zip(examples, predicted, votes, strict=True)
        ]
        path = folder / CERTIFICATES_FILE
        with translate_os_errors(path):
            make_folder(folder)
            json_lines.write(path, lines)
        info = CertificatesInfo(
            **self.common_info(context),
            defense=self.model.defense.info,
            model=self.model.key,
            adversarial=self.model.adversarial.key if self.model.adversarial else None,
            **asdict(self.certificate),
            votes=self.votes,
            covers=self.model.defense.defense.certificate,
            n=len(lines),
            abstained=sum(line.radius is None for line in lines),
            timing=Timing(seconds=round(time.perf_counter() - started, 1), texts=len(lines)),
        )
        context.store.finish(folder, info)

    def _count(self, context: Context, texts: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the label that the model names for each text, and how many new copies of the text get it."""
        from robench.models.predictor import Predictor
        from robench.training.reading import LabelCounter

        model = context.model(self.model)
        if not isinstance(model, Predictor):
            raise RobenchError(f"{self.model.defense.name}, a model of the user's, has no certificates.")
        predicted = model.logits(texts).argmax(-1).tolist()
        counter = LabelCounter(self.model.defense.defense, self.seed, "certificate", self.certificate.draws)
        with context.reporter.track("certificates", "text", total=len(texts)) as work:
            counts = model.read_by(counter).logits(texts, work.advance).tolist()
        return predicted, [int(row[label]) for row, label in zip(counts, predicted, strict=True)]

    def _certify(self, row: int, example: Example, predicted: int, votes: int) -> Certificate:
        defense = self.model.defense.defense
        words = len(example.text.split())
        share = bound_share(votes, self.certificate.draws, self.certificate.alpha)
        shift = functools.partial(defense.bound_shift, example.text)
        with run_foreign_code(f"the defense {self.model.defense.name} failed to bound a shift", type(defense)):
            radius = find_radius(share, shift, words)
            deployed = find_radius(share, shift, words, self._required_share) if self.votes else None
        return Certificate(row, example.label, predicted, votes, words, radius, deployed)

    @functools.cached_property
    def _required_share(self) -> float:
        return find_required_share(self.votes, self.certificate.queries, self.certificate.alpha)
