"""``python -m uncertainty``: simulate studies, and print how often intervals and tests are right, as Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product

from uncertainty.measures import (
    measure_coverage,
    measure_difference,
    measure_one_seed,
    measure_pooling,
    measure_tests,
)
from uncertainty.studies import Design

EFFECTS = {"none": 0.0, "small": 0.05, "large": 0.2}
COUNTS = tuple(product((3, 5), (100, 500)))
LOWEST, HIGHEST = 0.93, 0.06


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the tables; exit with 1 if an interval covers too little or a test claims too much."""
    parser = argparse.ArgumentParser(prog="python -m uncertainty", description=__doc__)
    parser.add_argument("--studies", type=int, default=5000, help="of each kind")
    parser.add_argument("--seed", type=int, default=21, help="decides every study")
    options = parser.parse_args()
    studies, seed, faults, lines = options.studies, options.seed, list[str](), list[str]()

    rows: list[list[object]] = []
    counts = (*COUNTS, (10, 100))
    for (effect, size), (seeds, n), accuracy in product(EFFECTS.items(), counts, (0.05, 0.5, 0.9, 0.98)):
        found = measure_coverage(Design(size, n, seeds, (accuracy,)), studies, seed)
        rows.append([effect, seeds, n, f"{100 * accuracy:g}", *map(percent, found[:2]), f"{found.width:.1f}"])
        faults += [f"interval: {rows[-1]}"] if found.used < LOWEST else []
    lines += ["Intervals over seeds and samples: the percentage that contain the true accuracy.", ""]
    lines += table(["seed effects", "seeds", "samples", "accuracy", "covered", "without Wilson's form", "width"], rows)

    rows = []
    for effect, size in EFFECTS.items():
        for n in (100, 500):
            one = measure_one_seed(Design(size, n, 2), studies, seed)
            rows.append([effect, n, *map(percent, one)])
            faults += [f"Wilson: {rows[-1]}"] if one.same < LOWEST else []
    lines += [
        "",
        "Wilson's interval of one seed, accuracy 50: the percentage that contain this model's, and a new seed's.",
        "",
    ]
    lines += table(["seed effects", "samples", "of this model", "of a new seed"], rows)

    rows = []
    for (effect, size), (seeds, n), accuracy in product(EFFECTS.items(), COUNTS, (0.05, 0.5, 0.98)):
        tests = measure_tests(Design(size, n, seeds, (accuracy,) * 9), studies, seed)
        other = accuracy + 0.1 if accuracy < 0.9 else accuracy - 0.1
        held = measure_difference(Design(size, n, seeds, (other, accuracy)), studies, seed)
        rows.append([effect, seeds, n, f"{100 * accuracy:g}", *map(percent, (*tests, held))])
        faults += [f"tests: {rows[-1]}"] if max(tests[:2]) > HIGHEST or held < LOWEST else []
    lines += [
        "",
        "Nine equal defenses, one of them against the others: wrong claims, in %. The last column is the percentage of",
        "intervals that contain a real difference of 10 points.",
        "",
    ]
    heads = ["seed effects", "seeds", "samples", "accuracy", "pairs", "families (Holm)", "one seed: pairs"]
    lines += table([*heads, "one seed: families", "difference covered"], rows)

    rows = []
    mixtures = {"all small": ("small",) * 8, "seven small, one large": ("small",) * 7 + ("large",)}
    for (name, effects), (seeds, n) in product(mixtures.items(), COUNTS):
        designs = [Design(EFFECTS[effect], n, seeds, own=0.15, shared=0.6) for effect in effects]
        apart, pooled, ratio = measure_pooling(designs, studies, seed)
        rows.append([name, seeds, n, percent(apart), percent(pooled), f"{ratio:.2f}"])
    lines += [
        "",
        "Eight rows whose seed variances are pooled unless Bartlett's test tells them apart at 5 % (robench does",
        "not do this): how often the row with the lowest share is covered.",
        "",
    ]
    lines += table(["seed effects", "seeds", "samples", "not pooled", "pooled", "width, pooled / not"], rows)

    sys.stdout.write("\n".join([*lines, ""]))
    if faults:
        sys.exit("\n".join(["", f"below {percent(LOWEST)} % covered or above {percent(HIGHEST)} % claimed:", *faults]))


if __name__ == "__main__":
    main()
