"""``python -m torture``: try all inputs for a seed, or some of them again, and kill runs at random moments."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TextIO

os.environ.setdefault("OMP_NUM_THREADS", "1")

from robench.escaping import escape_terminal
from robench.paths import cache_dir
from torture.case import Numbered, number_cases
from torture.kills import KINDS, kill_at_moments, prepare
from torture.survival import Tally
from torture.verdict import RIGHT, Kind, Verdict


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=18, help="decides every input")
    parser.add_argument("--kills", type=int, default=50, help="at how many moments to kill coordinators, and workers")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="KIND[:NUMBER]", help=f"only these; of kills, {', '.join(KINDS)}"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the folders of what went wrong there")
    parser.add_argument("--show", action="store_true", help="show what each input made robench write")
    return parser.parse_args(words)


def main() -> None:
    """Try the inputs and kills, print the counts, list what went wrong, and exit with 1 if anything did."""
    options = parse(sys.argv[1:])
    kills = [kind for kind in KINDS if kind in options.only or not options.only]
    inputs = [name for name in options.only if name not in KINDS]
    cases = number_cases(options.seed, inputs) if inputs or not options.only else []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = options.keep or Path(temporary)
        os.environ["ROBENCH_CACHE"] = str(cache_dir())  # which no longer depends on the home folder
        os.environ.update(HF_HOME=str(folder / "hub"), MPLCONFIGDIR=str(folder / "matplotlib"))
        found = try_cases(cases, folder, options) if cases else []
        tallies = kill_runs(kills, folder, options) if options.kills else {}
    if cases:
        report(found, options)
    if tallies:
        report_kills(tallies, options)
    faults = any(tally.faults for tally in tallies.values())
    raise SystemExit(faults or any(verdict.kind not in RIGHT for _, verdict in found))


def try_cases(cases: list[Numbered], folder: Path, options: argparse.Namespace) -> list[tuple[Numbered, Verdict]]:
    """Try the inputs, and tell how far that is."""
    from torture.process import import_everything, make_workshop_elsewhere, try_all

    began = time.monotonic()
    import_everything()
    make_workshop_elsewhere(folder / "workshop")
    found = []
    trials = folder / "trials"
    for numbered, verdict in try_all(cases, folder / "workshop", trials, keep=bool(options.keep)):
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


def kill_runs(kinds: list[str], folder: Path, options: argparse.Namespace) -> dict[str, Tally]:
    """Kill runs at random moments, and tell how far that is."""
    from support.processes import Processes

    place = folder / "kills"
    place.mkdir(parents=True)
    processes = Processes(place)
    try:
        ground = prepare(place, processes)
        say(f"a run to kill takes {ground.seconds:.0f} s with two jobs", to=sys.stderr)
        kill = partial(kill_at_moments, ground=ground, folder=place, seed=options.seed, moments=options.kills)
        return {kind: kill(kind, keep=bool(options.keep), tell=partial(say, to=sys.stderr)) for kind in kinds}
    finally:
        processes.stop()


def report_kills(tallies: dict[str, Tally], options: argparse.Namespace) -> None:
    """Print what went wrong after kills, and the counts."""
    for kind, tally in tallies.items():
        for fault in tally.faults:
            say(f"\nafter a kill ({kind}): {fault!a:.3000}")
        if tally.faults:
            say(f"  again: make torture SEED={options.seed} ONLY={kind}")
    every = tallies.values()
    say(f"\nmoments killed {sum(tally.moments for tally in every)} (seed {options.seed}; {_count_moments(tallies)})")
    say(f"faults survived {sum(tally.survived for tally in every)}")
    say(f"records lost {sum(tally.lost_records for tally in every)}")
    say(f"weights that differ {sum(tally.different_weights for tally in every)}")
    say(f"finished work done again {sum(tally.repeated for tally in every)}")


def _count_moments(tallies: dict[str, Tally]) -> str:
    return ", ".join(f"{kind} {tally.moments}" for kind, tally in tallies.items())


def say(text: str, to: TextIO | None = None) -> None:
    """Print."""
    print(text, file=to or sys.stdout, flush=True)


if __name__ == "__main__":
    main()
