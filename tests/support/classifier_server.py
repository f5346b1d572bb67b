"""A server on this machine that classifies texts by their words, in a form of its own and in OpenAI's."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from support.http_server import LocalServer, QuietHandler
from support.tiny_job import VERDICTS


def score(text: str) -> list[float]:
    """One score for each class, as in ``support.victims.COUNTING``."""
    words = text.lower().split()
    bad, good = (sum(word in group for word in words) for group in VERDICTS)
    return [bad + 0.25, 1.5 * good]


class ClassifierServer(LocalServer):
    """A server that may be slow, fail, and limit the rate.

    Attributes:
        delay: seconds before each answer.
        fail_every: each so manieth call fails, in turn by a status and by a cut connection; 0 for none.
        rate: calls after which it refuses all for 0.05 s; 0 for any number.
        down_after: number of calls after which it cuts every connection; 0 for none.
        key: the API key that it wants; empty for none.
        form: of log-probabilities: ``words``, ``none``, ``flat``, ``deaf``, ``other``.
        answered: how often each text was answered.
        calls: number of calls, refused ones included.
        refused: number of calls beyond the rate.
        most: most calls at a time.
        requests: bodies of the calls that were answered.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.delay, self.fail_every, self.rate = 0.0, 0, 0
        self.down_after = 0
        self.key, self.form = "", "words"
        self.answered: Counter[str] = Counter()
        self.calls = self.refused = self.failed = self.most = self.now = 0
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self._left, self._opens = 0, 0.0

    def refuses(self) -> bool:
        """Whether a call is one too many."""
        if not self.rate:
            return False
        if self._left == 0 and self._opens <= time.monotonic():
            self._left, self._opens = self.rate + 1, float("inf")
        self._left -= self._left > 0
        if self._left:
            return False
        self._opens = min(self._opens, time.monotonic() + 0.05)
        self.refused += 1
        return True


class _Handler(QuietHandler):
    server: ClassifierServer

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.calls += 1
            number = server.calls
            server.now += 1
            server.most = max(server.most, server.now)
            is_refused = server.refuses()
        time.sleep(server.delay)
        with server.lock:
            server.now -= 1
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            return self._send(401, {"error": f"wrong key {self.headers.get('Authorization')}"})
        if is_refused:
            return self._send(429, {"error": "too many"}, {"Retry-After": "0.05"})
        if server.down_after and number > server.down_after:
            return self.connection.close()
        if server.fail_every and number % server.fail_every == 0:
            server.failed += 1
            if server.failed % 2:
                return self._send(503, {"error": "overloaded"})
            return self.connection.close()
        self._send(200, self._answer(body))

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        server = self.server
        texts = body["texts"] if "texts" in body else [_read_prompt(body)]
        with server.lock:
            server.answered.update(texts)
            server.requests.append(body)
        if "texts" in body:
            return {"scores": [score(text) for text in texts]}
        return {"choices": [{"logprobs": self._list_tokens(body, texts[0])}]}

    def _list_tokens(self, body: dict[str, Any], text: str) -> dict[str, Any] | None:
        form = self.server.form
        if form == "none":
            return None
        bad, good = score("a dull film" if form == "deaf" else text)
        names = [" negative", "positive", "Positive", "the"]
        if form == "other":
            names = ["a", "b", "c", "d"]
        if form == "floor" and good > bad:
            names[0] = "x"
        numbers = [-2.0] * 4 if form == "flat" else [bad, good, good - 1, -2.0]
        whole = math.log(sum(map(math.exp, numbers)))
        listed = [
            (name, number if form == "flat" else number - whole) for name, number in zip(names, numbers, strict=True)
        ]
        if "messages" in body:
            return {"content": [{"top_logprobs": [{"token": name, "logprob": number} for name, number in listed]}]}
        return {"top_logprobs": [dict(listed)]}

    def _send(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.answer(status, json.dumps(content).encode(), headers)


def _read_prompt(body: dict[str, Any]) -> str:
    prompt = body["messages"][0]["content"] if "messages" in body else body["prompt"]
    return str(prompt).removeprefix("Review: ").partition("\nSentiment:")[0]


@contextlib.contextmanager
def serve() -> Iterator[ClassifierServer]:
    """A server until the block ends."""
    server = ClassifierServer()
    with server.run():
        yield server
