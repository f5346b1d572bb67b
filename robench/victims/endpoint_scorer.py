"""Scores of a language model behind an endpoint in OpenAI's form: log-probabilities of the first token of an answer.

How it works: an endpoint does not say how likely a given answer is; of the first token of its answer, it lists the
likeliest few. So a label's probability is that of all listed tokens that begin its word and no other label's. A label
without a listed token gets that of the least likely one, which is a bound from above: the floor. Whether the label
words differ in what the model says first, and whether the log-probabilities mean anything, is checked on a few texts:
some servers send none, and some send the same for each token, which looks like a model that guesses.
"""

from __future__ import annotations

import itertools
import json
import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torch import Tensor

from robench.errors import RobenchError, RunEndError
from robench.escaping import list_values, replace_surrogates
from robench.victims.answers import StoredAnswers
from robench.victims.call_settings import CallSettings
from robench.victims.endpoint import Endpoint
from robench.victims.function_scorer import FunctionScorer
from robench.victims.meter import Meter
from robench.victims.prompted import warn_of_little
from robench.victims.scorer import Progress

if TYPE_CHECKING:
    import httpx

LISTED = 20
"""Tokens whose log-probability is asked for; the most that OpenAI allows in chats."""
LISTED_PLAIN = 5
"""The same for plain completions."""
LOWEST = -100.0
"""The least log-probability that counts; some servers write a very low number for any unlikely token."""
SECONDS = 120.0
"""Most seconds to wait for an endpoint, unless the user set a time limit."""
_HOPELESS = {
    401: "it wants an API key; put yours into the environment variable {variable}",
    403: "it does not let this API key use the model; see {variable}",
    404: "it has no such model or address; --endpoint is the part before /chat/completions",
}


class EndpointError(Exception):
    """An answer of a server that is no success.

    Attributes:
        status_code: the HTTP status.
        headers: the headers of the answer.
    """

    def __init__(self, status_code: int, headers: Mapping[str, str], content: str) -> None:
        super().__init__(f"status {status_code}: {content}")
        self.status_code, self.headers = status_code, headers


