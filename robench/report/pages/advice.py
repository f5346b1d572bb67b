"""What was found wrong with a model before it was attacked, and what its engineer can do next."""

from __future__ import annotations

import math
from collections.abc import Sequence

from robench.plugins import registry
from robench.report.pages.parts import Commands, Paragraph, Part, Points, Section
from robench.report.rendering.texts import percent
from robench.report.tables.model import Cell
from robench.results import papers
from robench.results.cells import Result
from robench.results.flags import FEW
from robench.study.commands import format_command, make_commands, repeat, train_beside
from robench.study.option_class import option_words, run_options
from robench.study.options import AttackOptions

_TEST = run_options(AttackOptions)["test"].flag


def checks_section(results: Sequence[Result]) -> Section:
    """Tell what robench checked before the attacks, and what it found."""
    info = results[0].info
    warnings = list(dict.fromkeys(warning for result in results for warning in result.info.warnings))
    parts: list[Part] = []
    if warnings:
        parts += [Paragraph("What robench found before it attacked the model; numbers may mislead:"), Points(warnings)]
    else:
        parts.append(Paragraph("robench found nothing that would make the numbers misleading."))
    checked = [
        "the scores are finite, one row for each text and one column for each label;",
        "the same text gets the same scores when asked again, alone or in company;"
        if info.victim and not info.victim.random
        else "the scores of one text differ from call to call: an attack meets a moving target;",
        f"the order of its labels is the task's, as far as {info.split} texts show;",
        "it is in evaluation mode, and the share of texts that it cuts is small.",
    ]
    if info.victim:
        parts += [Paragraph("Checked were:", quiet=True), Points(checked)]
    majority = info.clean.majority
    if majority is not None:
        share = percent(majority / info.clean.n)
        verdict = "better" if results[0].has_learned else "not better by more than chance may give"
        parts.append(Paragraph(f"Always naming the most frequent label is right on {share} %; it is {verdict}."))
    errors = sum(result.outcome.errors for result in results)
    total = sum(result.attacked_n for result in results)
    if errors:
        parts.append(
            Paragraph(
                f"{errors:,} of {total:,} attacks ended in an error of the model's or the attack's code and"
                f" {'is' if errors == 1 else 'are'} left out; --retry-errors tries {'it' if errors == 1 else 'them'}"
                " again."
            )
        )
    return Section("checks", "Checks of the model", parts)


def next_section(results: Sequence[Result], worst: Cell, attacks: Sequence[str], options: Sequence[str]) -> Section:
    """Say what to do next, the most useful first.

    Args:
        results: the attacks on the model.
        worst: accuracy under every attack.
        attacks: registered names of the attacks, as far as they have one.
        options: what to add to commands.
    """
    first = results[0]
    command = _attack_command(results, options)
    points, commands = [], []
    if first.info.warnings:
        points.append("Settle the warnings above first: they decide what the numbers mean.")
    if _are_more_worth_it(first):
        points.append(f"Attack more texts: {first.attacked_n} leave the number open by many points.")
        if command:
            commands.append(_attack_more(command, first.attacked_n))
    points.append("Let people label some of the texts: only where they keep the label does an adversarial text count.")
    commands.append(format_command("judge", min(results, key=_accuracy).info.key, *options))
    others = [name for name in papers.find_paper().attacks if name not in attacks]
    if others:
        points.append(f"Try other attacks: {', '.join(others)} {'were' if others[1:] else 'was'} not run.")
    points.append(
        "Train a defense on the same task, and compare: adversarial training is the usual cure, at some cost on clean"
        " texts."
    )
    if _TEST not in first.info.data_options:  # test rows alone train nothing
        commands += _training_commands(results, options)
    if worst.least is not None and command:
        low = min(worst.interval.low if worst.interval else 1.0, float(worst.least))
        points.append(
            f"Keep it from getting worse: in CI, --fail-under {math.floor(100 * low)} ends with exit code 1 if fewer"
            " texts than that, in percent, withstand every attack."
        )
        commands.append(f"{command} --fail-under {math.floor(100 * low)}")
    return Section("next", "What to do next", [Points(points, ordered=True), Commands(commands)])


def _are_more_worth_it(result: Result) -> bool:
    """Return whether few texts were attacked, though there are more."""
    are_more = result.attacked_n < result.info.clean.n or result.info.clean_limit is not None
    return result.attacked_n < FEW and are_more


def _attack_more(command: str, attacked: int) -> str:
    """Return a command with another limit of attacked texts, in the place of its own if it has one."""
    now, more = (" ".join(option_words(AttackOptions, attack_limit=limit)) for limit in (attacked, 2 * FEW))
    return f"{command.replace(f' {now}', '')} {more}"


def _training_commands(results: Sequence[Result], options: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that train the reference defense and the compared one, and attack them as the model was."""
    defenses = dict.fromkeys([registry.reference(), papers.find_paper().compared])
    gaps = [train_beside(r, name) for r in results for name in defenses if name != r.defense.name or r.info.victim]
    return make_commands(gaps, options)[0]


def _accuracy(result: Result) -> float:
    return float(result.accuracy_under_attack if result.accuracy_under_attack is not None else 1)


def _attack_command(results: Sequence[Result], options: Sequence[str]) -> str:
    """Return the command that makes all attacks on the model; empty if no single one does, or it is in memory alone.

    Several commands would each have their own worst case, which is another number than that of the page.
    """
    commands, hopeless = make_commands(repeat(results), options)
    return commands[0] if len(commands) == 1 and not hopeless else ""
