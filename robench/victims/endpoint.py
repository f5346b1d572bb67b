"""A language model behind an endpoint in OpenAI's form: its address, its name there, its prompt and its key."""

from __future__ import annotations

import os
from dataclasses import dataclass

from robench.victims.prompts import Prompt

KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable that has the key of an endpoint, unless the user names another one."""


@dataclass(frozen=True)
class Endpoint:
    """A model behind an endpoint, with a prompt.

    Attributes:
        url: the address before ``/chat/completions`` or ``/completions``.
        model: the name of the model there.
        prompt: the prompt and the label words.
        key_variable: the environment variable that has the API key; it may be unset, for a server of one's own.
    """

    url: str
    model: str
    prompt: Prompt
    key_variable: str = KEY_VARIABLE

    def read_key(self) -> str:
        """Return the API key, which is stored nowhere; empty if there is none."""
        return os.environ.get(self.key_variable, "").strip()
