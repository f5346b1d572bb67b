"""Prompts of language models as part of their sources."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.resources.model_folder import list_chat_templates
from robench.victims.prompts import Prompt, write_escapes
from robench.victims.source import NetworkSource, PairSource, PretrainedSource, VictimSource, hash_texts


def add_prompt(source: VictimSource, prompt: Prompt) -> VictimSource:
    """Return a model with a prompt, which is part of its digest.

    Args:
        source: the model.
        prompt: the prompt.

    Raises:
        RobenchError: it is no Transformers model.
    """
    if not isinstance(source, NetworkSource):
        raise RobenchError(f"--prompt is for language models, and {source.shown} is a {source.kind}.")
    if source.sigmoid:
        raise RobenchError("--sigmoid is for a classifier with one logit, and --prompt for a language model; take one.")
    if isinstance(source, PretrainedSource) and source.base is not None:
        raise RobenchError(
            f"{source.shown} is a PEFT adapter, and --prompt takes a whole language model: merge it into its base model"
            " (merge_and_unload) and save that."
        )
    digest = hash_texts("prompt", source.digest, *prompt.parts, *_read_template(source, prompt))
    command = (*source.command, *prompt_options(prompt)) if source.command else ()
    return replace(source, prompt=prompt, digest=digest, command=command)


def prompt_options(prompt: Prompt) -> tuple[str, ...]:
    """Return the options of ``robench attack`` that name a prompt."""
    rule = ("--label-score", prompt.rule) if prompt.rule != "sum" else ()
    chat = ("--chat",) if prompt.chat else ()
    return ("--prompt", write_escapes(prompt.template), "--label-words", ",".join(prompt.words), *rule, *chat)


def _read_template(source: NetworkSource, prompt: Prompt) -> list[str]:
    """Return digests of the chat templates that the model's own digest does not cover."""
    if not prompt.chat:
        return []
    if isinstance(source, PairSource):
        return [str(source.tokenizer.chat_template)]
    files = list_chat_templates(Path(source.location)) if isinstance(source, PretrainedSource) else []
    return [hashlib.sha256(read_regular(file)).hexdigest() for file in files]
