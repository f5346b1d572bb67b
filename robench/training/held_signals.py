"""Signals that end a command, held back until what was computed is stored.

How it works: inside the block, a handler notes ctrl-C, SIGTERM or SIGHUP and does nothing else. The work asks at places
where its state is whole, stores it, and then has the signal delivered to the handler that was there before.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, Self

_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class HeldSignals:
    """Signals that end a command, held back inside the block until :meth:`deliver`, or until its end.

    A second ctrl-C takes effect at once. A signal that the process ignores stays ignored. Only the main thread has
    handlers: in another one, nothing is held back.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._pending: int | None = None

    @property
    def is_pending(self) -> bool:
        """Return whether a signal has come."""
        return self._pending is not None

    def __enter__(self) -> Self:
        """Begin to hold signals back."""
        self._hold()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Put the handlers back, and deliver what has come, unless an error ends the work anyway."""
        self._restore()
        if kind is None:
            self.deliver()

    def deliver(self) -> None:
        """Deliver the signal that has come; the handler that was there before usually raises an exception."""
        number, self._pending = self._pending, None
        if number is not None:
            with self.release():
                signal.raise_signal(number)

    @contextlib.contextmanager
    def release(self) -> Iterator[None]:
        """Let signals take effect at once inside the block."""
        was_holding = bool(self._handlers)
        self._restore()
        try:
            yield
        finally:
            if was_holding:
                self._hold()

    def _hold(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _NUMBERS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._handlers[number] = signal.signal(number, self._note)

    def _restore(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _note(self, number: int, frame: object) -> None:
        is_second = number == self._pending == signal.SIGINT
        self._pending = number
        if is_second:
            self.deliver()
