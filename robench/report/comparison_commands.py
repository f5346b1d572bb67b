"""The commands that make what a comparison of two defenses lacks, for its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from robench.plugins import registry
from robench.results.cells import Result, group
from robench.results.selection import Selection, largest_block
from robench.study.commands import describe_commands, make_commands, make_run_command, repeat
from robench.study.option_class import option_words
from robench.study.options import RunOptions

WORST_CASE = "worst"
"""The name that stands for the worst of all attacks in place of an attack's own."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRequest:
    """What is compared.

    Attributes:
        names: of two defenses, as registered or as tables label them; of a defense that is trained once for each
            attack, that is each model under its own attack. ``ada on pwws`` is one of these models, under every attack.
        selection: one task, and what else results are chosen by.
        attack: name or title of the attack, with its changed fields as tables have them if there are several, or
            :data:`WORST_CASE`; empty for clean texts.
        split: the split whose rows were attacked.
        options: what to add to commands, such as ``["--runs", "elsewhere"]``.
    """

    names: Sequence[str]
    selection: Selection
    attack: str = ""
    split: str = "test"
    options: Sequence[str] = ()

    @property
    def task(self) -> str:
        """The task."""
        (task,) = self.selection.tasks
        return task

    @property
    def hint(self) -> str:
        """A sentence with the command that makes results of both, as far as the names tell their settings."""
        defenses = [name.partition(" (")[0].partition(" on ")[0] for name in self.names]
        against = [attack for name in self.names if (attack := name.partition(" (")[0].partition(" on ")[2])]
        attack = "" if self.attack == WORST_CASE else self.attack.partition(" (")[0]
        settings = [word for pair in zip(defenses, self.names, strict=True) for word in _find_settings(*pair)]
        settings += _find_settings(attack, self.attack)
        words = option_words(RunOptions, split=None if self.split == "test" else self.split)
        words += [word for one in dict.fromkeys(settings) for word in ("--set", one)]
        words += option_words(RunOptions, against=list(dict.fromkeys(against)))
        chosen = replace(
            self.selection,
            defenses=list(dict.fromkeys(defenses)),
            attacks=[attack] if registry.is_registered("attacks", attack) else (),
        )
        return f"`{make_run_command(chosen, [*words, *self.options])}` makes some."

    def describe_missing(self, name: str, others: Sequence[Result]) -> str:
        """Return a sentence with the commands that make results of a defense beside those of the other one.

        Args:
            name: of the defense that has none beside them.
            others: results of the other one, at least one.
        """
        if any(r.info.victim for r in others):
            return "`robench attack` makes results of a model of yours."
        if not registry.is_registered("defenses", name):
            return self.hint
        block, _ = largest_block(others)
        return f"{describe_commands([(name, r) for r in block], self.options)} makes those of {name}."

    def describe_seeds(self, results: Sequence[Result], seeds: Sequence[int]) -> str:
        """Return a sentence with the commands that make results with other seeds; empty if there are no such seeds.

        Args:
            results: of the defense that lacks them.
            seeds: the seeds.
        """
        kinds = group(results, lambda r: r.row + r.column).values() if self.attack else [results]
        gaps = [gap._replace(seed=seed) for found in kinds for gap in repeat(found[:1]) for seed in seeds]
        commands, _ = make_commands(gaps, self.options)
        return f" {_quote(commands)} makes those that are missing." if commands else ""

    def describe_clean(self, results: Sequence[Result]) -> str:
        """Return the commands that make what is predicted for clean texts known again.

        A model predicts all test texts when it is made. It predicts development texts only as far as they are attacked.
        """
        first = [r for r in results if r.column == results[0].column]
        if self.split != "test":
            first = [replace(r, outcome=msgspec.structs.replace(r.outcome, n=r.info.clean.n)) for r in first]
        commands, _ = make_commands(repeat(first), self.options)
        return _quote(commands) if commands else "`robench run` with the settings of the results"


def _find_settings(name: str, label: str) -> list[str]:
    """Return what sets the changed fields in a label, such as ``taichi.temperature=0.5`` for ``--set``."""
    _, _, fields = label.partition(" (")
    return [f"{name}.{field}" for field in fields.removesuffix(")").split(", ") if "=" in field]


def _quote(commands: Sequence[str]) -> str:
    return " and ".join(f"`{command}`" for command in commands)
