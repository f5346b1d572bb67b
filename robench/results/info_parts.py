"""The parts of ``stage.json``; :mod:`robench.results.info` puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

import msgspec

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""A number of things."""
Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
"""A mean, or a time in seconds."""
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Cosine: TypeAlias = Annotated[float, msgspec.Meta(ge=-1.01, le=1.01)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of ``stage.json``."""


class DataInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The rows of a task.

    Attributes:
        digest: sha256 over the labels and all rows in their order.
        source: ``local:PATH``, ``hub:REPOSITORY@SHA`` or ``index:PACKAGE==VERSION``; of rows that the user named on
            the Hub, which may be private, ``hf:REPOSITORY@SHA/CONFIG:SPLIT``.
        notes: sentences about the rows that readers of the results need to know.
    """

    digest: str
    source: str = ""
    notes: tuple[str, ...] = ()


class EncoderInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The pre-trained encoder: its name as the user wrote it, and the digest of its files."""

    name: str
    digest: str


TRAINING_PREFIX = "training."
"""How the names of training settings begin among the changed fields of a defense that has its own."""


def select_training(changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training settings among changed fields, by their names in the training settings."""
    return {
        name.removeprefix(TRAINING_PREFIX): value for name, value in changed.items() if name.startswith(TRAINING_PREFIX)
    }


class PluginInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A defense or attack.

    Attributes:
        name: the registered name.
        class_: ``module:Class``.
        fields: the values of all its fields.
        changed: the fields that the user set to another value than the registered instance has; also, as
            ``training.epochs``, the training settings of a defense that differ from those of the run.
        code: identity of its code, and of the user's code that it uses; empty for a built-in of robench 0.1 up to
            format 4.
        title: an attack's name in tables, with its variant in brackets; empty for a defense.
        base: of an attack that is another one with one thing changed, that one's name; else empty.
        adaptive_attack: name of the attack that a defense names as made against itself; empty if it names none.
        texts_read: number of texts that a defense's model reads in place of a text; 0 if it reads the text itself.
    """

    name: str = ""
    class_: str = msgspec.field(default="", name="class")
    fields: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    code: str = ""
    title: str = ""
    base: str = ""
    adaptive_attack: str = ""
    texts_read: Count = 0

    @property
    def training_changes(self) -> dict[str, Any]:
        """Return the training settings of a defense that differ from those of the run."""
        return select_training(self.changed)

    def identify(self) -> list[Any]:
        """Return what two defenses or attacks share only if they are the same, whatever their names are."""
        own = self.training_changes
        return [self.class_, self.fields, self.code, *([own] if own else [])]


class VictimInfo(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A model that the user brought.

    Attributes:
        kind: such as ``Transformers model`` or ``Python function``.
        model: where it is: a path, a Hub id with its commit, or ``module:function``.
        command: options of ``robench attack`` that name it; None for an object that a program passed.
        label_order: the model's column for each label of the task in turn.
        probabilities: whether its scores are probabilities or percentages, whose logarithms are used as logits.
        random: whether it gives the same text different scores when asked twice.
        max_length: largest number of tokens of a text, the rest is cut; None if robench does not know it.
        dtype: type of its weights, such as ``bfloat16``, if it ran in the precision ``native``; else empty.
    """

    kind: str
    model: str
    command: tuple[str, ...] | None = None
    label_order: tuple[Count, ...] = ()
    probabilities: bool = False
    random: bool = False
    max_length: Count | None = None
    dtype: str = ""


class Clean(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Accuracy on clean texts, as counts.

    Attributes:
        correct: number of texts whose label the model predicts.
        n: number of texts.
        majority: number of texts with the most frequent label; None in files of early versions.
    """

    correct: Count
    n: Count
    majority: Count | None = None


class Development(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Accuracy on the ``n`` development texts, 0 to 1."""

    accuracy: Share
    n: Count


class Outcome(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Counts and means of an attack's records.

    Attributes:
        n: number of attacked samples, ``failed + succeeded + skipped + errors``.
        failed: number of samples that the model still classifies correctly.
        succeeded: number of samples on which the attack changed the prediction.
        skipped: number of samples that the model misclassified before the attack.
        errors: number of samples on which the code of the attack or of the model failed.
        queries: mean number of queries over failures and successes; None if there are none.
        words_changed: mean share of replaced or removed words over the successes; None if there are none.
        seconds: total time of searches and model.
    """

    n: Count
    failed: Count
    succeeded: Count
    skipped: Count
    errors: Count = 0
    queries: Amount | None = None
    words_changed: Share | None = None
    seconds: Amount = 0.0

    @property
    def attempts(self) -> int:
        """Count the samples that the model had right before the attack."""
        return self.succeeded + self.failed

    @property
    def success_rate(self) -> Fraction | None:
        """Return the share of the samples, right before the attack, that it turned; None if there are none."""
        return Fraction(self.succeeded, self.attempts) if self.attempts else None

    @property
    def accuracy(self) -> Fraction | None:
        """Return the accuracy under attack, failed / (n - errors) (paper, section 4.1); None if all are errors.

        Nobody knows of a sample with an error whether the model withstands the attack, so it counts on neither side.
        """
        measured = self.n - self.errors
        return Fraction(self.failed, measured) if measured > 0 else None


class Draws(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """How often a random model is right about the texts at which attacks stopped, see :mod:`robench.results.draws`.

    Attributes:
        n: draws of each text.
        right: right answers in all draws of all texts.
    """

    n: Count
    right: Count


class Similarity(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """How similar originals and adversarial texts are.

    Attributes:
        mean: mean cosine similarity, -1 to 1; None if no attack succeeded.
        n: number of pairs, one for each success.
        sentence_encoder: identity of the sentence encoder.
    """

    mean: Cosine | None
    n: Count
    sentence_encoder: str = ""


class Statistics(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """High-order statistics of one model (table 7 of the paper).

    A positive pair is a clean text and its adversarial counterpart; a negative pair is a clean text and one fixed text
    of another label, see :func:`robench.results.high_order.choose_negatives`.

    Attributes:
        mse_pos: mean squared difference of representations over the positive pairs; lower is better.
        mse_neg: the same over the negative pairs; higher is better.
        kl_pos: mean of KL(p(x) // p(x')), in nats, over the positive pairs; lower is better.
        kl_neg: the same over the negative pairs; higher is better.
        ctr: mean contrastive loss; lower is better.
        n: number of positive pairs.
        unchanged: number of positive pairs whose two texts are the same, because the attack was skipped or changed
            nothing; None in files of early versions.
        errors: number of attacked samples that are no pair, because the attack ended in an error.
    """

    mse_pos: float
    mse_neg: float
    kl_pos: float
    kl_neg: float
    ctr: float
    n: Count
    unchanged: Count | None = None
    errors: Count = 0

    @property
    def samples(self) -> int:
        """Return the number of attacked samples, which is the same for all seeds whatever ended in an error."""
        return self.n + self.errors


class RowCounts(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Numbers of rows that a model was trained on.

    Attributes:
        training: training rows in total.
        clean: clean texts in these rows.
        adversarial: adversarial texts in these rows.
        unchanged: adversarial texts in these rows that are the clean text itself; None in files of early versions.
        succeeded: attacks on the training set that succeeded.
        failed: attacks on the training set that failed.
        skipped: attacks that were skipped, because the model misclassified the text before.
        errors: attacks on the training set that ended in an error.
        attacked_between_epochs: further attacks on clean rows, which the defense wants while it trains; the rows that
            they give are in none of the numbers above. 0 in files of early versions.
        succeeded_between_epochs: such attacks that succeeded.
    """

    training: Count = 0
    clean: Count = 0
    adversarial: Count = 0
    unchanged: Count | None = None
    succeeded: Count = 0
    failed: Count = 0
    skipped: Count = 0
    errors: Count = 0
    attacked_between_epochs: Count = 0
    succeeded_between_epochs: Count = 0
