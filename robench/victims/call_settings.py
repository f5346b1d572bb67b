"""How a function or an endpoint is called."""

from __future__ import annotations

from dataclasses import dataclass

CALL_ROWS = 32
"""Most texts in one call of a function, unless the user chose another number."""


@dataclass(frozen=True, kw_only=True)
class CallSettings:
    """How a function or an endpoint is called; no part of its identity.

    Attributes:
        concurrency: number of calls at a time.
        texts_per_call: most texts in one call.
        time_limit: most seconds of a call; None for any number.
        retries: number of times that a call is repeated after network errors.
        max_queries: most texts to send in one run; None for any number.
        first_pause: seconds before the first repetition; each further one waits twice as long.
    """

    concurrency: int = 1
    texts_per_call: int = CALL_ROWS
    time_limit: float | None = None
    retries: int = 5
    max_queries: int | None = None
    first_pause: float = 0.5
