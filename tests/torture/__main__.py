"""``python -m torture``: try all inputs for a seed, or some of them again."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

os.environ.setdefault("OMP_NUM_THREADS", "1")

from robench.escaping import escape_terminal
from robench.paths import cache_dir
from torture.case import Numbered, number_cases
from torture.verdict import RIGHT, Kind, Verdict


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=18, help="decides every input")
    parser.add_argument("--scale", type=float, default=1, help="how many times as many inputs of each kind")
    parser.add_argument("--only", nargs="+", default=[], metavar="KIND[:NUMBER]", help="only these")
    parser.add_argument("--processes", type=int, default=2, help="how many are tried at the same time")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the folders of what went wrong there")
    parser.add_argument("--show", action="store_true", help="show what each input made robench write")
    parser.add_argument("--list", action="store_true", help="name the inputs, and try none")
    return parser.parse_args(words)


def main() -> None:
    """Try the inputs, print the counts, list what went wrong, and exit with 1 if anything did."""
    options = parse(sys.argv[1:])
    cases = number_cases(options.seed, options.scale, options.only)
    if options.list:
        for numbered in cases:
            say(f"{numbered}  {numbered.case.name!a}")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = options.keep or Path(temporary)
        os.environ["ROBENCH_CACHE"] = str(cache_dir())  # which no longer depends on the home folder
        os.environ.update(HF_HOME=str(folder / "hub"), MPLCONFIGDIR=str(folder / "matplotlib"))
        found = try_cases(cases, folder, options)
    report(found, options)
    raise SystemExit(any(verdict.kind not in RIGHT for _, verdict in found))


def try_cases(cases: list[Numbered], folder: Path, options: argparse.Namespace) -> list[tuple[Numbered, Verdict]]:
    """Try the inputs, and tell how far that is."""
    from torture.process import import_everything, make_workshop_elsewhere, try_all

    began = time.monotonic()
    import_everything()
    make_workshop_elsewhere(folder / "workshop")
    found = []
    trials = folder / "trials"
    for numbered, verdict in try_all(
        cases, folder / "workshop", trials, processes=options.processes, keep=bool(options.keep)
    ):
        found.append((numbered, verdict))
        if options.show:
            say(f"--- {numbered} {numbered.case.name!a}: {verdict.kind}, {verdict.seconds:.1f} s")
            say(escape_terminal(verdict.shown, keep="\n"))
        elif len(found) % 50 == 0 or verdict.kind not in RIGHT:
            wrong = f"; {numbered}, {verdict.kind}: {verdict.reason!a:.120}" if verdict.kind not in RIGHT else ""
            say(f"{len(found)} of {len(cases)} in {time.monotonic() - began:.0f} s{wrong}", to=sys.stderr)
    return found


def report(found: list[tuple[Numbered, Verdict]], options: argparse.Namespace) -> None:
    """Print what went wrong, each with the command that tries it again, and the counts."""
    wrong = [(numbered, verdict) for numbered, verdict in found if verdict.kind not in RIGHT]
    for numbered, verdict in sorted(wrong, key=lambda one: (one[1].kind, one[1].line, str(one[0]))):
        say(f"\n{verdict.kind}: {numbered.case.name!a:.200}\n  {verdict.reason!a:.1500}")
        if verdict.line:
            say(f"  at {verdict.line}")
        say(f"  again: make torture SEED={options.seed} ONLY={numbered}")
    counts = Counter(verdict.kind for _, verdict in found)
    say(f"\ntried {len(found)} (seed {options.seed})")
    for kind in (Kind.SENTENCE, Kind.ACCEPTED, Kind.TRACEBACK, Kind.HANG, Kind.CODE_RUN, Kind.FAULT):
        say(f"{kind} {counts[kind]}")


def say(text: str, to: TextIO | None = None) -> None:
    """Print."""
    print(text, file=to or sys.stdout, flush=True)


if __name__ == "__main__":
    main()
