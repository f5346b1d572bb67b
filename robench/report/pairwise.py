"""The comparison of two defenses: which is better, by how much, how certain, and what would tell a given difference."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.escaping import count_noun, escape_line, list_values
from robench.report.comparison_commands import WORST_CASE, ComparisonRequest
from robench.report.comparison_rows import find_rows, read_outcomes
from robench.report.rendering.texts import p_text, points_text
from robench.results.cells import Result
from robench.results.entry_store import open_results
from robench.results.intervals import FEWEST_SEEDS, LEVEL, check_level
from robench.results.labels import column_labels, model_labels
from robench.results.power import MOST_SEEDS, POWER, Plan, find_smallest_difference, plan
from robench.results.sample_reader import SampleReader, Samples
from robench.results.samples import align
from robench.results.selection import Selection
from robench.results.significance import Difference, compare_outcomes
from robench.study.options import runs_options
from robench.study.values import Numbers, as_tuple, read_value


@dataclass(frozen=True, repr=False)
class PairedComparison:
    """Two defenses on one task under one attack, or on clean texts; Python and notebooks show its sentences.

    Attributes:
        first: name of the first defense.
        second: name of the second.
        task: name of the task.
        attack: title of the attack, or the worst of which ones; empty for clean texts.
        found: the difference of the first less the second, its interval and its test.
        smallest: the smallest difference, a share, that these samples and seeds find with a chance of 80 %; None if
            they find none, or with two seeds.
        target: the difference to plan for, a share; None if none is.
        plan: what finds it; None if none is planned, or with two seeds or one sample.
        split: the split that the samples are of.
        is_part: whether clean accuracy was measured on a part of it.
    """

    first: str
    second: str
    task: str
    attack: str
    found: Difference
    smallest: float | None
    target: float | None = None
    plan: Plan | None = None
    split: str = "test"
    is_part: bool = False

    def __repr__(self) -> str:
        """Return all sentences, one a line."""
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the sentences as paragraphs for a notebook."""
        return "\n".join(f"<p>{html.escape(escape_line(sentence))}</p>" for sentence in self.sentences)

    @property
    def sentences(self) -> list[str]:
        """Return who is better and how certain that is, what difference can be found, and what finds the target."""
        return [part for part in (self._verdict(), self._reach(), self._plan()) if part]

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values; differences are in percentage points."""
        found = self.found
        plain: dict[str, Any] = {"first": self.first, "second": self.second, "task": self.task}
        plain |= {"split": self.split, "attack": self.attack or None, "difference": 100 * found.value}
        plain |= {"low": _points(found.low), "high": _points(found.high), "level": found.level, "p": found.p}
        plain |= {"told_apart": found.parted, "covers": "seeds and samples" if found.covers_seeds else "samples"}
        plain |= {"seeds": list(found.seeds), "samples": found.n, "left_out": found.left_out}
        plain["by_seed"] = {seed: 100 * value for seed, value in found.by_seed.items()}
        plain["smallest_difference"] = _points(self.smallest)
        if self.target is not None:
            made = asdict(self.plan) | {"reach": _points(self.plan.reach)} if self.plan else None
            plain |= {"target": 100 * self.target, "plan": made}
        return plain | {"sentences": self.sentences}

    def _verdict(self) -> str:
        found, task = self.found, self.task if self.split == "test" else f"{self.split} rows of {self.task}"
        place = f"on {task} {f'under {self.attack}' if self.attack else '(clean texts)'}"
        out = f" {count_noun(found.left_out, 'sample')} without an outcome of both left out." if found.left_out else ""
        if found.p is None:
            values = list_values(
                f"{points_text(value, signed=True)} with seed {seed}" for seed, value in found.by_seed.items()
            )
            advice = "One sample says too little about others; attack more."
            if len(found.seeds) == 2:
                advice = "Two seeds say too little about others; train a third."
            return (
                f"{self.first} less {self.second} {place}, in points: {values}, over {count_noun(found.n, 'sample')}."
                f" {advice}{out}"
            )
        ahead = found.value >= 0
        winner, loser = (self.first, self.second) if ahead else (self.second, self.first)
        bounds = sorted(bound if ahead else -bound for bound in (found.low or 0.0, found.high or 0.0))
        size = f"{points_text(abs(found.value))} points ({100 * found.level:g} % interval"
        size += f" {' to '.join(map(points_text, bounds))}, {p_text(found.p, found.level)})"
        counted = f"over {count_noun(found.n, 'sample')}"
        if found.covers_seeds:
            counted = f"over {count_noun(len(found.seeds), 'seed')} and {count_noun(found.n, 'sample')}"
        verb = "is better than" if found.parted else "cannot be told from"
        ahead_by = f": it is ahead by {size}" if round(found.value, 12) else f": there is no difference, {size}"
        lead = f"by {size}" if found.parted else ahead_by
        sentence = f"{winner} {verb} {loser} {place} {lead}".replace(" : ", ": ") + f", {counted}."
        if not found.covers_seeds:
            sentence = (
                f"Of these two trained models (seed {found.seeds[0]}), {sentence} Other seeds may say otherwise: the"
                f" test covers samples alone; {FEWEST_SEEDS} seeds or more cover both."
            )
        return sentence + out

    def _reach(self) -> str:
        if self.found.p is None:
            return ""
        seeds = f" and {count_noun(len(self.found.seeds), 'seed')}" if self.found.covers_seeds else ""
        samples, chance = f"{count_noun(self.found.n, 'sample')}{seeds}", f"with a chance of {100 * POWER:g} %"
        if self.smallest is None:
            return f"Too few samples: {samples} find no difference {chance}, however large it is."
        return f"The smallest difference that {samples} find {chance}: {points_text(self.smallest)} points."

    def _plan(self) -> str:
        if self.target is None:
            return ""
        size = "1 point" if self.target == 0.01 else f"{100 * self.target:g} points"
        if self.plan is None:
            known = "two seeds" if len(self.found.seeds) == 2 else "one sample"
            return f"What finds {size} cannot be planned from {known}, whose spread is not known."
        place = f"the {self.split} split"
        return _describe_plan(
            self.plan, self.found, size, f"the part of {place} that --clean-limit took" if self.is_part else place
        )


def compare(
    first: str,
    second: str,
    *,
    task: str,
    attack: str = "",
    encoder: str = "",
    preset: str = "",
    seed: Numbers = (),
    split: str = "test",
    runs: str | Path = "runs",
    level: float = LEVEL,
    difference: float | None = None,
) -> PairedComparison:
    """Compare two defenses on the samples and seeds that both have results of.

    Example:
        Which of two defenses holds better in the runs folder ``runs``:

        >>> import robench
        >>> answer = robench.compare("taichi", "ada", task="mr", attack="pwws", runs=runs)
        >>> answer.sentences[1]
        'The smallest difference that 30 samples find with a chance of 80 %: 25.1 points.'
        >>> round(answer.found.value, 2), answer.found.p, answer.found.covers_seeds
        (0.2, 0.03125, False)

    Args:
        first: name of a defense, or of a model that the user brought, or label of a row, with its changed fields. For a
            defense that is trained once for each attack, ``ada on pwws`` is the model trained against PWWS.
        second: likewise.
        task: name of the task.
        attack: name or title of the attack, or ``worst``: a sample counts only if the model survives all attacks on it;
            without one, accuracy on clean texts is compared.
        encoder: needed if there are comparable results of several encoders.
        preset: likewise.
        seed: one or several seeds; all that both have by default.
        split: ``test``, or ``dev`` if development rows were attacked.
        runs: the runs folder.
        level: of the interval and the test, such as 0.95.
        difference: to plan for, in percentage points.

    Raises:
        RobenchError: an argument is not of its type, there are no such results, or they are of several settings.
    """
    names = {"first": first, "second": second, "task": task, "split": split}
    first, second, task, split = (read_value(name, str, value, MISSING) for name, value in names.items())
    choices = {"attack": attack, "encoder": encoder, "preset": preset}
    attack, encoder, preset = (read_value(name, str, value, "") for name, value in choices.items())
    runs, seeds = read_value("runs", str | Path, runs, MISSING), as_tuple(read_value("seed", Numbers, seed, ()))
    difference = read_value("difference", float | None, difference, None)
    check_level(read_value("level", float, level, MISSING))
    if difference is not None and not 0 < difference <= 100:
        raise RobenchError(
            f"a difference to plan for is above 0 and at most 100 percentage points, not {difference:g}."
        )
    if first == second:
        raise RobenchError(f"{first} is compared with itself; name two defenses.")
    chosen = {"encoders": encoder, "presets": preset}
    named: dict[str, Any] = {key: [value] for key, value in chosen.items() if value}
    selection = Selection(tasks=[task], seeds=seeds, **named)
    options = runs_options(runs)
    request = ComparisonRequest(names=(first, second), selection=selection, attack=attack, split=split, options=options)
    rows = find_rows(open_results(Path(runs)), request)
    reader = SampleReader.of([*rows[0], *rows[1]])
    ours, theirs = read_outcomes(reader, rows, request)
    first_row, second_row = align(ours, theirs)
    found = compare_outcomes(first_row, second_row, level)
    if found is None and _ended_in_errors(ours, theirs):
        raise RobenchError(
            f"{first} and {second} share no sample with an outcome of both: of each that they share, the attack on one"
            " of them ended in an error."
        )
    if found is None:
        raise RobenchError(
            f"{first} (seed {list_values(sorted(ours))}) and {second} (seed {list_values(sorted(theirs))}) share no"
            f" seed and sample.{request.describe_seeds(rows[1], sorted(set(ours) - set(theirs)))}"
        )
    target = None if difference is None else difference / 100
    whole = rows[0][0].info.clean.n
    return PairedComparison(
        _name_model(rows[0], first, attack),
        _name_model(rows[1], second, attack),
        task,
        _describe_attack(rows[0], attack),
        found,
        find_smallest_difference(found),
        target,
        plan(found, target, whole) if target else None,
        split,
        rows[0][0].info.clean_limit is not None,
    )


def _ended_in_errors(first: Mapping[int, Samples], second: Mapping[int, Samples]) -> bool:
    """Return whether two rows share samples of a seed, but none with a known outcome of both."""
    pairs = [
        (outcome, second[seed][sample])
        for seed in first.keys() & second.keys()
        for sample, outcome in first[seed].items()
        if sample in second[seed]
    ]
    return bool(pairs) and all(None in pair for pair in pairs)


def _name_model(row: Sequence[Result], name: str, attack: str) -> str:
    """Return the name of a row; of one model under several attacks, with that which it was trained against."""
    return model_labels(row)[row[0].row].text if attack == WORST_CASE else name


def _describe_attack(row: Sequence[Result], attack: str) -> str:
    labels = sorted(label.text for label in column_labels(row).values())
    return f"the worst of {list_values(labels)}" if attack == WORST_CASE else labels[0] if attack else ""


def _describe_plan(made: Plan, found: Difference, size: str, place: str) -> str:
    """Return what finds a difference, or that nothing does."""
    split = count_noun(made.split, "sample")
    if not found.covers_seeds:
        if made.samples is None:
            return (
                f"{place.capitalize()} is too small for {size} even between two trained models: all its {split} find"
                f" {_describe_reach(made)}."
            )
        return (
            f"A difference of {size} between two trained models takes {count_noun(made.samples, 'sample')} of the"
            f" {made.split:,} of {place}; how many seeds it takes between defenses, only {FEWEST_SEEDS}"
            " seeds or more can tell."
        )
    if made.fewest is None:
        return (
            f"{place.capitalize()} is too small for {size}: all its {split} and {MOST_SEEDS} seeds find"
            f" {_describe_reach(made)}."
        )
    ways = []
    if made.samples is not None:
        ways.append(f"by {count_noun(made.samples, 'sample')} with {count_noun(len(found.seeds), 'seed')}")
    if made.seeds is not None:
        ways.append(f"by {count_noun(made.seeds, 'seed')} with {count_noun(found.n, 'sample')}")
    seeds, samples = made.fewest
    if made.fewest not in ((len(found.seeds), made.samples), (made.seeds, found.n)):
        ways.append(f"with the least work by {count_noun(seeds, 'seed')} with {count_noun(samples, 'sample')}")
    rough = f" The spread of {len(found.seeds)} seeds is a rough guess." if len(found.seeds) < 2 * FEWEST_SEEDS else ""
    return f"A difference of {size} is found with a chance of {100 * POWER:g} % {'; '.join(ways)}.{rough}"


def _describe_reach(made: Plan) -> str:
    return "no difference" if made.reach is None else points_text(made.reach)


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share
