"""Prompts that make a classifier of a language model: the text's place, and a word for each label."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from robench.errors import RobenchError
from robench.escaping import list_values, show_value

TEXT, LABEL = "{text}", "{label}"
ADVICE_AT_CHANCE = "try another --prompt or other --label-words"
_ESCAPED = {"n": "\n", "t": "\t", "\\": "\\"}
LabelScore = Literal["sum", "mean"]
"""What counts of a label word of several tokens: the sum of their log-probabilities, or the mean."""


@dataclass(frozen=True)
class Prompt:
    """A prompt and the words of the labels.

    Attributes:
        template: the prompt, with ``{text}`` in the place of the text. A word of a label follows after a blank, unless
            the template ends in whitespace or with ``{label}``.
        words: a word for each label.
        rule: what counts of a word of several tokens.
        chat: whether the prompt is a user's message in a chat, and the word begins the answer.
    """

    template: str
    words: tuple[str, ...]
    rule: LabelScore = "sum"
    chat: bool = False

    def __post_init__(self) -> None:
        """Check the prompt.

        Raises:
            RobenchError: it has no place for the text, or the words cannot be told apart.
        """
        if self.template.count(TEXT) != 1:
            raise RobenchError(
                f"--prompt {show_value(self.template)}: it needs {TEXT} once, in the place of the text to classify."
            )
        if LABEL in self.template.removesuffix(LABEL) or (self.chat and LABEL in self.template):
            raise RobenchError(
                f"--prompt {show_value(self.template)}: {LABEL} may only be its end, and with --chat the label begins"
                " the answer: leave it out."
            )
        if len(self.words) < 2 or not all(self.words) or len(set(self.words)) < len(self.words):
            raise RobenchError(
                f"--label-words {list_values(self.words)}: it takes a word for each label of the task, in their order,"
                " and no word twice."
            )

    @property
    def before(self) -> str:
        """Return what stands before the text."""
        return self.template.partition(TEXT)[0]

    @property
    def after(self) -> str:
        """Return what stands behind the text, without the label."""
        return self.template.partition(TEXT)[2].removesuffix(LABEL)

    @property
    def separator(self) -> str:
        """Return what stands between the prompt and a word."""
        if self.chat or self.template.endswith(LABEL):
            return ""
        end = self.after or self.before
        return "" if not end or end[-1].isspace() else " "

    def fill(self, text: str) -> str:
        """Return the prompt of a text, without a label."""
        return f"{self.before}{text}{self.after}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Return all that distinguishes it from others."""
        return (self.template, self.rule, str(self.chat), *self.words)

    @property
    def names(self) -> dict[int, str]:
        """Return the words as the names of the model's columns."""
        return dict(enumerate(self.words))


def read_escapes(prompt: str) -> str:
    r"""Return a prompt from a command line, in which ``\n`` is a new line, ``\t`` a tab and ``\\`` a backslash."""
    return re.sub(r"\\([nt\\])", lambda match: _ESCAPED[match[1]], prompt)


def write_escapes(prompt: str) -> str:
    """Return a prompt as :func:`read_escapes` reads it."""
    return prompt.replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t")
