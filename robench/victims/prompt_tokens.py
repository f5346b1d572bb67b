"""Prompts as tokens: a text in its prompt, with each label word.

How it works: prompt and word are tokenised together, because a word's first token may depend on what stands before it.
The tokens that the prompt alone and the prompt with each word have in common are the context; what follows is predicted
from it. Tokenizers take control tokens, such as the end of a turn, out of any text. Those of the template are meant; of
those that stand in the text to classify, the letters are tokenised. If a text does not fit, its end is cut, and never
the prompt's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from robench.errors import RobenchError, translate_failures
from robench.escaping import replace_surrogates, show_value
from robench.victims.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DATE = "26 Jul 2024"
"""The date that chat templates which print one are given, or results would change from day to day."""
_PLACE = "\ue000text\ue000"
_SAMPLE = "a b"


@dataclass(frozen=True)
class PromptTokens:
    """A text in its prompt.

    Attributes:
        context: the tokens that all labels have in common.
        words: for each label, its tokens behind them; at least one.
    """

    context: tuple[int, ...]
    words: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> list[tuple[int, ...]]:
        """Return what the network has to see: one row if each label is one token, else one for each label."""
        if self.is_simple:
            return [self.context]
        return [(*self.context, *word[:-1]) for word in self.words]

    @property
    def is_simple(self) -> bool:
        """Return whether each label is one token."""
        return all(len(word) == 1 for word in self.words)

    @property
    def length(self) -> int:
        """Return the tokens of the longest row."""
        return len(self.context) + max(map(len, self.words)) - 1


class PromptTokenizer:
    """Tokenises texts in a prompt.

    Args:
        shown: the model's location, as users see it.
        tokenizer: its tokenizer.
        prompt: the prompt.

    Raises:
        RobenchError: the tokenizer has no chat template, or it does not show the prompt.
    """

    def __init__(self, shown: str, tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> None:
        self._shown, self._tokenizer, self._prompt = shown, tokenizer, prompt
        self._head, self._tail = self._render()
        self._control = _find_control_tokens(tokenizer)
        self._begin = [] if prompt.chat else self._find_begin()
        self._anchor = self._find_anchor()

    def __call__(self, text: str, max_length: int) -> tuple[PromptTokens, bool]:
        """Return the tokens of a text in its prompt, and whether the text was cut.

        Args:
            text: the text.
            max_length: most tokens, the label's included.

        Raises:
            RobenchError: the prompt alone is longer.
        """
        text = replace_surrogates(text)
        whole = self._tokenise(text)
        if _measure(whole) <= max_length:
            return whole, False
        count = bisect_right(range(len(text)), max_length, key=lambda n: _measure(self._tokenise(text[:n]))) - 1
        while count >= 0:
            cut = self._tokenise(text[:count])
            if _measure(cut) <= max_length:
                return cut, True
            count -= 1
        raise RobenchError(
            f"{self._shown}: the prompt has {_measure(self._tokenise(''))} tokens without a text, and there is room for"
            f" {max_length} (--max-length, --prompt)."
        )

    def _render(self) -> tuple[str, str]:
        """Return what stands before and behind a text."""
        prompt = self._prompt
        if not prompt.chat:
            return prompt.before, prompt.after
        if not self._tokenizer.chat_template:
            raise RobenchError(f"{self._shown} has no chat template: leave --chat out, or write turns into --prompt.")
        messages = [{"role": "user", "content": prompt.fill(_PLACE)}]
        with translate_failures(f"{self._shown}: its chat template failed"):
            rendered = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, date_string=DATE
            )
        head, place, tail = str(rendered).partition(_PLACE)
        if not place or _PLACE in tail:
            raise RobenchError(f"{self._shown}: its chat template does not show the user's message once.")
        return head, tail

    def _tokenise(self, text: str) -> PromptTokens:
        end = self._head + text + self._tail
        start, stop = len(self._head), len(self._head) + len(text)
        prompt = self._encode(end, start, stop)
        rows = [self._encode(end + self._prompt.separator + word, start, stop) for word in self._prompt.words]
        shortest = min(map(len, (prompt, *(row[:-1] for row in rows))))
        same = takewhile(lambda i: all(row[i] == prompt[i] for row in rows), range(shortest))
        size = sum(1 for _ in same)
        if not size:  # nothing to predict the first token from
            return PromptTokens((self._tokenizer.eos_token_id or 0,), tuple(map(tuple, rows)))
        return PromptTokens(tuple(prompt[:size]), tuple(tuple(row[size:]) for row in rows))

    def _encode(self, whole: str, start: int, stop: int) -> list[int]:
        """Return the tokens of a prompt, with the token that begins a text, if there is one, and just once.

        Args:
            whole: the prompt, perhaps with a label.
            start: where the text to classify begins.
            stop: where it ends.
        """
        control = [match for match in self._control.finditer(whole) if _is_outside(match, start, stop)]
        if len(control) == sum(1 for _ in self._control.finditer(whole)):
            tokens = self._read(whole)
        else:
            tokens = self._read_parts(whole, control)
        has_begun = tokens[: len(self._begin)] == self._begin
        return tokens if has_begun else [*self._begin, *tokens]

    def _read_parts(self, whole: str, control: list[re.Match[str]]) -> list[int]:
        """Return the tokens of a prompt of whose control tokens only some are meant."""
        tokens: list[int] = []
        at = 0
        for match in control:
            tokens += [*self._read_plain(whole[at : match.start()], is_first=at == 0), *self._read(match.group())]
            at = match.end()
        return tokens + self._read_plain(whole[at:], is_first=at == 0)

    def _read(self, text: str, *, plain: bool = False) -> list[int]:
        with translate_failures(f"the tokenizer of {self._shown} failed on {show_value(text, 80)}"):
            read = self._tokenizer(text, add_special_tokens=False, split_special_tokens=plain, verbose=False)
            return list(read["input_ids"])

    def _read_plain(self, text: str, *, is_first: bool) -> list[int]:
        """Return the tokens of a part without control tokens, as a tokenizer reads it at the start or behind one."""
        if not text:
            return []
        anchor = "" if is_first else self._anchor
        return self._read(anchor + text, plain=True)[len(self._read(anchor, plain=True)) if anchor else 0 :]

    def _find_begin(self) -> list[int]:
        """Return the tokens that the tokenizer puts before a text; those that it puts behind one are left out."""
        plain, whole = self._read(_SAMPLE), list(self._tokenizer(_SAMPLE)["input_ids"])
        places = [i for i in range(len(whole)) if whole[i : i + len(plain)] == plain]
        return whole[: places[0]] if places else []

    def _find_anchor(self) -> str:
        """Return what to put before a part behind a control token, and to take away again, to get the same tokens.

        Some tokenizers put a blank before a text, but not before a part of it.
        """
        token = next(iter(self._tokenizer.all_special_tokens), "")
        expected = self._read(token + _SAMPLE)[len(self._read(token)) :]
        for anchor in ("", "\n"):
            self._anchor = anchor
            if self._read_plain(_SAMPLE, is_first=False) == expected:
                return anchor
        return ""


def _find_control_tokens(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Return the pattern of the control tokens, the longest first; one that matches nothing if there are none."""
    names = {str(token) for token in tokenizer.all_special_tokens}
    names |= {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return re.compile("|".join(map(re.escape, sorted(filter(None, names), key=len, reverse=True))) or r"(?!)")


def _is_outside(match: re.Match[str], start: int, stop: int) -> bool:
    return match.end() <= start or match.start() >= stop


def _measure(tokens: PromptTokens) -> int:
    return len(tokens.context) + max(map(len, tokens.words))
