r"""A classifier behind HTTP as a victim of robench.

The service takes ``{"texts": [...]}`` and returns ``{"scores": [[...], ...]}``: a row for each text, with a probability
or a logit for each label. From the folder of this file:

    export VICTIM_URL=https://api.example.com/classify VICTIM_KEY=...
    robench attack --model http_victim:scores --version 2026-11 --task sst2 --preset quick --concurrency 8 \
        --call-timeout 30 --max-queries 5000

robench calls ``scores`` with up to 32 texts at a time (``--texts-per-call``). It repeats a call that fails because of
the network, because the service is overloaded, or because it limits the rate: httpx says so by its exceptions, and the
service by its status and the header ``Retry-After``. So there is nothing about errors here. Every answer is kept in the
runs folder. The key comes from the environment, and robench stores nothing of it.
"""

from __future__ import annotations

import os
from typing import Any

import httpx


def scores(texts: list[str]) -> list[list[float]]:
    """Return a row of scores for each text."""
    answer = httpx.post(_url(), json={"texts": texts}, headers=_headers(), timeout=30)
    return _read(answer)


async def scores_async(texts: list[str]) -> list[list[float]]:
    """Return a row of scores for each text; robench awaits as many calls at a time as --concurrency says."""
    async with httpx.AsyncClient(timeout=30) as client:
        return _read(await client.post(_url(), json={"texts": texts}, headers=_headers()))


def _url() -> str:
    return os.environ["VICTIM_URL"]


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['VICTIM_KEY']}"} if "VICTIM_KEY" in os.environ else {}


def _read(answer: httpx.Response) -> list[list[float]]:
    answer.raise_for_status()
    rows: Any = answer.json()["scores"]
    return [[float(score) for score in row] for row in rows]
