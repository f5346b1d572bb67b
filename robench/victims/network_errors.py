"""Network errors: which errors of a call another try may cure, and how long a server asks to wait.

How it works: libraries for HTTP have exceptions of their own, and robench needs none of these libraries. So an error is
known by the status code that it carries, under any of the usual names, or else by its classes.
"""

from __future__ import annotations

import datetime
import email.utils
import errno
import http.client
import math
import socket
import urllib.error
from collections.abc import Iterator
from typing import Any

TOO_MANY_REQUESTS = 429
"""The status of a server that limits the rate of requests."""
TRANSIENT = frozenset({408, 425, TOO_MANY_REQUESTS, 500, 502, 503, 504, 529})
"""Statuses of requests that may succeed later; 529 is that of overloaded services."""

_NUMBERS = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT})
_CLASSES = (ConnectionError, TimeoutError, socket.gaierror, http.client.HTTPException, urllib.error.URLError)
_NAMES = frozenset(
    {
        "aiohttp.ClientConnectionError",
        "aiohttp.ClientPayloadError",
        "grpc.RpcError",
        "httpcore.NetworkError",
        "httpcore.TimeoutException",
        "httpcore2.NetworkError",
        "httpcore2.TimeoutException",
        "httpx.TransportError",
        "httpx2.TransportError",
        "openai.APIConnectionError",
        "requests.ChunkedEncodingError",
        "requests.ConnectionError",
        "requests.Timeout",
        "urllib3.HTTPError",
    }
)
"""Classes of network errors: the first part of the module's name, and the name."""


def find_status(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries; None if it carries none."""
    response = getattr(error, "response", None)
    for owner, name in ((error, "status_code"), (error, "code"), (error, "status"), (response, "status_code")):
        value = getattr(owner, name, None)
        if isinstance(value, int) and 100 <= value < 600:
            return int(value)
    return None


def is_network_error(error: BaseException) -> bool:
    """Return whether another try may cure an error; that of a request which the server understood and refused cannot.

    An error that the user's code raised ``from`` a network error is one, too.
    """
    for one in _walk_causes(error):
        status = find_status(one)
        if status is not None:
            return status in TRANSIENT
        names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(one).__mro__}
        if isinstance(one, _CLASSES) or names & _NAMES or getattr(one, "errno", None) in _NUMBERS:
            return True
    return False


def is_rate_limit(error: BaseException) -> bool:
    """Return whether a server refused a request because there were too many."""
    return any(find_status(one) == TOO_MANY_REQUESTS for one in _walk_causes(error))


def read_retry_after(error: BaseException) -> float | None:
    """Return the seconds that a server asks to wait, by its header ``Retry-After``; None if it does not."""
    for one in _walk_causes(error):
        for owner in (one, getattr(one, "response", None)):
            headers: Any = getattr(owner, "headers", None)
            value = headers.get("Retry-After") if hasattr(headers, "get") else None
            if isinstance(value, str) and (seconds := _read_seconds(value)) is not None:
                return seconds
    return None


def _read_seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        now = datetime.datetime.now(moment.tzinfo)
        seconds = (moment - now).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it was raised from."""
    known: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in known:
        known.add(id(cause))
        yield cause
        cause = cause.__cause__
