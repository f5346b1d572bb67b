"""Language models as scorers: the log-probability of each label word behind a prompt.

How it works: the network sees the prompt with the text, padded on the right, so that no token's position or past
depends on padding. If each label word is one token, one row gives the log-probabilities of all; else there is a row
for each word. As for classifiers (:mod:`robench.models.predictor`), the shape of a batch depends on the text alone, and
free rows are filled with copies, so that a text's scores are the same bits in any company.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from robench.errors import RobenchError
from robench.models.batches import Shape
from robench.models.devices import Precision, autocast
from robench.models.predictor import LENGTH_STEP, choose_batch_shape, split_batches
from robench.models.vocabulary import check_vocabulary
from robench.victims.prompt_tokens import PromptTokenizer, PromptTokens
from robench.victims.prompts import Prompt
from robench.victims.scorer import TOLERANCE, Progress, check_scores
from robench.victims.transformers_scorer import TransformersScorer, choose_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LITTLE = 0.1
"""Mean probability of all label words together below which there is a warning."""


class PromptedScorer(TransformersScorer):
    """A language model with a prompt as a scorer: scores (N, K) are log-probabilities of the label words.

    Args:
        shown: the model's location, as users see it.
        model: the language model.
        tokenizer: its tokenizer.
        prompt: the prompt and the label words.
        max_length: most tokens of a prompt with its text; None is the model's own limit.
        precision: precision of matrix products.
        device: the device on which the network runs.

    Raises:
        RobenchError: the model is no causal language model, or the prompt does not suit it.
    """

    has_label_words = True

    def __init__(
        self,
        shown: str,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        prompt: Prompt,
        *,
        max_length: int | None,
        precision: Precision,
        device: torch.device,
    ) -> None:
        check_vocabulary(shown, model, tokenizer)
        super().__init__(shown, choose_length(shown, model, tokenizer, max_length), precision, device)
        self._prompt = prompt
        self.names: Mapping[int, str] = prompt.names
        self._model: nn.Module = model.eval()
        self._model.to(device)
        self._keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._tokenizer = PromptTokenizer(shown, tokenizer, prompt)
        usual, _ = self._tokenizer("a", self._length)
        self._is_simple, self._word_tokens = usual.is_simple, max(map(len, usual.words))
        self._usual_counts = [len(word) for word in usual.words]
        self._held: list[float] | None = None  # by text: probability of all label words
        self._check_causality(usual)

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; see :class:`~robench.victims.scorer.Scorer`."""
        scores = torch.empty(len(texts), len(self._prompt.words))
        rows = self.tokens(texts)
        for chosen, shape in split_batches([row.length for row in rows], lambda i: self.shape(rows[i])):
            sums = self._add_up([rows[i] for i in chosen], shape).cpu()
            if self._held is not None:
                self._held += sums.exp().sum(1).tolist()
            scores[chosen] = self._apply_rule(sums, [rows[i] for i in chosen])
            if progress is not None:
                progress(len(chosen))
        return check_scores(scores, texts, self.shown)

    @property
    def dtype(self) -> str:
        """Return the type of the network's numbers, such as ``bfloat16``."""
        return str(next(self._model.parameters()).dtype).removeprefix("torch.")

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing: a second, faster form of the weights of a language model would take much memory."""
        return contextlib.nullcontext()

    def tokens(self, texts: Sequence[str]) -> list[PromptTokens]:
        """Tokenise texts in the prompt; see :class:`~robench.models.batch_model.BatchModel`."""
        return [self._tokenizer(text, self._length)[0] for text in texts]

    def identify(self, tokens: PromptTokens) -> bytes:
        """Return the key of an input; see :class:`~robench.models.batch_model.BatchModel`."""
        parts = [part for one in (tokens.context, *tokens.words) for part in (len(one), *one)]
        return hashlib.blake2b(array("q", parts).tobytes(), digest_size=16).digest()

    def shape(self, tokens: PromptTokens) -> Shape:
        """Return the batch shape of a text; see :class:`~robench.models.batch_model.BatchModel`.

        A text beside which a label has another number of tokens than usual is computed alone.
        """
        shape = choose_batch_shape(tokens.length, self._length, self._device.type)
        is_usual = tokens.is_simple == self._is_simple and max(map(len, tokens.words)) <= self._word_tokens
        rows = max(shape.rows // (1 if self._is_simple else len(tokens.words)), 2)  # 1 is for those alone
        return Shape(rows if is_usual else 1, shape.length)

    def batch_logits(self, tokens: Sequence[PromptTokens], shape: Shape) -> Tensor:
        """Compute the scores of a batch; see :class:`~robench.models.batch_model.BatchModel`."""
        return self._apply_rule(self._add_up(tokens, shape), tokens)

    def _apply_rule(self, sums: Tensor, tokens: Sequence[PromptTokens]) -> Tensor:
        if self._prompt.rule == "sum":
            return sums
        return sums / torch.tensor([[len(word) for word in one.words] for one in tokens], device=sums.device)

    def _add_up(self, tokens: Sequence[PromptTokens], shape: Shape) -> Tensor:
        """Compute the log-probability (N, K) of each label word of N texts: the sum over its tokens, in float32."""
        filled = [*tokens, *[tokens[-1]] * (shape.rows - len(tokens))]
        with self._explain_failure(len(tokens)):
            logits, first = self._forward([row for one in filled for row in one.rows], shape.length, tokens[0])
        step = 1 if tokens[0].is_simple else len(self._prompt.words)
        places = [
            (n, k, n * step + (k if step > 1 else 0), len(one.context) - 1 + j - first, token, j)
            for n, one in enumerate(tokens)
            for k, word in enumerate(one.words)
            for j, token in enumerate(word)
        ]
        text, label, row, position, token, part = torch.tensor(places, device=logits.device).unbind(1)
        chances = logits[row, position].float().log_softmax(-1).gather(1, token.unsqueeze(1)).squeeze(1)
        sums = logits.new_zeros(len(tokens), len(self._prompt.words), dtype=torch.float32)
        for number in range(int(part.max()) + 1):  # one after another, so that the sum has one order
            chosen = part == number
            sums[text[chosen], label[chosen]] += chances[chosen]
        return sums

    def _forward(self, rows: Sequence[Sequence[int]], length: int, like: PromptTokens) -> tuple[Tensor, int]:
        """Run the network; return logits (B, kept, V) of the last positions, and the number of those left out."""
        count = min(length, LENGTH_STEP + max(self._word_tokens, *map(len, like.words)))
        first = length - count if self._keeps_logits else 0
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        keep = {"logits_to_keep": count} if self._keeps_logits else {}
        with torch.inference_mode(), autocast(self._precision, self._device):
            inputs = {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device)}
            return self._model(**inputs, use_cache=False, **keep).logits, first

    def _check_causality(self, usual: PromptTokens) -> None:
        """Check that the network does not see what follows a token, as an encoder does.

        Raises:
            RobenchError: it does.
        """
        token = usual.context[0]
        rows = [[token] * 4, [token] * 3 + [0 if token else 1]]
        with self._explain_failure(2), torch.inference_mode():
            logits = self._model(input_ids=torch.tensor(rows, device=self._device), use_cache=False).logits.float()
        if logits.ndim != 3 or (logits[0, :3] - logits[1, :3]).abs().max() > TOLERANCE * logits[0].abs().max().clamp(1):
            raise RobenchError(
                f"{self.shown} is no causal language model: its predictions depend on the tokens that follow. A prompt"
                " needs a model such as Llama or GPT-2; a classifier needs none."
            )

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Count the texts that are cut; see :class:`~robench.victims.scorer.Scorer`."""
        return sum(self._tokenizer(text, self._length)[1] for text in texts)

    def probe(self, texts: Sequence[str]) -> list[str]:
        """Return a warning if words of several lengths are added up; see :class:`~robench.victims.scorer.Scorer`."""
        if self._prompt.rule == "mean" or len(set(self._usual_counts)) == 1:
            return []
        counts = ", ".join(f"{word} {n}" for word, n in zip(self._prompt.words, self._usual_counts, strict=True))
        return [
            f"the label words have different numbers of tokens ({counts}), and a sum over more tokens is lower:"
            " --label-score mean may suit them better, or words of equal length."
        ]

    def begin_summary(self) -> None:
        """Note from now on how probable the label words are; see :class:`~robench.victims.scorer.Scorer`."""
        self._held = []

    def summarise(self) -> list[str]:
        """Warn if the label words hold little of the probability; see :class:`~robench.victims.scorer.Scorer`."""
        held, self._held = self._held, None
        return warn_of_little(sum(held) / len(held), len(held)) if held else []


def warn_of_little(mean: float, count: int) -> list[str]:
    """Return a warning if all label words together have little probability.

    Args:
        mean: their probability, as a mean over texts.
        count: number of texts.
    """
    if mean >= LITTLE:
        return []
    return [
        f"the label words together hold {mean:.2g} of the probability, as a mean over {count:,} texts: the model would"
        " rather answer something else, and their ranks may mean little. Try other --label-words, or another --prompt"
        " (--chat for a model that was trained to answer)."
    ]
