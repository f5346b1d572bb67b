"""Reporters that stand between a stage and the one that shows the progress."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from robench.progress import SilentReporter, Work
from robench.study.reporters import ForwardingWork, LabelledReporter


class Listener(SilentReporter):
    """A reporter, and a piece of work, that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told = list[tuple[object, ...]]()

    def say(self, text: str) -> None:
        self.told.append(("say", text))

    def warn(self, text: str) -> None:
        self.told.append(("warn", text))

    def announce_stage(self, number: int, count: int, label: str) -> None:
        self.told.append(("announce", number, count, label))

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        self.told.append(("track", title, unit, total, done))
        yield self

    def set_progress(self, done: int, total: int) -> None:
        self.told.append(("set", done, total))

    def advance(self, count: int, outcome: str = "") -> None:
        self.told.append(("advance", count, outcome))


def test_a_labelled_reporter_names_the_stage_in_lines_and_works_and_passes_all_else_on() -> None:
    listener = Listener()
    reporter = LabelledReporter(listener, "train base")
    reporter.say("    it continues")
    reporter.warn("note: it is slow")
    reporter.announce_stage(2, 3, "train base")
    with reporter.track("training", "step", 10, 4) as work:
        work.set_progress(5, 10)
    assert listener.told == [
        ("say", "    train base: it continues"),
        ("warn", "note: it is slow"),
        ("announce", 2, 3, "train base"),
        ("track", "train base: training", "step", 10, 4),
        ("set", 5, 10),
    ]


def test_a_forwarding_work_says_what_each_report_adds_whichever_way_it_is_told() -> None:
    listener, added = Listener(), list[int]()
    work = ForwardingWork(listener, 4, lambda count, seconds: added.append(count))
    work.set_progress(6, 10)
    work.advance(3, "success")
    work.set_progress(10, 10)
    assert added == [2, 3, 1]
    assert listener.told == [("set", 6, 10), ("advance", 3, "success"), ("set", 10, 10)]
