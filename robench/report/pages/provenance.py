"""What results were made with and where, and the commands that make them again: sections that all pages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from robench.escaping import hide_folders
from robench.plugins.option import option_text
from robench.report.pages.parts import Commands, Facts, Fold, Paragraph, Part, Section, TablePart
from robench.report.pages.rows import text_table
from robench.report.tables.captions import notes_of
from robench.results.cells import Result
from robench.results.info import ELSEWHERE
from robench.results.info_parts import PluginInfo
from robench.results.labels import column_labels, row_labels
from robench.results.request_log import read_requests
from robench.results.store import Store
from robench.study.command_options import describe_folder
from robench.study.commands import format_command, make_commands, put_usual_first, repeat

DIGITS = 16
"""Hexadecimal digits of a digest that are shown."""


def settings_section(results: Sequence[Result]) -> Section:
    """Describe what the results were made with: rows, encoder, training, and every field of defenses and attacks."""
    infos = [result.info for result in results]
    facts = [
        ("task", _each(f"{info.task}: {', '.join(info.labels)}" for info in infos)),
        ("data", _each(f"{info.data.source}, sha256 {info.data.digest[:DIGITS]}" for info in infos)),
        ("clean samples", _each(f"{info.clean.n:,} {info.split}" for info in infos)),
        ("attacked samples", _each(f"{result.attacked_n:,} {result.info.split}" for result in results)),
        ("seeds", _each(sorted({info.seed for info in infos}))),
        ("precision", _each(info.precision for info in infos)),
        ("preset", _each(info.preset for info in infos)),
    ]
    trained = [info for info in infos if info.training != ELSEWHERE]
    if trained:
        facts += [
            ("encoder", _each(f"{info.encoder.name}, sha256 {info.encoder.digest[:DIGITS]}" for info in trained)),
            ("training rows", _each(f"{info.train_rows:,}" for info in trained)),
            ("training", _each(", ".join(f"{k} {v}" for k, v in info.training.items()) for info in trained)),
        ]
    victims = {info.victim.model: info for info in infos if info.victim}
    for info in victims.values():
        assert info.victim is not None
        order = ", ".join(map(str, info.victim.label_order))
        length = info.victim.max_length
        facts += [
            ("model", f"{info.victim.model} ({info.victim.kind})"),
            ("order of labels", f"for {', '.join(info.labels)} the model's columns {order}"),
            ("scores", "probabilities" if info.victim.probabilities else "logits"),
            ("longest text", f"{length:,} tokens; the rest is cut" if length else "not known to robench"),
        ]
    parts: list[Part] = [Facts(facts)]
    rows, columns = row_labels(results), column_labels(results)
    defenses = {rows[r.row].text: r.defense for r in results if not r.info.victim}
    attacks = {columns[r.column].text: r.attack for r in results}
    for summary, head, plugins in (
        ("Hyper-parameters of the defenses", "defense", defenses),
        ("Settings of the attacks", "attack", attacks),
    ):
        if plugins:
            parts.append(Fold(summary, [TablePart(_fields_table(summary, head, plugins))]))
    return Section("settings", "Settings", parts)


def provenance_section(store: Store, results: Sequence[Result], options: Sequence[str]) -> Section:
    """Describe where and when the results were made, and list each with its key and the digest of its records.

    Args:
        store: the runs folder.
        results: the results on the page.
        options: what to add to commands, such as ``["--runs", "elsewhere"]``.
    """
    infos = [result.info for result in results]
    places = [place for info in infos for place in (info.environment, info.model_environment) if place]
    dates = sorted(place.date for place in places if place.date)
    versions: dict[str, dict[str, None]] = {}
    for package, version in (pair for place in places for pair in place.versions.items()):
        versions.setdefault(package, {})[version] = None
    facts = [
        ("made by", _each(f"robench {info.robench}" for info in infos)),
        ("made at", " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "not known"),
        ("processor", _each(filter(None, (", ".join(filter(None, (p.processor, p.instructions))) for p in places)))),
        ("device", _each(place.device for place in places if place.device)),
        ("threads of training", _each(place.threads for info in infos if (place := info.model_environment))),
        ("versions", ", ".join(f"{package} {' or '.join(found)}" for package, found in versions.items())),
        ("code of others that was allowed to run", _each(code for info in infos for code in info.foreign_code)),
        ("entries" if any(r.entry for r in results) else "runs folder", str(store.root)),
    ]
    columns = column_labels(results)
    rows = [
        (
            r.info.key,
            r.info.defense.name,
            columns[r.column].text,
            str(r.seed),
            r.info.environment.date if r.info.environment else "",
            record_digest(r)[:DIGITS],
        )
        for r in results
    ]
    heads = ("result", "defense", "attack", "seed", "made at", "sha256 of its records")
    listed = text_table("results", f"The {len(rows):,} results, by key", heads, rows)
    parts: list[Part] = [
        Paragraph(_describe_source(store, results, options)),
        Facts([(name, text) for name, text in facts if text]),
        *(Paragraph(f"Note: {note}.", quiet=True) for note in notes_of(infos)),
        Fold(listed.title, [TablePart(listed)]),
    ]
    return Section("provenance", "Provenance", parts)


def _describe_source(store: Store, results: Sequence[Result], options: Sequence[str]) -> str:
    """Say what the numbers are computed from, and what checks that."""
    if any(r.entry for r in results):
        folder = next((word for word in options if word != "--runs"), str(store.root))
        return (
            f"Every number on this page is computed from entries; `{format_command('validate', folder)}` checks them."
        )
    return (
        "Every number on this page is computed from records, one line for each attacked text;"
        f" `{format_command('verify', *options)}` checks that they are whole,"
        f" `{format_command('show', 'KEY', *options)}` shows one result."
    )


def record_digest(result: Result) -> str:
    """Return the sha256 of a result's records, as it was stored; empty for results of early versions."""
    file = result.info.files.get("records.jsonl")
    return file.sha256 if file else ""


