"""What a user is told of a run: notes in any case, and how long the rest takes."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from robench.bars import NotebookBars, RichReporter, choose_reporter
from robench.console import Console
from robench.progress import PlainReporter, Reporter, SilentReporter
from robench.run_line import RunLine, describe_seconds_left


def test_a_silent_reporter_shows_notes_and_warnings_but_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = SilentReporter()
    reporter.say("mr: 5 rows")
    reporter.announce_stage(1, 2, "train")
    with reporter.track("training", "step", total=2) as work:
        work.advance(1)
        reporter.warn("warning: its labels [a] are not the task's")
    assert capsys.readouterr() == ("", "warning: its labels [a] are not the task's\n")


@pytest.mark.parametrize("kind", [PlainReporter, RichReporter])
def test_track_of_work_that_failed_before_its_first_unit_says_nothing(
    kind: type[PlainReporter] | type[RichReporter],
) -> None:
    out = io.StringIO()
    reporter: Reporter = kind(Console(file=out, width=80))
    with reporter.track("training", "step", total=9, done=4):
        pass
    with reporter.track("attacking", "text", total=0):
        pass
    assert "training" not in out.getvalue() and "attacking: 0 texts" in out.getvalue()


@pytest.mark.parametrize("kind", [PlainReporter, RichReporter])
def test_a_warning_is_shown_once_by_each_reporter(kind: type[PlainReporter] | type[RichReporter]) -> None:
    out = io.StringIO()
    reporter: Reporter = kind(Console(file=out, width=40))
    for text in ("note: a " + "long " * 12 + "one", "note: two", "note: two"):
        reporter.warn(text)
    assert out.getvalue().count("note:") == 2
    assert len(out.getvalue().splitlines()) == 2


@pytest.mark.parametrize("kind", [PlainReporter, RichReporter])
def test_emoji_codes_and_markup_are_shown_as_they_are(kind: type[PlainReporter] | type[RichReporter]) -> None:
    out, text = io.StringIO(), "texts to send to scorer:one :fire: [bold]x[/bold] [/]"
    reporter: Reporter = kind(Console(file=out, width=100))
    reporter.say(text)
    reporter.warn(text)
    reporter.announce_stage(1, 2, text)
    table = Table("head")
    table.add_row(text)
    Console(file=out, width=100).print(table)
    assert out.getvalue().count(text) == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "a few seconds left"),
        (9, "a few seconds left"),
        (37, "about 40 s left"),
        (54, "about 50 s left"),
        (55, "about 1 min left"),
        (250, "about 4 min left"),
        (3560, "about 59 min left"),
        (3600, "about 1 h 00 min left"),
        (7800, "about 2 h 10 min left"),
        (200_000, "about 56 h left"),
    ],
)
def test_time_left_is_no_more_precise_than_an_estimate_is(seconds: float, text: str) -> None:
    assert describe_seconds_left(seconds) == text


def test_the_time_left_runs_down_between_two_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("robench.run_line.time.monotonic", lambda: now[0])
    line = RunLine(13)
    assert line.text == "run: 0 of 13 stages, time left not known yet"
    line.update(7, 240.0)
    assert line.text == "run: 7 of 13 stages, about 4 min left"
    now[0] += 130
    assert line.text == "run: 7 of 13 stages, about 2 min left"


def test_a_log_gets_a_line_about_the_run_when_a_stage_is_finished_and_at_the_end() -> None:
    out = io.StringIO()
    reporter = PlainReporter(Console(file=out, width=80))
    with reporter.track_run(3) as run:
        for done, left in ((0, 500.0), (0, 400.0), (1, 250.0), (1, 240.0), (2, 30.0), (3, 0.0)):
            run.update(done, left)
    assert out.getvalue().splitlines() == [
        "run: 1 of 3 stages, about 4 min left",
        "run: 2 of 3 stages, about 30 s left",
        "run: 3 stages in 0 s",
    ]


@pytest.mark.parametrize("kind", [PlainReporter, RichReporter])
def test_the_last_line_about_a_run_of_which_a_stage_failed_says_how_many_were_made(
    kind: type[PlainReporter] | type[RichReporter],
) -> None:
    out = io.StringIO()
    reporter: Reporter = kind(Console(file=out, width=80))
    with reporter.track_run(3) as run:
        run.update(0, 500.0)
        run.update(0, 300.0)  # one failed, and was dropped
        run.update(1, 250.0)
        run.update(2, 0.0)
    lines = [line.strip() for line in out.getvalue().splitlines() if line.strip()]
    assert lines[-1] == "run: 2 of 3 stages in 0 s"
    assert lines[:-1] == (["run: 1 of 3 stages, about 4 min left"] if kind is PlainReporter else [])


def test_a_log_of_one_stage_gets_no_line_about_the_run() -> None:
    out = io.StringIO()
    with PlainReporter(Console(file=out)).track_run(1) as run:
        run.update(0, 20.0)
        run.update(1, 0.0)
    assert out.getvalue() == ""


def test_a_notebook_gets_bars_that_need_no_widgets() -> None:
    reporter = choose_reporter(Console(force_jupyter=True))
    assert isinstance(reporter, RichReporter) and reporter._kind is NotebookBars
    bars = NotebookBars(console=reporter.console)
    bars.run = RunLine(13)
    bars.add_task("training <b>", total=10, completed=5)
    drawn = bars.to_html()
    assert drawn.startswith("<pre") and "training &lt;b&gt;" in drawn and "━" in drawn
    assert "run: 0 of 13 stages, time left not known yet" in drawn


def test_a_terminal_shows_the_run_below_the_bars_all_the_time() -> None:
    out = io.StringIO()
    reporter = RichReporter(Console(file=out, force_terminal=True, width=100))
    with reporter.track_run(13) as run:
        run.update(7, 250.0)
        with reporter.track("train base: training", "step", total=10) as work:
            work.set_progress(5, 10)
            first = show(reporter)
        run.update(8, None)
        second = show(reporter)
        run.update(13, 0.0)
    assert first[0].startswith("  train base: training ━") and "5/10" in first[0]
    assert first[1:] == ["  run: 7 of 13 stages, about 4 min left"]
    assert second == ["  run: 8 of 13 stages, time left not known yet"]
    assert reporter._progress is None and out.getvalue().endswith("run: 13 stages in 0 s\x1b[0m\n")


def show(reporter: RichReporter) -> list[str]:
    """What the terminal shows at the moment."""
    bars = reporter._progress
    assert bars is not None
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(bars.get_renderable())
    return [line.rstrip() for line in console.export_text().splitlines() if line.strip()]