class EndpointScorer(FunctionScorer):
    """A language model behind an endpoint as a scorer: scores (N, K) are log-probabilities of the labels.

    Kept answers have two columns more: the probability of all labels together, and the number of labels at the floor.

    Args:
        shown: the model and its address, as users see them.
        endpoint: the endpoint.
        settings: how to call it; each call has one text.
        meter: counts the texts.

    Raises:
        RobenchError: a label word begins another one.
    """

    has_label_words = True

    def __init__(self, shown: str, endpoint: Endpoint, settings: CallSettings, meter: Meter) -> None:
        self._settings = replace(settings, texts_per_call=1)
        super().__init__(shown, self._request, self._settings, meter)
        self._place = shown  # and no line of robench's
        self._endpoint, self._prompt = endpoint, endpoint.prompt
        self.names = endpoint.prompt.names
        self._words = [word.strip().casefold() for word in endpoint.prompt.words]
        self._check_beginnings()
        # By text: probability of all labels, and number of labels at the floor. None notes nothing.
        self._counts: dict[str, list[float]] | None = None

    def _check_beginnings(self) -> None:
        """Reject a word that begins another one: each token that begins it begins both, so it would never win."""
        for short, word in itertools.permutations(range(len(self._words)), 2):
            if self._words[word].startswith(self._words[short]):
                raise RobenchError(
                    f"the label words {self._prompt.words[short]} and {self._prompt.words[word]} begin alike, and an"
                    " endpoint tells the first token only: choose others."
                )

    def _score(self, texts: Sequence[str], answers: StoredAnswers | None, progress: Progress = None) -> Tensor:
        full = super()._score(texts, answers, progress)
        if self._counts is not None:
            self._counts.update(zip(texts, full[:, -2:].tolist(), strict=True))
        return full[:, :-2]

    def probe(self, texts: Sequence[str]) -> list[str]:
        """Check that scores mean something; see :class:`~robench.victims.scorer.Scorer`."""
        counts = self._counts = {}
        scores = self.score(texts)
        self._counts = None
        if all(row[1] == len(self._words) for row in counts.values()):
            raise RobenchError(
                f"{self.shown}: of {len(texts)} test texts, none gets an answer that begins with one of the label words"
                f" ({list_values(self._prompt.words)}). Name words that the model says first, or ask for them in the"
                " --prompt."
            )
        if bool((scores == scores[:, :1]).all()):
            raise RobenchError(
                f"{self.shown} gives all labels the same probability, for {len(texts)} test texts: its"
                " log-probabilities mean nothing, or the label words do not differ in their first tokens."
            )
        if len(set(texts)) > 1 and bool((scores == scores[:1]).all()):
            raise RobenchError(
                f"{self.shown} gives {len(texts)} different texts the same probabilities: it does not read the prompt."
            )
        return self._warn_of_floor(counts)

    def begin_summary(self) -> None:
        """Note the probabilities of the labels from now on; see :class:`~robench.victims.scorer.Scorer`."""
        self._counts = {}

    def summarise(self) -> list[str]:
        """Warn of the floor, and of label words of little probability; see :class:`~robench.victims.scorer.Scorer`."""
        counts, self._counts = self._counts, None
        if not counts:
            return []
        held = [probability for probability, _ in counts.values()]
        return [*self._warn_of_floor(counts), *warn_of_little(sum(held) / len(held), len(held))]

    def _warn_of_floor(self, counts: Mapping[str, Sequence[float]]) -> list[str]:
        count = sum(row[1] > 0 for row in counts.values())
        if not count:
            return []
        return [
            f"for {count:,} of {len(counts):,} texts, a label is not among the {self._listed} likeliest first tokens,"
            " and gets the probability of the last of these, the floor: its scores change less than they should."
        ]

    def networks_in_training(self) -> list[str]:
        """Return nothing: the network is elsewhere."""
        return []

    @property
    def _listed(self) -> int:
        return LISTED if self._prompt.chat else LISTED_PLAIN

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        # Another connection for each call: one that was given up may still be busy.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.concurrency)
        client = httpx.Client(timeout=self._settings.time_limit or SECONDS, limits=limits, follow_redirects=False)
        weakref.finalize(self, client.close)
        return client

    def _request(self, texts: list[str]) -> list[list[float]]:
        return [self._read(self._send(text)) for text in texts]

    def _send(self, text: str) -> Any:
        """Send the prompt of a text; return the answer, which is JSON.

        Raises:
            EndpointError, httpx.TransportError: the server does not answer, or cannot now.
            RunEndError: it would refuse any text.
        """
        prompt = self._prompt.fill(replace_surrogates(text))
        body: dict[str, Any] = {"model": self._endpoint.model, "max_tokens": 1, "temperature": 0}
        if self._prompt.chat:
            body |= {"messages": [{"role": "user", "content": prompt}], "logprobs": True, "top_logprobs": LISTED}
        else:
            body |= {"prompt": prompt, "logprobs": LISTED_PLAIN}
        path = "/chat/completions" if self._prompt.chat else "/completions"
        key = self._endpoint.read_key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        content = json.dumps(body).encode()
        response = self._client.post(
            self._endpoint.url.rstrip("/") + path,
            content=content,
            headers={"Content-Type": "application/json", **headers},
        )
        if response.status_code == 200:
            return response.json()
        reply = response.text.replace(key, "***") if key else response.text
        if response.status_code in _HOPELESS:
            reason = _HOPELESS[response.status_code].format(variable=self._endpoint.key_variable)
            raise RunEndError(f"{self.shown} refuses (status {response.status_code}): {reason}. It says: {reply[:200]}")
        raise EndpointError(response.status_code, response.headers, reply[:200])

    def _read(self, answer: Any) -> list[float]:
        """Return the log-probabilities of the labels, their probability together, and the number at the floor.

        Raises:
            RunEndError: the answer has no log-probabilities, or such that mean nothing.
        """
        listed = self._read_listed(answer)
        chances: list[list[float]] = [[] for _ in self._words]
        for token, chance in listed:
            begun = token.strip().casefold()
            labels = [k for k, word in enumerate(self._words) if begun and word.startswith(begun)]
            if len(labels) == 1:
                chances[labels[0]].append(chance)
        floor = min(chance for _, chance in listed)
        sums = [math.log(sum(map(math.exp, one))) if one else floor for one in chances]
        held = sum(math.exp(chance) for one in chances for chance in one)
        return [*sums, held, float(sum(not one for one in chances))]

    def _read_listed(self, answer: Any) -> list[tuple[str, float]]:
        try:
            part = answer["choices"][0]["logprobs"]
            if self._prompt.chat:
                listed = [(one["token"], float(one["logprob"])) for one in part["content"][0]["top_logprobs"]]
            else:
                listed = [(token, float(chance)) for token, chance in part["top_logprobs"][0].items()]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            listed = []
        if len(listed) < 2:
            raise RunEndError(
                f"{self.shown} sends no log-probabilities of the likeliest first tokens (logprobs, top_logprobs), from"
                " which scores are computed; another server or model may. A function of your own (--model"
                " module:function) can score texts in any other way."
            )
        whole = sum(math.exp(min(chance, 1.0)) for _, chance in listed)
        if whole > 1.05 or not all(math.isfinite(chance) for _, chance in listed) or len({c for _, c in listed}) == 1:
            shown = list_values([f"{token}: {chance:.4g}" for token, chance in listed[:4]])
            raise RunEndError(
                f"{self.shown} sends log-probabilities that mean nothing ({shown}): they are all equal, or no"
                " probabilities."
            )
        return [(str(token), max(chance, LOWEST)) for token, chance in listed]
