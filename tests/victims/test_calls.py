"""Calls of a function: several at a time, each with a time limit, and again after network errors."""

from __future__ import annotations

import asyncio
import errno
import itertools
import threading
import time
import urllib.error
from collections.abc import Callable
from email.message import Message
from typing import Any

import httpx
import pytest
import torch

from robench.errors import RobenchError, RunEndError
from robench.victims.call_settings import CallSettings
from robench.victims.function_scorer import FunctionScorer
from robench.victims.network_errors import is_network_error, read_retry_after

TEXTS = [f"text {i}" for i in range(12)]


def scorer(function: Callable[[list[str]], Any], **settings: Any) -> FunctionScorer:
    return FunctionScorer("here:f", function, CallSettings(**{"first_pause": 0.01, "texts_per_call": 2} | settings))


def lengths(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


def test_calls_of_a_function_run_in_as_many_threads_as_it_may_have() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def meet(texts: list[str]) -> list[list[float]]:
        barrier.wait()
        assert not torch.is_grad_enabled()
        return lengths(texts)

    assert scorer(meet, concurrency=3)(TEXTS).tolist() == lengths(TEXTS)


def test_an_async_function_is_awaited_with_as_many_calls_at_a_time() -> None:
    threads, now, most = set(), 0, 0

    async def count(texts: list[str]) -> list[list[float]]:
        nonlocal now, most
        now, threads_now = now + 1, threading.get_ident()
        most = max(most, now)
        threads.add(threads_now)
        await asyncio.sleep(0.02)
        now -= 1
        return lengths(texts)

    several = scorer(count, concurrency=4)
    assert several(TEXTS).tolist() == lengths(TEXTS) == several(TEXTS).tolist()
    assert most == 4 and len(threads) == 1 and threads != {threading.get_ident()}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_network_error_is_tried_again_and_another_error_is_not(concurrency: int) -> None:
    failures: dict[str, int] = {}

    def shaky(texts: list[str]) -> list[list[float]]:
        if failures.setdefault(texts[0], 0) < 2:
            failures[texts[0]] += 1
            raise ConnectionResetError("reset")
        return lengths(texts)

    assert scorer(shaky, concurrency=concurrency)(TEXTS).tolist() == lengths(TEXTS)
    calls: list[list[str]] = []

    def wrong(texts: list[str]) -> list[list[float]]:
        calls.append(texts)
        raise ValueError("no")

    with pytest.raises(RobenchError, match=r"failed on 2 texts.*ValueError: no"):
        scorer(wrong, concurrency=concurrency).score(TEXTS)
    assert len(calls) <= concurrency


def test_a_server_that_is_down_exhausts_the_tries_of_one_call_only() -> None:
    calls: list[list[str]] = []

    def down(texts: list[str]) -> list[list[float]]:
        calls.append(texts)
        raise TimeoutError("nobody there")

    tried = scorer(down, retries=3)
    for count in (4, 5):
        with pytest.raises(RobenchError, match="Every answer is kept, and the same command goes on from there"):
            tried.score(TEXTS[:2])
        assert len(calls) == count


def test_a_call_beyond_its_time_limit_counts_as_failed_and_is_tried_again() -> None:
    slept: list[str] = []

    def slow(texts: list[str]) -> list[list[float]]:
        if not slept:
            slept.append(texts[0])
            time.sleep(1)
        return lengths(texts)

    started = time.monotonic()
    assert scorer(slow, time_limit=0.1)(TEXTS).tolist() == lengths(TEXTS)
    assert time.monotonic() - started < 0.9 and slept

    async def hangs(texts: list[str]) -> list[list[float]]:
        await asyncio.sleep(60)
        return lengths(texts)

    with pytest.raises(RobenchError, match=r"TimeoutError: no answer within 0\.05 seconds"):
        scorer(hangs, time_limit=0.05, retries=0).score(TEXTS[:1])


def test_a_limit_of_the_rate_makes_all_calls_wait_as_long_as_the_server_asks() -> None:
    moments: list[float] = []

    def limited(texts: list[str]) -> list[list[float]]:
        moments.append(time.monotonic())
        if len(moments) <= 3:
            raise urllib.error.HTTPError("http://here", 429, "too many", _headers("0.2"), None)
        return lengths(texts)

    assert scorer(limited, retries=3)(TEXTS).tolist() == lengths(TEXTS)
    assert all(later - earlier >= 0.19 for earlier, later in itertools.pairwise(moments[:4]))

    def tomorrow(texts: list[str]) -> list[list[float]]:
        raise urllib.error.HTTPError("http://here", 429, "too many", _headers("86400"), None)

    with pytest.raises(RunEndError, match=r"here:f asks to wait 86,400 seconds\. Every answer is kept"):
        scorer(tomorrow).score(TEXTS)


def test_answers_of_the_calls_under_way_are_kept_if_another_one_fails() -> None:
    answered: list[str] = []
    barrier = threading.Barrier(2, timeout=20)

    def one_fails(texts: list[str]) -> list[list[float]]:
        barrier.wait()
        if texts[0] == TEXTS[0]:
            raise ValueError("not this one")
        time.sleep(0.05)
        answered.extend(texts)
        return lengths(texts)

    class Kept(dict[str, Any]):
        def find(self, texts: list[str]) -> dict[str, Any]:
            return {}

        def add(self, rows: dict[str, Any]) -> None:
            self.update(rows)

    tried = scorer(one_fails, concurrency=2)
    tried.answers = kept = Kept()  # type: ignore[assignment]
    with pytest.raises(RobenchError, match="not this one"):
        tried.score(TEXTS)
    assert sorted(kept) == sorted(answered) != []


def test_a_limit_of_texts_ends_a_run_in_the_middle_of_a_call() -> None:
    sent: list[str] = []

    def count(texts: list[str]) -> list[list[float]]:
        sent.extend(texts)
        return lengths(texts)

    limited = scorer(count, max_queries=5)
    with pytest.raises(RunEndError, match=r"--max-queries 5: 5 texts were sent to here:f.*goes on from there"):
        limited.score(TEXTS)
    assert len(sent) == 5 == limited.meter.sent


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (OSError(errno.ENETUNREACH, "no network"), True),
        (TimeoutError(), True),
        (urllib.error.URLError("no route"), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://a"), response=httpx.Response(503)), True),
        (httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://a"), response=httpx.Response(400)), False),
        (urllib.error.HTTPError("http://a", 404, "none", Message(), None), False),
        (KeyError("x"), False),
        (FileNotFoundError("x"), False),
    ],
)
def test_is_network_error_is_true_of_what_another_try_may_cure(error: Exception, expected: bool) -> None:
    assert is_network_error(error) is expected
    wrapper = RuntimeError("the client failed")
    wrapper.__cause__ = error
    assert is_network_error(wrapper) is expected


def test_read_retry_after_reads_seconds_and_dates() -> None:
    assert read_retry_after(urllib.error.HTTPError("http://a", 429, "x", _headers("7"), None)) == 7
    assert read_retry_after(urllib.error.HTTPError("http://a", 429, "x", _headers("soon"), None)) is None
    past = urllib.error.HTTPError("http://a", 429, "x", _headers("Wed, 21 Oct 2015 07:28:00 GMT"), None)
    assert read_retry_after(past) == 0
    assert read_retry_after(ValueError()) is None


def _headers(wait: str) -> Message:
    message = Message()
    message["Retry-After"] = wait
    return message
