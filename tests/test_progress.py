"""What a user is told of a run in any case."""

from __future__ import annotations

import io

import pytest

from robench.console import Console
from robench.progress import PlainReporter, Reporter, RichReporter, SilentReporter


def test_a_silent_reporter_shows_notes_and_warnings_but_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = SilentReporter()
    reporter.say("mr: 5 rows")
    reporter.announce_stage(1, 2, "train")
    with reporter.track("training", "step", total=2) as work:
        work.advance(1)
        reporter.warn("warning: its labels [a] are not the task's")
    assert capsys.readouterr() == ("", "warning: its labels [a] are not the task's\n")


@pytest.mark.parametrize("kind", [PlainReporter, RichReporter])
def test_a_warning_is_shown_once_by_each_reporter(kind: type[PlainReporter] | type[RichReporter]) -> None:
    out = io.StringIO()
    reporter: Reporter = kind(Console(file=out, width=40))
    for text in ("note: a " + "long " * 12 + "one", "note: two", "note: two"):
        reporter.warn(text)
    assert out.getvalue().count("note:") == 2
    assert len(out.getvalue().splitlines()) == 2
