"""Sources of language models that a prompt makes classifiers of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.resources.model_folder import list_chat_templates
from robench.victims.prompts import Prompt, write_escapes
from robench.victims.source import PairSource, PretrainedSource, VictimSource, hash_texts

if TYPE_CHECKING:
    import torch

    from robench.models.devices import Precision
    from robench.victims.scorer import Scorer

ADVICE = "try another --prompt or other --label-words"


@dataclass(frozen=True, eq=False)
class PromptedSource(PretrainedSource):
    """A language model in files, with a prompt."""

    prompt: Prompt = field(kw_only=True)

    kind = "language model"
    advice_at_chance = ADVICE

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Load the model as a scorer; see :meth:`VictimSource.load`."""
        from robench.victims.causal import load_language_model
        from robench.victims.prompted import PromptedScorer

        model, tokenizer = load_language_model(self.files, native=precision == "native", device=device)
        return PromptedScorer(
            self.shown, model, tokenizer, self.prompt, max_length=max_length, precision=precision, device=device
        )

    def find_bfloat16_fault(self, device: torch.device) -> str:
        """Try the network; see :meth:`VictimSource.find_bfloat16_fault`."""
        from robench.victims.causal import find_bfloat16_fault

        return find_bfloat16_fault(self.files, device)


@dataclass(frozen=True, eq=False)
class PromptedPair(PairSource):
    """A language model and its tokenizer in memory, with a prompt."""

    prompt: Prompt = field(kw_only=True)

    kind = "language model in memory"
    advice_at_chance = ADVICE

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Load the model as a scorer; see :meth:`VictimSource.load`."""
        from robench.victims.prompted import PromptedScorer

        return PromptedScorer(
            self.shown,
            self._network(precision),
            self.tokenizer,
            self.prompt,
            max_length=max_length or self.length,
            precision=precision,
            device=device,
        )


def add_prompt(source: VictimSource, prompt: Prompt) -> VictimSource:
    """Return a model with a prompt, which is part of its digest.

    Args:
        source: the model.
        prompt: the prompt.

    Raises:
        RobenchError: it is no Transformers model.
    """
    if not isinstance(source, PretrainedSource | PairSource):
        raise RobenchError(f"--prompt is for language models, and {source.shown} is a {source.kind}.")
    if source.sigmoid:
        raise RobenchError("--sigmoid is for a classifier with one logit, and --prompt for a language model; take one.")
    if isinstance(source, PretrainedSource) and source.base is not None:
        raise RobenchError(
            f"{source.shown} is a PEFT adapter, and --prompt takes a whole language model: merge it into its base model"
            " (merge_and_unload) and save that."
        )
    values: dict[str, Any] = {one.name: getattr(source, one.name) for one in fields(source)}
    values["digest"] = hash_texts("prompt", source.digest, *prompt.parts, *_read_template(source, prompt))
    values["command"] = (*source.command, *prompt_options(prompt)) if source.command else ()
    kind = PromptedPair if isinstance(source, PairSource) else PromptedSource
    return kind(**values, prompt=prompt)


def prompt_options(prompt: Prompt) -> tuple[str, ...]:
    """Return the options of ``robench attack`` that name a prompt."""
    rule = ("--label-score", prompt.rule) if prompt.rule != "sum" else ()
    chat = ("--chat",) if prompt.chat else ()
    return ("--prompt", write_escapes(prompt.template), "--label-words", ",".join(prompt.words), *rule, *chat)


def _read_template(source: VictimSource, prompt: Prompt) -> list[str]:
    """Return digests of the chat templates that the model's own digest does not cover."""
    if not prompt.chat:
        return []
    if isinstance(source, PairSource):
        return [str(source.tokenizer.chat_template)]
    files = list_chat_templates(Path(source.location)) if isinstance(source, PretrainedSource) else []
    return [hashlib.sha256(read_regular(file)).hexdigest() for file in files]