def reproduction_section(store: Store, results: Sequence[Result], options: Sequence[str], page: str) -> Section:
    """List the commands that make the results and the page again.

    Args:
        store: the runs folder.
        results: the results on the page.
        options: what to add to commands, such as ``["--runs", "elsewhere"]``.
        page: the command that makes the page.
    """
    made, hopeless = make_commands(repeat(results), options)
    commands = put_usual_first(sorted(made))
    parts: list[Part] = [
        Paragraph(
            "With the same versions on the same kind of processor, these commands make the same results"
            + (" in a runs folder." if any(r.entry for r in results) else "; what is there is not computed again.")
        ),
        Commands([*commands, page]),
    ]
    infos = [result.info for result in results]
    folders = dict.fromkeys(describe_folder(info.task, info.data.source, info.data.digest) for info in infos)
    parts += [Paragraph(folder, quiet=True) for folder in folders if folder]
    if any(hide_folders(command) != command for command in (*commands, page)):
        parts.append(Paragraph("Of folders outside the working directory only the last part is shown.", quiet=True))
    if hopeless:
        why = "it is of another version, or of a model" if hopeless == 1 else "they are of other versions, or of models"
        parts.append(Paragraph(f"No command makes {hopeless} of the results: {why} in memory."))
    log = [request.command for request in read_requests(store.root) if request.command]
    if log:
        parts.append(Fold("The commands that filled this runs folder", [Commands(log)]))
    return Section("reproduce", "How to reproduce", parts)


def _fields_table(title: str, head: str, plugins: dict[str, PluginInfo]) -> Any:
    rows = [
        (name, ", ".join(f"{field}={option_text(value)}" for field, value in sorted(one.fields.items())) or "none")
        for name, one in plugins.items()
    ]
    return text_table(head, title, (head, "fields"), rows, wrap=True)


def _each(values: Iterable[object]) -> str:
    """Return different values once each; several are parted by semicolons."""
    texts = list(dict.fromkeys(str(value) for value in values if value is not None and value != ""))
    return "; ".join(texts)
