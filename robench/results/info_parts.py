"""The parts of ``stage.json``; :mod:`robench.results.info` puts them together."""

from __future__ import annotations

from typing import Any

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of ``stage.json``."""


class DataInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The rows of a task.

    Attributes:
        digest: sha256 over the labels and all rows in their order.
        source: ``local:DIR``, ``hub:REPOSITORY@SHA`` or ``index:PACKAGE==VERSION``.
        notes: what a reader of the results has to know about the rows.
    """

    digest: str
    source: str = ""
    notes: tuple[str, ...] = ()


class EncoderInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The pre-trained encoder: its name as the user wrote it, and the digest of its files."""

    name: str
    digest: str


class PluginInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A defense or attack.

    Attributes:
        name: the registered name.
        class_: ``module:Class``.
        fields: values of all its fields.
        changed: the fields that the user set, and that differ from the registered instance.
        code: identity of a third party's code; empty for a built-in.
        title: of an attack, its name in tables, with what differs from the published form in brackets.
    """

    name: str = ""
    class_: str = msgspec.field(default="", name="class")
    fields: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    code: str = ""
    title: str = ""


class VictimInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A model that the user brought.

    Attributes:
        kind: ``Transformers model``, ``Python function`` and the like.
        model: where it is: a path, a Hub id and its commit, ``module:function``.
        command: options of ``robench attack`` that name it; None for an object that a program handed over.
        label_order: for each label of the task in turn, the model's column.
        probabilities: whether its scores are probabilities, whose logarithms are taken for logits.
        random: whether it gives the same text different scores when it is asked twice.
        max_length: tokens of a text at which it is cut; None if robench does not know.
    """

    kind: str
    model: str
    command: tuple[str, ...] | None = None
    label_order: tuple[int, ...] = ()
    probabilities: bool = False
    random: bool = False
    max_length: int | None = None


class Clean(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Accuracy on clean texts, as counts.

    Attributes:
        correct: texts whose label the model predicts.
        n: texts.
        majority: texts of the most frequent label; None in files of early versions.
    """

    correct: int
    n: int
    majority: int | None = None


class Development(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Accuracy on the ``n`` development texts, 0 to 1."""

    accuracy: float
    n: int


class Outcome(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """What an attack's records come to.

    Attributes:
        n: attacked samples: ``failed + succeeded + skipped``.
        failed: samples on which the model stayed right; accuracy under attack is ``failed / n`` (paper, section 4.1).
        succeeded: samples on which the attack fooled the model.
        skipped: samples that the model had wrong before the attack.
        queries: mean over the samples that were not skipped; None if there is none.
        words_changed: mean share of a text's words over the successes; None if there is none.
        seconds: search and model time in all.
    """

    n: int
    failed: int | None
    succeeded: int
    skipped: int
    queries: float | None = None
    words_changed: float | None = None
    seconds: float = 0.0

    @property
    def attempts(self) -> int:
        """Count the samples that were not skipped."""
        return self.succeeded + (self.failed or 0)


class Similarity(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """How alike originals and adversarial texts are.

    Attributes:
        mean: cosine, -1 to 1; None if no attack succeeded.
        n: pairs, the successes.
        sentence_encoder: pin of the encoder.
    """

    mean: float | None
    n: int
    sentence_encoder: str = ""


class Statistics(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """High-order statistics of one model (table 7 of the paper).

    A positive pair is a clean text beside its adversarial counterpart; a negative one is a clean text beside one fixed
    sentence of another label, see :func:`robench.results.high_order.choose_negatives`.

    Attributes:
        mse_pos: mean squared difference of representations, positive pairs; lower is better.
        mse_neg: the same of negative pairs; higher is better.
        kl_pos: mean of KL(p(x) // p(x')), in nats, positive pairs; lower is better.
        kl_neg: the same of negative pairs; higher is better.
        ctr: mean contrastive loss; lower is better.
        n: pairs.
    """

    mse_pos: float
    mse_neg: float
    kl_pos: float
    kl_neg: float
    ctr: float
    n: int


class Rows(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Rows that a model was trained on.

    Attributes:
        training: all of them.
        clean: clean texts among them, or beside them as pairs.
        adversarial: rows of D_adv among them.
        succeeded: attacks on the training set that succeeded.
        failed: those that failed.
        skipped: those that had nothing to do, as the model was wrong before.
    """

    training: int = 0
    clean: int = 0
    adversarial: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0


class Timing(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Seconds of a stage, and what they were spent on: optimiser steps, attacked examples or scored texts.

    Attributes:
        best_step: the step whose weights were kept.
    """

    seconds: float
    steps: int | None = None
    best_step: int | None = None
    examples: int | None = None
    texts: int | None = None


class FileInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A file beside ``stage.json``: its sha256, and its lines if it is one of lines."""

    sha256: str
    bytes: int
    lines: int | None = None


class Environment(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when a stage was made; no part of its key, but able to move its numbers.

    Attributes:
        date: UTC, ISO 8601.
        versions: of Python, torch, transformers and the like.
        processor: its name.
        instructions: the widest instruction set in use, such as ``avx512_bf16``.
        device: ``cpu``, or the GPU's name.
        threads: of torch; None if the work ran elsewhere.
    """

    date: str = ""
    versions: dict[str, str] = {}
    processor: str = ""
    instructions: str = ""
    device: str = ""
    threads: int | None = None
