"""The life of a process in which one input is tried."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

from torture.case import Case, Place, Step
from torture.watch import find_imported, watch

MEMORY = 4 * 1024**3
"""Bytes that a process may take beyond what it has when it begins."""
FILE = 1024**3
"""Bytes of the largest file that a process may write."""
REPOSITORY = Path(__file__).parents[2]
OURS = tuple(f"{REPOSITORY}/{room}/" for room in ("robench", "attacks", "defenses", "tasks"))
CRASH = 70
"""The exit code of a process that ends in a traceback."""


class Report:
    """What a process tells of itself, a line of JSON each, to a file that survives it."""

    def __init__(self, place: Place) -> None:
        self._file = os.open(place.root / "report.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def tell(self, **values: Any) -> None:
        """Add a line."""
        os.write(self._file, json.dumps(values).encode() + b"\n")


def try_case(case: Case, place: Place) -> NoReturn:
    """Try an input in this process, which a fork has just made, and end it."""
    code, report, modules = CRASH, Report(place), set(sys.modules)
    try:
        os.setsid()
        os.chdir(place.work)
        case.spoil(place)
        (place.root / "before.json").write_text(json.dumps(sorted(map(str, _stages(place)))), encoding="utf-8")
        report.tell(spoilt=True)
        _redirect(case, place)
        _limit(case)
        if not case.trusted:
            watch(place, lambda what: report.tell(alarm=what))
        for step in case.steps:
            code = _take(step, place, report)
            report.tell(code=code)
            if code:
                break
        if not case.trusted and (imported := find_imported(place, modules)):
            report.tell(alarm=f"imports {', '.join(imported)}")
    except BaseException as error:
        report.tell(broken=traceback.format_exc()[-2000:], line=_find_line(error))
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        os._exit(code)


def _stages(place: Place) -> list[Path]:
    return [path.relative_to(place.work) for path in place.work.glob("runs/*/*")]


def _redirect(case: Case, place: Place) -> None:
    """Give the process streams of its own: output to files, input from a terminal or from nowhere."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(place.root / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    if case.typed:
        keyboard, terminal = pty.openpty()
        os.dup2(terminal, 0)
        os.write(keyboard, case.typed)
    else:
        reader, writer = os.pipe()
        os.dup2(reader, 0)
        os.close(writer)
    # Not those of the process that was forked, which may be a test's.
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False) for number in (1, 2)
    )
    home = place.root / "home"
    home.mkdir()
    tempfile.tempdir = str(home)
    for name in ("ROBENCH_DATA", "ROBENCH_RUNS", "PYTHONPATH"):
        os.environ.pop(name, None)
    os.environ.update(HOME=str(home), TMPDIR=str(home), COLUMNS="200", NO_COLOR="1")


def _limit(case: Case) -> None:
    """Limit memory, time and files, so that an input harms its own process alone."""
    used = 1024 * int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0])
    for name, most in (
        (resource.RLIMIT_DATA, used + MEMORY),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CPU, int(case.seconds) + 5),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGXFSZ else signal.SIG_IGN)


def _take(step: Step, place: Place, report: Report) -> int:
    """Take one step, and return its exit code."""
    from robench.errors import RobenchError

    try:
        if callable(step):
            try:
                step(place)
            except RobenchError as error:
                sys.stderr.write(f"robench: {error}\n")
                return 2
            return 0
        from robench import cli

        sys.argv = ["robench", *step]
        cli.main()
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.stderr.write("".join(traceback.format_exception(error)))
        report.tell(error=f"{type(error).__name__}: {_message(error)}"[:300], line=_find_line(error))
        return CRASH


def _message(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except BaseException:
        return "(its message fails)"


def _find_line(error: BaseException) -> str:
    """Return the innermost line of robench at which an error arose, and the innermost of all."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [f"{Path(file).relative_to(REPOSITORY)}:{line}" for file, line in frames if file.startswith(OURS)]
    theirs = [f"{Path(file).parent.name}/{Path(file).name}:{line}" for file, line in frames[-1:]]
    return " < ".join(dict.fromkeys([*theirs, *ours[-1:]]))
