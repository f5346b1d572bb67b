"""What came of an input."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from torture.case import Case, Place

LONGEST = 2_500
"""Characters of the longest sentence."""
_FRAME = re.compile(r'^ *File "([^"]*)", line \d+', re.MULTILINE)
_DRAFT = re.compile(r"\.(?!aside$).+")


class Kind(StrEnum):
    """The kinds of verdicts; the first that fits stands."""

    CODE_RUN = "code run"
    HANG = "hangs"
    TRACEBACK = "tracebacks"
    FAULT = "other faults"
    SENTENCE = "sentences"
    ACCEPTED = "accepted"


RIGHT = (Kind.SENTENCE, Kind.ACCEPTED)


@dataclass(frozen=True)
class Verdict:
    """What came of an input.

    Attributes:
        kind: of the verdict.
        reason: what is wrong.
        line: the line of robench at which it went wrong, if that is known.
        shown: the end of what the process wrote.
        seconds: how long it took.
    """

    kind: Kind
    reason: str = ""
    line: str = ""
    shown: str = ""
    seconds: float = 0


def judge(case: Case, place: Place, code: int | None, seconds: float) -> Verdict:
    """Judge what came of an input.

    Args:
        case: the input.
        place: its folders.
        code: the exit code of its process; minus the signal that ended it; None if it had to be stopped.
        seconds: how long it took.
    """
    told = _read_report(place)
    out, err = (_read(place.root / name) for name in ("out", "err"))
    kind, reason = _classify(case, place, code, told, out, err)
    line = next((one["line"] for one in reversed(told) if "line" in one), "")
    shown = "\n".join(text for text in (out[-3000:], err[-6000:]) if text.strip())
    return Verdict(kind, reason, line, shown, seconds)


def _classify(
    case: Case, place: Place, code: int | None, told: list[dict[str, Any]], out: str, err: str
) -> tuple[Kind, str]:
    if alarms := [one["alarm"] for one in told if "alarm" in one]:
        return Kind.CODE_RUN, alarms[0]
    if place.canary.exists() and not case.trusted:
        return Kind.CODE_RUN, "a payload made its file"
    if broken := [one["broken"] for one in told if "broken" in one]:
        return Kind.FAULT, f"the input cannot be tried: {broken[0]}"
    if code is None:
        return Kind.HANG, f"stopped after {case.seconds:.0f} s"
    if errors := [one["error"] for one in told if "error" in one]:
        return Kind.TRACEBACK, errors[0]
    if code < 0 or code not in (0, 2, *case.codes):
        return Kind.TRACEBACK, f"exit code {code}"
    if frames := _foreign_frames(place, out + err):
        return Kind.TRACEBACK, f"shows {frames[0]}"
    if reason := _find_fault(place, code, out, err):
        return Kind.FAULT, reason
    return (Kind.SENTENCE, "") if code else (Kind.ACCEPTED, "")


def _read(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogateescape") if file.exists() else ""


def _read_report(place: Place) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _read(place.root / "report.jsonl").splitlines()]


def _foreign_frames(place: Place, text: str) -> list[str]:
    """Return the lines of a traceback that are not in files of the input."""
    work = str(place.work)
    frames = [found[0].strip() for found in _FRAME.finditer(text) if not found[1].startswith((work, "<"))]
    return frames or ["Traceback"] * ("Traceback (most recent call last)" in text and not _FRAME.search(text))


def _find_fault(place: Place, code: int, out: str, err: str) -> str:
    """Return what is wrong with output and files; empty if nothing is."""
    for name, text in (("stdout", out), ("stderr", err)):
        if found := sorted({character for character in text if not _is_harmless(character)}):
            return f"raw {', '.join(f'U+{ord(one):04X}' for one in found)} in {name}"
    if code:
        _, marked, sentence = f"\n{err}".rpartition("\nrobench: ")
        if not (sentence if marked else err + out).strip():
            return f"exit code {code} without a word"
        if marked and len(sentence) > LONGEST:
            return f"a sentence of {len(sentence):,} characters"
    return _find_changes(place)


def _is_harmless(character: str) -> bool:
    return character in "\n\t" or character.isprintable() or unicodedata.category(character) == "Zs"


def _find_changes(place: Place) -> str:
    """Return what the input changed outside the runs folder, or left half-written in it; empty if nothing."""
    for file in ("records.jsonl", "stage.json", "notes.txt"):
        if _read(place.outside / file) != f"{file} of somebody else\n" * 9:
            return f"{file} of somebody else is changed"
    if more := {path.name for path in place.outside.iterdir()} - {"records.jsonl", "stage.json", "notes.txt"}:
        return f"{', '.join(sorted(more))} is new among the files of somebody else"
    before = set(json.loads(_read(place.root / "before.json")))
    for path in sorted(place.work.glob("runs/*/*")):
        name = str(path.relative_to(place.work))
        if name in before or path.parts[-2] == ".aside":
            continue
        if _DRAFT.fullmatch(path.name):
            return f"{name} is left behind"
        # Finished records are kept in a stage that was interrupted; anything else in it is half-written.
        if path.is_dir() and not (path / "stage.json").exists() and not _read(path / "records.jsonl"):
            return f"{name} is half-written"
    return ""
