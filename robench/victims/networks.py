"""Transformers sequence classifiers at work, as scorers of texts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.models.batches import Inputs, Shape
from robench.models.checks import warn_of_padding
from robench.models.classifier import Classifier, InputFilter, Outputs
from robench.models.devices import Precision
from robench.models.predictor import Predictor, Reading
from robench.models.vocabulary import check_vocabulary
from robench.victims.padding import give_padding
from robench.victims.scorer import Progress, check_scores
from robench.victims.transformers_scorer import TransformersScorer, choose_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class NetworkScorer(TransformersScorer):
    """A Transformers sequence classifier as a scorer.

    Args:
        shown: the model's location, as users see it.
        model: the classifier.
        tokenizer: its tokenizer.
        max_length: most tokens of a text; None is the model's own limit.
        precision: precision of matrix products.
        device: the device on which the network runs.
        sigmoid: whether the user says that the model's one output is a logit, whose sigmoid is a probability.

    Raises:
        RobenchError: the tokenizer cannot pad, or the network lacks embeddings of its tokens, or positions for
            ``max_length`` tokens, or its one output may be no logit.
    """

    def __init__(
        self,
        shown: str,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int | None,
        precision: Precision,
        device: torch.device,
        sigmoid: bool = False,
    ) -> None:
        if not model.config.id2label:  # by which Transformers counts the labels
            raise RobenchError(f"{shown}: its configuration names no labels (id2label), so their number is not known.")
        has_one_logit = _has_one_logit(shown, model, sigmoid)
        self.names: Mapping[int, str] = _name_sides(model) if has_one_logit else dict(model.config.id2label)
        if not isinstance(tokenizer.model_max_length, int | float):
            found = show_value(tokenizer.model_max_length)
            raise RobenchError(f"{shown}: its tokenizer's model_max_length is {found}, which is no number.")
        model, tokenizer = give_padding(shown, model, tokenizer)
        check_vocabulary(shown, model, tokenizer)
        super().__init__(shown, choose_length(shown, model, tokenizer, max_length), precision, device)
        classifier = _WholeClassifier(model, has_one_logit=has_one_logit).eval()
        self._predictor = Predictor(classifier, tokenizer, max_length=self._length, precision=precision, device=device)

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; see :class:`~robench.victims.scorer.Scorer`."""
        with self._explain_failure(len(texts)):
            logits = self._predictor.logits(texts, progress)
        return check_scores(logits, texts, self.shown)

    @property
    def dtype(self) -> str:
        """Return the type of the network's numbers, such as ``bfloat16``."""
        return str(self._predictor.dtype).removeprefix("torch.")

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the weights do not change; see :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.freeze_weights()

    def tokens(self, texts: Sequence[str]) -> list[Reading]:
        """Tokenise texts; see :class:`~robench.models.batch_model.BatchModel`."""
        with self._explain_failure(len(texts)):
            return self._predictor.tokens(texts)

    def identify(self, tokens: Reading) -> bytes:
        """Return the key of an input; see :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.identify(tokens)

    def shape(self, tokens: Reading) -> Shape:
        """Return the batch shape of a text; see :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.shape(tokens)

    def batch_logits(self, tokens: Sequence[Reading], shape: Shape) -> Tensor:
        """Compute the raw scores of a batch; see :class:`~robench.models.batch_model.BatchModel`."""
        with self._explain_failure(len(tokens)):
            return self._predictor.batch_logits(tokens, shape)

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Count the texts that are cut; see :class:`~robench.victims.scorer.Scorer`."""
        return self._predictor.count_truncated(texts)

    def warn_of_padding(self, texts: Sequence[str]) -> list[str]:
        """Warn if scores depend on padding; see :class:`~robench.victims.scorer.Scorer`."""
        with self._explain_failure(len(texts)):
            return warn_of_padding(self._predictor, texts)


class _WholeClassifier(Classifier):
    """A whole sequence classifier in place of encoder, pooling and head.

    It returns no representations, only a column of zeros in their place (H = 1).

    Args:
        model: the classifier.
        has_one_logit: whether its one output is a logit z. The logits are then 0 and z, whose softmax is the sigmoid.
    """

    def __init__(self, model: PreTrainedModel, *, has_one_logit: bool) -> None:
        nn.Module.__init__(self)
        self.encoder, self._has_one_logit = model, has_one_logit
        classes = 2 if has_one_logit else model.config.num_labels
        self.head = nn.utils.skip_init(nn.Linear, 1, classes)  # gives the predictor the number of classes
        self._accepts = InputFilter(model)

    def forward(self, inputs: Inputs, perturbation: Tensor | None = None, embeddings: Tensor | None = None) -> Outputs:
        logits = self.encoder(**self._accepts(inputs)).logits
        if self._has_one_logit:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return Outputs(logits.new_zeros(len(logits), 1), logits.float())


@contextlib.contextmanager
def preserve_network(model: nn.Module) -> Iterator[None]:
    """Restore the mode of each part of a network after the block, and its device unless it is spread over several."""
    modes = {part: part.training for part in model.modules()}
    devices = {parameter.device for parameter in model.parameters()}
    try:
        yield
    finally:
        for part, is_training in modes.items():
            part.training = is_training
        if len(devices) == 1 and devices != {parameter.device for parameter in model.parameters()}:
            model.to(devices.pop())


def _has_one_logit(shown: str, model: PreTrainedModel, sigmoid: bool) -> bool:
    """Return whether a model has one output, which is a logit.

    Args:
        shown: the model's location, for messages.
        model: the model.
        sigmoid: whether the user says that it is one.

    Raises:
        RobenchError: it may be the number of a regression, or ``sigmoid`` does not apply.
    """
    count, problem = len(model.config.id2label or ()), model.config.problem_type
    if count != 1:
        if sigmoid:
            raise RobenchError(f"--sigmoid is for a model with one logit; {shown} has {count}.")
        return False
    if sigmoid or problem in ("single_label_classification", "multi_label_classification"):
        return True
    reason = "says regression" if problem == "regression" else "does not say which"
    raise RobenchError(
        f"{shown} has one output, a logit or the number of a regression, and problem_type in its configuration"
        f" {reason}. If its sigmoid is the probability of the task's second label, say so with --sigmoid; of a"
        " regression, give a function that turns the number into a score for each label."
    )


def _name_sides(model: PreTrainedModel) -> dict[int, str]:
    """Name the two columns of a model with one logit; nothing if that has a default name."""
    (name,) = (model.config.id2label or {}).values()
    return {} if name == "LABEL_0" else {0: f"not {name}", 1: str(name)}
