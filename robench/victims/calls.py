"""Calls of a function or an endpoint: several at a time, each with a time limit, and again after network errors.

How it works: each call becomes a future. An ordinary function runs in a thread of its own, an async function in an
event loop that one more thread runs; with one call at a time and no time limit, an ordinary function runs in this
thread. After a network error the same call waits, longer each time, and is tried again; if the server says how long to
wait, all calls wait. A call that fails for good lets no other begin, but those under way are waited for, because their
answers are paid for. While a server is down, one call exhausts its tries; those after it get one try each.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

import torch

from robench.errors import ControlFlow, RobenchError, RunEndError, translate_failures
from robench.victims.call_settings import CallSettings
from robench.victims.meter import Meter
from robench.victims.network_errors import is_network_error, is_rate_limit, read_retry_after

LONGEST_PAUSE = 120.0
"""Most seconds to wait before a call is repeated; a server that asks for more ends the run."""
_KEPT = " Every answer is kept, and the same command goes on from there."


@dataclass(eq=False)
class _Call:
    """A call with its texts; the moments are those of ``time.monotonic``."""

    texts: list[str]
    repeats: int = 0
    due: float = 0.0
    deadline: float = float("inf")
    successes: int = 0


class Caller:
    """Calls a function with lists of texts.

    Args:
        function: from a list of texts to scores; it may be async.
        settings: how to call it.
        meter: counts the texts.
        describe: returns for the texts of a call the beginning of a sentence that says that it failed.
    """

    def __init__(
        self,
        function: Callable[[list[str]], Any],
        settings: CallSettings,
        meter: Meter,
        describe: Callable[[list[str]], str],
    ) -> None:
        self._function, self._settings, self._meter, self._describe = function, settings, meter, describe
        self._loop = _start_loop(self) if is_async(function) else None
        self._in_this_thread = settings.concurrency == 1 and settings.time_limit is None
        self._resume = 0.0
        self._successes = 0
        self._is_down = False

    def run(self, chunks: Iterable[list[str]], keep: Callable[[list[str], Any], None]) -> None:
        """Call the function with each chunk, and pass each result on as soon as it is there.

        Args:
            chunks: the texts of each call.
            keep: receives the texts and the result of a call; if it fails, the call counts as failed.

        Raises:
            RobenchError: a call failed for good; the results of all others that had begun were passed on.
        """
        waiting = deque(_Call(chunk) for chunk in chunks)
        running: dict[Future[Any], _Call] = {}
        failure: tuple[list[str], BaseException] | None = None
        while running or (waiting and failure is None):
            try:
                if failure is None:
                    self._start_due(waiting, running)
            except RunEndError as error:
                failure = [], error
            for future, is_late in self._wait(waiting, running):
                call = running.pop(future)
                problem = self._finish(future, call, keep, is_late=is_late)
                if problem is None:
                    continue
                if failure is None and self._may_repeat(call, problem):
                    waiting.appendleft(call)
                else:
                    failure = failure or (call.texts, self._explain(problem))
        if failure is not None:
            self._raise(*failure)

    def _start_due(self, waiting: deque[_Call], running: dict[Future[Any], _Call]) -> None:
        """Start as many of the waiting calls as may run now; those to repeat stand in front.

        Raises:
            RunEndError: there is one, but no more texts may be sent.
        """
        for _ in range(len(waiting)):
            now = time.monotonic()
            if len(running) >= self._settings.concurrency or now < self._resume:
                return
            call = waiting.popleft()
            if call.due > now:  # behind the fresh calls, which need not wait for it
                waiting.append(call)
                continue
            allowed = self._meter.take(len(call.texts))
            if allowed < len(call.texts):
                waiting.appendleft(_Call(call.texts[allowed:]))
                call.texts = call.texts[:allowed]
            call.successes = self._successes
            call.deadline = now + (self._settings.time_limit or float("inf"))
            running[self._start(call.texts)] = call
            if self._in_this_thread and self._loop is None:
                return

    def _start(self, texts: list[str]) -> Future[Any]:
        if self._loop is not None:
            return asyncio.run_coroutine_threadsafe(_await(self._function, list(texts)), self._loop)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        if self._in_this_thread:
            _fulfil(future, self._function, list(texts))
        else:
            # A daemon, because a call that hangs must not keep the process from ending.
            threading.Thread(target=_fulfil, args=(future, self._function, list(texts)), daemon=True).start()
        return future

    def _wait(self, waiting: deque[_Call], running: dict[Future[Any], _Call]) -> list[tuple[Future[Any], bool]]:
        """Wait until a call ends or may begin; return the calls that ended, and whether their time was over."""
        moments = [call.deadline for call in running.values()]
        if waiting and len(running) < self._settings.concurrency:
            moments.append(max(min(call.due for call in waiting), self._resume))
        if not moments:
            return []
        until = min(moments) - time.monotonic()
        timeout = None if until == float("inf") else max(until, 0.0)
        if not running:
            time.sleep(timeout or 0.0)
            return []
        done, _ = wait(running, timeout, FIRST_COMPLETED)
        now = time.monotonic()
        late = [future for future, call in running.items() if future not in done and call.deadline <= now]
        for future in late:
            future.cancel()  # which ends a coroutine; a thread goes on, and nobody reads its answer
        return [*((future, False) for future in done), *((future, True) for future in late)]

    def _finish(
        self, future: Future[Any], call: _Call, keep: Callable[[list[str], Any], None], *, is_late: bool
    ) -> BaseException | None:
        """Pass on the result of a call; return the error if it failed."""
        try:
            if is_late:
                raise TimeoutError(f"no answer within {self._settings.time_limit:g} seconds")
            keep(call.texts, future.result())
        except (KeyboardInterrupt, GeneratorExit, ControlFlow):
            raise
        except BaseException as error:  # code of others may raise anything
            return error
        self._successes += 1
        self._is_down = False
        return None

    def _may_repeat(self, call: _Call, error: BaseException) -> bool:
        """Return whether to try a call again, and set the moment for it."""
        if isinstance(error, RobenchError) or not is_network_error(error):
            return False
        request = read_retry_after(error)
        if request is not None and request > LONGEST_PAUSE:
            return False
        if not is_rate_limit(error) or self._successes == call.successes:  # else others take the turns of this one
            call.repeats += 1
        if call.repeats > (0 if self._is_down else self._settings.retries):
            self._is_down = True
            return False
        longest = self._settings.first_pause * 2 ** max(call.repeats - 1, 0)
        pause = min(longest, LONGEST_PAUSE) * random.uniform(0.5, 1) if request is None else request
        call.due = time.monotonic() + pause
        if request is not None:
            self._resume = max(self._resume, call.due)
        return True

    def _explain(self, error: BaseException) -> BaseException:
        request = None if isinstance(error, RobenchError) else read_retry_after(error)
        if request is None or request <= LONGEST_PAUSE:
            return error
        return RunEndError(f"{self._meter.shown} asks to wait {request:,.0f} seconds.{_KEPT}")

    def _raise(self, texts: list[str], error: BaseException) -> None:
        if isinstance(error, RobenchError):
            raise error
        with translate_failures(self._describe(texts), advice=lambda error: _KEPT if is_network_error(error) else ""):
            raise error


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a function, or an object that can be called, is to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


async def _await(function: Callable[[list[str]], Any], texts: list[str]) -> Any:
    return await function(texts)


def _fulfil(future: Future[Any], function: Callable[[list[str]], Any], texts: list[str]) -> None:
    try:
        with torch.no_grad():  # which holds for one thread
            result = function(texts)
    except BaseException as error:  # whoever waits for the future raises it
        future.set_exception(error)
    else:
        future.set_result(result)


def _start_loop(owner: object) -> asyncio.AbstractEventLoop:
    """Start an event loop in a thread of its own, which ends with its owner; a notebook has a loop in the main one."""
    loop = asyncio.new_event_loop()

    def run() -> None:
        torch.set_grad_enabled(False)  # in this thread
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    weakref.finalize(owner, _stop_loop, loop, thread)
    return loop


def _stop_loop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=1)
