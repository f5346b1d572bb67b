"""The options of ``robench attack`` about calls of functions and endpoints, and about prompts of language models."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from robench.errors import RobenchError
from robench.study.run_option import run_option
from robench.study.values import Names, as_tuple
from robench.victims.call_settings import CALL_ROWS, CallSettings
from robench.victims.endpoint import KEY_VARIABLE, Endpoint
from robench.victims.prompts import LabelScore, Prompt

FEWEST_QUERIES = 30
"""Fewest texts of a run: 20 are for checks whose answers are not kept, and something has to come after them."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRIES = CallSettings().retries


@dataclass(frozen=True, kw_only=True)
class PromptOptions:
    """The options about prompts and endpoints."""

    prompt: str | None = field(
        default=None,
        metadata=run_option(
            "The prompt that turns a language model into a classifier, with {text} in place of the text.",
            in_help=r'As in "Review: {text}\nSentiment:"; \n is a new line.',
            metavar="TEXT",
            has_escapes=True,
        ),
    )
    label_words: Names = field(
        default=(),
        metadata=run_option(
            "With --prompt: the model's word for each label of the task, in the task's order.",
            metavar="WORD,...",
        ),
    )
    label_score: LabelScore = field(
        default="sum",
        metadata=run_option(
            "sum or mean of the log-probabilities of a label word's tokens; more tokens make a sum lower.",
            metavar="sum|mean",
        ),
    )
    chat: bool = field(
        default=False,
        metadata=run_option(
            "Make the prompt a user's message and a label word the start of the answer, in the model's chat template or"
            " by an endpoint's chat completions."
        ),
    )
    endpoint: str | None = field(
        default=None,
        metadata=run_option(
            "Address of an OpenAI-compatible server that has the model, such as http://gpu:8000/v1."
            " docs/endpoints.md says what it must send.",
            metavar="URL",
        ),
    )
    api_key_variable: str = field(
        default=KEY_VARIABLE,
        metadata=run_option(
            "Environment variable with the endpoint's API key, which is stored nowhere.", metavar="NAME"
        ),
    )

    def make_prompt(self) -> Prompt | None:
        """Return the prompt; None if there is none.

        Raises:
            RobenchError: it is incomplete, or other options need one.
        """
        if self.prompt is None:
            for option, is_set in (
                ("--label-words", self.label_words != ()),
                ("--label-score", self.label_score != "sum"),
                ("--chat", self.chat),
                ("--endpoint", self.endpoint is not None),
            ):
                if is_set:
                    raise RobenchError(f"{option} needs --prompt, with {{text}} in the place of the text.")
            return None
        return Prompt(self.prompt, as_tuple(self.label_words), self.label_score, self.chat)

    def make_endpoint(self, model: object) -> Endpoint | None:
        """Return the endpoint that has a model; None if there is none.

        Raises:
            RobenchError: it is incomplete.
        """
        if self.endpoint is None:
            if self.api_key_variable != KEY_VARIABLE:
                raise RobenchError("--api-key-variable is for an --endpoint; name one, or leave it out.")
            return None
        if not _VARIABLE.fullmatch(self.api_key_variable):  # it may be the key itself, so it is not repeated
            raise RobenchError(
                "--api-key-variable takes the name of an environment variable: letters, digits and _, with no digit"
                " first. Put the key into that variable, and give its name."
            )
        prompt = self.make_prompt()
        if not isinstance(model, str) or prompt is None:
            raise RobenchError("--endpoint takes the name that the model has there as --model, and a --prompt.")
        if self.label_score != "sum":
            raise RobenchError("--label-score is for models on this machine; an endpoint tells the first token only.")
        return Endpoint(self.endpoint, model, prompt, self.api_key_variable)


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """The options about calls of functions and endpoints."""

    concurrency: int = field(
        default=1,
        metadata=run_option(
            "Calls of a function or endpoint at a time; ordinary functions run in threads, async ones are awaited.",
            metavar="N",
            minimum=1,
            maximum=1024,
        ),
    )
    texts_per_call: int | None = field(
        default=None,
        metadata=run_option(
            "Texts in one call of a function, at most; 1 if it sends a request for each, so that no answer is lost.",
            default=str(CALL_ROWS),
            minimum=1,
        ),
    )
    call_timeout: int | None = field(
        default=None,
        metadata=run_option(
            "Seconds after which a call of a function or endpoint counts as failed.",
            metavar="SECONDS",
            default="no limit for a function, 120 for an endpoint",
            minimum=1,
        ),
    )
    retries: int = field(
        default=_TRIES,
        metadata=run_option(
            "How often a call is repeated after a network error, each time after a longer pause, or the one that the"
            " server asks for. Other errors are not retried.",
            metavar="N",
            minimum=0,
            maximum=100,
        ),
    )
    max_queries: int | None = field(
        default=None,
        metadata=run_option(
            "Texts that this run sends to a function or endpoint, at most. Then it ends; every answer is kept, and the"
            " same command continues from there.",
            minimum=FEWEST_QUERIES,
            excess="is less than the checks of a model need again each time",
        ),
    )

    def make_calls(self) -> CallSettings:
        """Return how a function or an endpoint is called."""
        return CallSettings(
            concurrency=self.concurrency,
            texts_per_call=self.texts_per_call or CALL_ROWS,
            time_limit=self.call_timeout,
            retries=self.retries,
            max_queries=self.max_queries,
        )

    def name_call_option(self) -> str:
        """Return the name of an option about calls that was set; empty if none was."""
        usual = CallSettings()
        values = {
            "--concurrency": self.concurrency != usual.concurrency,
            "--texts-per-call": self.texts_per_call is not None,
            "--call-timeout": self.call_timeout is not None,
            "--retries": self.retries != usual.retries,
            "--max-queries": self.max_queries is not None,
        }
        return next((option for option, is_set in values.items() if is_set), "")
