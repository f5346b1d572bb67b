"""Signals that are held back take effect where the work says, and a second ctrl-C at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from robench.training.held_signals import HeldSignals


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """A shell's background job ignores ctrl-C, which would stay ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_held_signal_is_delivered_where_the_work_says() -> None:
    with HeldSignals() as signals:
        signals.deliver()
        signal.raise_signal(signal.SIGINT)
        assert signals.is_pending
        with pytest.raises(KeyboardInterrupt):
            signals.deliver()
        assert not signals.is_pending and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_held_signal_is_delivered_at_the_end_of_the_block() -> None:
    with pytest.raises(KeyboardInterrupt), HeldSignals():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_second_ctrl_c_takes_effect_at_once() -> None:
    with HeldSignals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_released_signals_take_effect_at_once() -> None:
    with HeldSignals() as signals, pytest.raises(KeyboardInterrupt), signals.release():
        signal.raise_signal(signal.SIGINT)


def test_ignored_signal_stays_ignored_and_other_threads_hold_nothing() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with HeldSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert not signals.is_pending
    entered: list[HeldSignals] = []
    thread = threading.Thread(target=lambda: entered.append(HeldSignals().__enter__()))
    thread.start()
    thread.join()
    assert len(entered) == 1 and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
