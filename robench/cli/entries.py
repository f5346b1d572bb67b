"""``robench submit`` and ``robench validate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_dimmed, print_text
from robench.cli.shared_options import (
    DATA_FORMATS,
    DataFormatOption,
    DataOption,
    PluginOption,
    RunsOption,
    check_format,
    load_plugins,
    open_store,
)
from robench.escaping import count_noun, dump_json, escape_line, list_values, quote_words
from robench.resources.textattack_finder import forbid_fetching
from robench.study.options import runs_options

if TYPE_CHECKING:
    from robench.results.entry_form import Entry
    from robench.results.entry_validation import FileVerdict

FEW_NOTES = 3
"""Files up to which each has its own line with the same note."""


@report_failures
def submit(
    cells: Annotated[
        list[str],
        typer.Argument(
            metavar="CELL",
            help="Names or keys of cells, or their beginnings. A trained model stands for all attacks on it.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the entries go.")] = Path("leaderboards/measured"),
    rerun_by: Annotated[
        str, typer.Option(metavar="NAME", help="Your name, to mark a rerun of someone else's entry.")
    ] = "",
    counts_only: Annotated[
        bool, typer.Option("--counts-only", help="Leave out all rows, and keep counts: for private data.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the same model's entry even if it has attacks that this one lacks.")
    ] = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Write results as entries, to keep or publish them without their texts.

    Each trained model gets one JSON file, with those of its attacks that you name.
    An entry has settings, times, probabilities and outcomes, and the sha256 of each text.
    Tables can be made from it. docs/entries.md describes the form.
    Private data need --counts-only, because a short text can be guessed from its digest.

      robench submit trec-taichi-pwws trec-taichi-deepwordbug
      robench submit trec-base-seed1 --out ./entries
    """
    from robench.report.submit import count_left_out, make_entries, write_entry

    store = open_store(runs)
    for entry, note in make_entries(store, cells, rerun_by=rerun_by, counts_only=counts_only):
        path = write_entry(entry, out, force=force)
        print_text(escape_line(str(path)))
        lines = [f"  {_describe(entry)}, {path.stat().st_size / 1024:,.0f} KB", f"  note: {note}" if note else ""]
        if left := count_left_out(store, entry):
            command = quote_words(["robench", "submit", entry.key, *runs_options(runs)])
            lines.append(f"  {left} more on this model in {runs}: `{command}` takes all attacks.")
        print_dimmed(filter(None, lines))
    print_dimmed(
        [
            f"next: `{quote_words(['robench', 'validate', str(out)])}` checks what others will check;"
            " then open a pull request that adds the files to leaderboards/measured."
        ]
    )


def _describe(entry: Entry) -> str:
    attacks = list_values(attack.attack.title for attack in entry.attacks) or "no attack"
    rows = " (counts only)" if entry.counts_only else ""
    mark = f"rerun by {entry.rerun_by}" if entry.rerun_by else entry.mark
    return f"{entry.task}, {entry.defense.name}, seed {entry.seed}, under {attacks}{rows}, {mark}"


@report_failures
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Entry files, or folders of them.")],
    data: DataOption = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the tasks' data if they are not on this machine.")
    ] = False,
    format: DataFormatOption = "rich",
    plugin: PluginOption = None,
) -> None:
    """Check entries: form, keys, probabilities, and that every number follows from the rows.

    If the task's data are on this machine, the rows are compared with them; nothing is fetched without --fetch.
    Several entries are also compared with each other.
    No code of an entry runs; of the plug-ins it names, only robench's own and those of --plugin are imported.
    Exit code: 0 if everything fits, 1 if something does not.

      robench validate leaderboards/measured
      robench validate my-entry.json --format json
    """
    from robench.report.entry_plugins import PluginChecks
    from robench.results.entries import find_files
    from robench.results.entry_rows import RowSource
    from robench.results.entry_validation import validate_files

    check_format(format, DATA_FORMATS)
    with forbid_fetching(not fetch):
        load_plugins(plugin)
        rows = RowSource(data, offline=not fetch)
        verdicts = validate_files(find_files(paths), rows, PluginChecks().check)
    print_text(_write_json(verdicts) if format == "json" else "\n".join(_write_lines(verdicts)))
    if any(verdict.faults for verdict in verdicts):
        raise typer.Exit(1)


def _write_lines(verdicts: Sequence[FileVerdict]) -> list[str]:
    lines = [escape_line(fault) for verdict in verdicts for fault in verdict.faults]
    lines += [escape_line(f"note: {note}") for note in _list_notes(verdicts)]
    bad = sum(bool(verdict.faults) for verdict in verdicts)
    count = count_noun(len(verdicts), "entry", "entries")
    return [*lines, f"{count}: {f'{bad} with faults' if bad else 'no faults'}."]


def _list_notes(verdicts: Sequence[FileVerdict]) -> list[str]:
    """Return the notes about files, each once; one that holds for many files is told with their number."""
    by_text: dict[str, list[str]] = {}
    for verdict in verdicts:
        for note in verdict.notes:
            by_text.setdefault(note.removeprefix(f"{verdict.path}: "), []).append(note)
    many = {text: f"of {len(notes):,} entries: {text}" for text, notes in by_text.items() if len(notes) > FEW_NOTES}
    return [line for text, notes in by_text.items() for line in ([many[text]] if text in many else notes)]


def _write_json(verdicts: Sequence[FileVerdict]) -> str:
    files = [
        {"path": str(v.path), "key": v.entry.key if v.entry else None, "faults": v.faults, "notes": v.notes}
        for v in verdicts
    ]
    return dump_json({"files": files, "faulty": sum(bool(v.faults) for v in verdicts)})
