"""Transformers sequence classifiers as scorers of texts."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from robench.errors import RobenchError
from robench.models.batches import Inputs, Shape, Tokens, tokenise
from robench.models.classifier import Classifier, Outputs
from robench.models.devices import Precision
from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.models.predictor import Predictor
from robench.resources.model_folder import explained, quiet
from robench.victims.scorers import Progress, check_scores
from robench.victims.source import PretrainedSource

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

USUAL_LENGTH = 512
"""Tokens of a text where neither tokenizer nor network has a limit."""
NO_LIMIT = 1_000_000
"""From here on, a tokenizer's limit means that it has none."""


class NetworkScorer:
    """A Transformers sequence classifier, in evaluation mode.

    Raises:
        RobenchError: the tokenizer cannot pad, or the network has no room for ``max_length`` tokens.
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
    ) -> None:
        self.shown = shown
        self.names: Mapping[int, str] = dict(model.config.id2label or {})
        if tokenizer.pad_token is None or (model.config.pad_token_id is None and model.config.model_type == "gpt2"):
            raise RobenchError(f"{shown}: its tokenizer has no padding token, which a batch of texts needs.")
        room = _room(model)
        if max_length is not None and room is not None and max_length > room:
            raise RobenchError(f"--max-length {max_length}: {shown} has room for {room} tokens at most.")
        self._length = max_length or _own_limit(model, tokenizer, room)
        self.max_length: int | None = self._length
        self._tokenizer = tokenizer
        self._predictor = Predictor(
            _Whole(model), tokenizer, max_length=self._length, precision=precision, device=device
        )

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """See :class:`Scorer`."""
        with self._told(len(texts)):
            logits = self._predictor.logits(texts, progress)
        return check_scores(logits, texts, self.shown)

    @property
    def ahead(self) -> int:
        """See :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.ahead

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """See :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.frozen()

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """See :class:`~robench.models.batch_model.BatchModel`."""
        with self._told(len(texts)):
            return self._predictor.tokens(texts)

    def shape(self, tokens: Tokens) -> Shape:
        """See :class:`~robench.models.batch_model.BatchModel`."""
        return self._predictor.shape(tokens)

    def batch_logits(self, tokens: Sequence[Tokens], shape: Shape) -> Tensor:
        """See :class:`~robench.models.batch_model.BatchModel`; these are the raw scores."""
        with self._told(len(tokens)):
            return self._predictor.batch_logits(tokens, shape)

    @contextlib.contextmanager
    def _told(self, count: int) -> Iterator[None]:
        try:
            yield
        except RobenchError:
            raise
        except Exception as error:  # a network of any make, on texts of any kind
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RobenchError(f"{self.shown} failed on {count} texts: {type(error).__name__}: {reason}.") from error

    def count_truncated(self, texts: Sequence[str]) -> int:
        """See :class:`Scorer`."""
        rows = tokenise(self._tokenizer, texts, self._length + 1)
        return sum(len(row["input_ids"]) > self._length for row in rows)

    def networks_in_training(self) -> list[str]:
        """See :class:`Scorer`: the predictor puts it into evaluation mode."""
        return []


class _Whole(Classifier):
    """A sequence classifier in the place of encoder, pooling and head; it shows no representations (H = 1, all 0)."""

    def __init__(self, model: PreTrainedModel) -> None:
        nn.Module.__init__(self)
        self.encoder = model
        self.head = nn.utils.skip_init(nn.Linear, 1, model.config.num_labels)  # says how wide logits are
        self._accepted = frozenset(inspect.signature(model.forward).parameters)

    def forward(self, inputs: Inputs, perturbation: Tensor | None = None) -> Outputs:
        logits = self.encoder(**{name: tensor for name, tensor in inputs.items() if name in self._accepted}).logits
        return Outputs(logits.new_zeros(len(logits), 1), logits.float())


def _room(model: PreTrainedModel) -> int | None:
    """Tokens for which a network has absolute positions; None where positions are of another kind."""
    for name, module in model.named_modules():
        if name.endswith(("position_embeddings", "wpe")) and isinstance(module, nn.Embedding):
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return None


def _own_limit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, room: int | None) -> int:
    """Tokens of a text that tokenizer and network are made for."""
    known = [tokenizer.model_max_length if tokenizer.model_max_length < NO_LIMIT else None, room]
    if room is None:
        known.append(getattr(model.config, "max_position_embeddings", None))
    return min((limit for limit in known if limit and limit > 0), default=USUAL_LENGTH)


def load_pretrained(source: PretrainedSource) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a sequence classifier and its tokenizer, in float32.

    Raises:
        RobenchError: a file is missing or broken, is of another kind of model, or brings code that is not trusted.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig

    trusted, where = source.trust_remote_code, {"revision": source.revision}
    with explained("the model", source.shown), quiet():
        kind, _ = PretrainedConfig.get_config_dict(source.location, **where)
        own = kind.get("model_type") == RobenchConfig.model_type
        if "auto_map" in kind and not own and not trusted:
            raise RobenchError(
                f"{source.shown} brings Python code of its own; look at it, and allow it with --trust-remote-code."
            )
        loader = RobenchForSequenceClassification if own else AutoModelForSequenceClassification
        more = {} if own else {"trust_remote_code": trusted}
        with torch.random.fork_rng([]):  # the weights are drawn before they are read
            model, loading = loader.from_pretrained(source.location, **where, **more, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(source.location, **where, trust_remote_code=trusted)
    missing = sorted(loading["missing_keys"])
    if missing:
        raise RobenchError(
            f"the weights of {source.shown} lack {len(missing)} tensors of a {type(model).__name__}, such as"
            f" {missing[0]}: it is not a trained classifier."
        )
    return model.float(), tokenizer
