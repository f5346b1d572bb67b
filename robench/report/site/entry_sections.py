"""Hyper-parameters and provenance of an entry, as sections of its page."""

from __future__ import annotations

from collections.abc import Sequence

from robench.plugins.option import option_text
from robench.report.pages.parts import Commands, Facts, Fold, Paragraph, Part, Section, TablePart
from robench.report.pages.provenance import DIGITS
from robench.report.pages.rows import text_table
from robench.report.rendering.texts import percent
from robench.results.cells import Result
from robench.results.entry_form import Entry
from robench.results.info import ELSEWHERE
from robench.results.info_origin import Environment, Timing
from robench.results.info_parts import PluginInfo
from robench.study.command_options import describe_folder
from robench.study.commands import make_commands, repeat


def settings_section(entry: Entry) -> Section:
    """Show every field of the defense, the training and the attacks."""
    parts: list[Part] = [_fields("Options of the defense", entry.defense)]
    if entry.training and entry.training != ELSEWHERE:
        rows = [(name, option_text(value)) for name, value in (entry.training | entry.defense.training_changes).items()]
        parts.append(TablePart(text_table("training", "Training", ("training", "value"), rows)))
    if entry.trained_against:
        attack = entry.trained_against.attack
        parts.append(
            Fold(
                f"The attack that made its training texts: {attack.title}",
                [_fields(f"Fields of {attack.title}, which made the training texts", attack)],
            )
        )
    for met in entry.attacks:
        parts.append(Fold(f"The attack {met.attack.title}", [_fields(f"Fields of {met.attack.title}", met.attack)]))
    return Section("settings", "Hyper-parameters", parts)


def _fields(title: str, info: PluginInfo) -> Part:
    """Return a table of all fields, with those marked that are not as they come."""
    values = info.fields | info.changed
    rows = [(name, option_text(value), "changed" if name in info.changed else "yes") for name, value in values.items()]
    if not rows:
        return Paragraph(f"{info.name or info.title} has no options.")
    return TablePart(text_table("fields", title, ("option", "value", "as it comes"), rows))


def provenance_section(entry: Entry, results: Sequence[Result]) -> Section:
    """Show where an entry is from, and the commands that make it again.

    Args:
        entry: the entry.
        results: its results.
    """
    elsewhere = entry.training == ELSEWHERE
    facts = [
        ("key", entry.key),
        ("file", entry.file_name),
        ("made by", f"robench {entry.robench}"),
        ("data", f"{entry.data.source}, sha256 {entry.data.digest[:DIGITS]}"),
        ("encoder", "" if elsewhere else f"{entry.encoder.name}, sha256 {entry.encoder.digest[:DIGITS]}"),
        (
            "defense",
            "" if entry.victim else f"{entry.defense.class_}, code {entry.defense.code[:DIGITS] or 'of robench'}",
        ),
        ("preset", entry.preset),
        ("weights", f"{entry.parameters:,}" if entry.parameters else ""),
        ("training", _describe_timing(entry.timing)),
        ("accuracy on development texts", f"{percent(entry.dev.accuracy)} % of {entry.dev.n:,}" if entry.dev else ""),
        ("adversarial training texts", _describe_training_set(entry)),
        ("fused from", ", ".join(part.label for part in entry.parts)),
        ("model", f"{entry.victim.kind}: {entry.victim.model}" if entry.victim else ""),
        ("code of others that was allowed to run", ", ".join(entry.foreign_code)),
        *_describe_environment(entry.environment),
    ]
    rows = [
        (attack.key, attack.attack.title, _date(attack.environment), _seconds(attack.timing))
        for attack in entry.attacks
    ]
    parts: list[Part] = [Facts([(name, text) for name, text in facts if text])]
    if rows:
        heads = ("result", "attack", "made at", "seconds")
        parts.append(TablePart(text_table("results", "Results", heads, rows)))
    commands, _ = make_commands(repeat(results))
    if commands:
        parts += [
            Paragraph("The same versions on the same kind of processor make the same results with:"),
            Commands([*commands, f"robench submit {entry.label} --rerun-by YOUR-NAME"]),
        ]
        folder = describe_folder(entry.task, entry.data.source, entry.data.digest)
        parts += [Paragraph(folder)] if folder else []
    return Section("provenance", "Provenance", parts)


def _describe_environment(place: Environment | None) -> list[tuple[str, str]]:
    if place is None:
        return []
    return [
        ("processor", ", ".join(filter(None, (place.processor, place.instructions)))),
        ("device", place.device),
        ("threads", str(place.threads or "")),
        ("versions", ", ".join(f"{package} {version}" for package, version in place.versions.items())),
        ("trained at", place.date),
    ]


def _describe_timing(timing: Timing | None) -> str:
    if timing is None:
        return ""
    passes = (timing.forwards or 0) + (timing.backwards or 0)
    parts = [f"{timing.seconds:,.0f} s"]
    parts += [f"{timing.steps:,} steps"] if timing.steps else []
    return ", ".join([*parts, *([f"{passes:,} passes of a text"] if passes else [])])


def _describe_training_set(entry: Entry) -> str:
    against = entry.trained_against
    if against is None:
        return ""
    made = against.attacked
    counts = f"{made.n:,} attacked: {made.succeeded:,} succeeded, {made.failed:,} failed" if made else ""
    seconds = f"{against.timing.seconds:,.0f} s" if against.timing else ""
    return "; ".join(filter(None, (against.attack.title, counts, seconds, f"key {against.key}")))


def _date(place: Environment | None) -> str:
    return place.date if place else ""


def _seconds(timing: Timing | None) -> str:
    return f"{timing.seconds:,.0f}" if timing else ""
