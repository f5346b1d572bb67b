"""The instrument of ``make torture`` notices what it is made for, planted here."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from robench.errors import RobenchError
from torture.case import Case, Numbered, Place, Step, number_cases
from torture.process import try_all
from torture.strings import Bomb, payload
from torture.verdict import Kind, Verdict


def refuse(place: Place) -> None:
    raise RobenchError("the input is not usable: give another one.")


def fail(place: Place) -> None:
    raise KeyError("x")


def say_escape(place: Place) -> None:
    sys.stdout.write("\x1b[2J")


def say_much(place: Place) -> None:
    sys.stderr.write(f"robench: {'x' * 3000}.\n")
    raise SystemExit(2)


def change_outside(place: Place) -> None:
    (place.outside / "notes.txt").write_text("", encoding="utf-8")


def leave_draft(place: Place) -> None:
    (place.work / "runs" / "cells" / ".draft-0123456789abcdef.x").mkdir(parents=True)


def unpickle(place: Place) -> None:
    pickle.loads(pickle.dumps(Bomb(place.canary)))


def import_payload(place: Place) -> None:
    (place.work / "hostile.py").write_text("", encoding="utf-8")
    sys.path.insert(0, str(place.work))
    __import__("hostile")


def ask_network(place: Place) -> None:
    try:
        socket.create_connection(("192.0.2.1", 80))
    except OSError:
        raise RobenchError("there is no network.") from None


PLANTED: dict[str, tuple[Step, Kind, str]] = {
    "a sentence": (refuse, Kind.SENTENCE, ""),
    "a sentence of the command line": (("table", "5", "--runs", "nowhere"), Kind.SENTENCE, ""),
    "a wrong option": (("table", "--nothing"), Kind.SENTENCE, ""),
    "nothing": (lambda place: None, Kind.ACCEPTED, ""),
    "help": (("--help",), Kind.ACCEPTED, ""),
    "a traceback": (fail, Kind.TRACEBACK, "KeyError: 'x'"),
    "an exit": (lambda place: sys.exit(3), Kind.TRACEBACK, "exit code 3"),
    "a crash": (lambda place: os.kill(os.getpid(), signal.SIGKILL), Kind.TRACEBACK, "exit code -9"),
    "no memory": (lambda place: bytearray(1 << 40), Kind.TRACEBACK, "MemoryError"),
    "a hang": (lambda place: time.sleep(60), Kind.HANG, "stopped after 1 s"),
    "an input that is read": (lambda place: input(), Kind.TRACEBACK, "EOFError"),
    "a payload": (lambda place: exec(payload(place.canary)), Kind.CODE_RUN, "os.system"),
    "a payload of its own": (lambda place: place.canary.touch(), Kind.CODE_RUN, "made its file"),
    "a pickle": (unpickle, Kind.CODE_RUN, "unpickles posix.system"),
    "a module": (import_payload, Kind.CODE_RUN, "imports hostile"),
    "the network": (ask_network, Kind.CODE_RUN, "socket"),
    "an escape": (say_escape, Kind.FAULT, "raw U+001B in stdout"),
    "a long sentence": (say_much, Kind.FAULT, "a sentence of 3,00"),
    "no word": (lambda place: sys.exit(2), Kind.FAULT, "without a word"),
    "a changed file": (change_outside, Kind.FAULT, "notes.txt of somebody else is changed"),
    "a draft": (leave_draft, Kind.FAULT, "is left behind"),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    folder = tmp_path_factory.mktemp("torture")
    (folder / "workshop").mkdir()
    cases = [
        Numbered("planted", number, Case(name=name, steps=[step], seconds=1 if name == "a hang" else 60))
        for number, (name, (step, _, _)) in enumerate(PLANTED.items())
    ]
    return {numbered.case.name: verdict for numbered, verdict in try_all(cases, folder / "workshop", folder / "trials")}


@pytest.mark.parametrize("name", PLANTED)
def test_verdict_on_planted_input_is_right(verdicts: dict[str, Verdict], name: str) -> None:
    _, kind, reason = PLANTED[name]
    assert (verdicts[name].kind, reason in verdicts[name].reason) == (kind, True), verdicts[name]


def test_verdict_on_trusted_code_is_no_alarm(tmp_path: Path) -> None:
    (tmp_path / "workshop").mkdir()
    case = Case(name="trusted", steps=[lambda place: exec(payload(place.canary))], trusted=True)
    ((_, verdict),) = try_all([Numbered("planted", 0, case)], tmp_path / "workshop", tmp_path / "trials")
    assert verdict.kind == Kind.ACCEPTED, verdict


def names(cases: Sequence[Numbered]) -> list[tuple[str, str]]:
    return [(str(numbered), numbered.case.name) for numbered in cases]


def test_cases_of_a_seed_are_many_and_found_again_alone() -> None:
    cases = names(number_cases(3))
    assert len(cases) >= 500 and cases == names(number_cases(3)) != names(number_cases(4))
    alone = [cases[number] for number in (0, 100, len(cases) - 1)]
    assert alone == names(number_cases(3, only=[where for where, _ in alone]))
