"""``robench list``: the names that the command line takes, and the details of one name.

Listing all names imports no plug-in; the details of a name import that plug-in only.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from robench.cli.shared_options import DATA_FORMATS, check_format
from robench.console import Console
from robench.errors import RobenchError
from robench.escaping import dump_json
from robench.plugins import registry
from robench.plugins.option import describe
from robench.plugins.registry import Entry
from robench.plugins.settings import CERTIFICATE, SHARED, TRAINING
from robench.plugins.suggestions import explain_unknown
from robench.resources.model_folder import BUNDLED_ENCODERS
from robench.results import papers
from robench.results.paper_contents import Paper
from robench.study.presets import PRESETS
from robench.training.certificate import CertificateSettings
from robench.training.settings import TrainingSettings

SECTIONS = (*registry.KINDS, "encoders", "presets", "papers")


def show(name: str | None, format: str, console: Console) -> None:
    """Print a section, or the details of a name, or all sections if there is no name.

    Args:
        name: a section of :data:`SECTIONS`, any other name, or None.
        format: ``rich`` or ``json``.
        console: receives the output.

    Raises:
        RobenchError: there is no such section, name or format.
    """
    check_format(format, DATA_FORMATS)
    is_section = name is None or name in SECTIONS
    sections = {one: _rows(one) for one in ([name] if name else SECTIONS)} if is_section else _details(str(name))
    if format == "json":
        console.file.write(dump_json(sections, default=str))
    elif is_section:
        _print_sections(sections, console)
        if name in (None, "encoders"):
            console.print("Any folder or Hub id that Transformers' AutoModel loads is an encoder too.")
        if name in (None, *registry.KINDS):
            console.print("`robench list NAME` shows the options of one, with default, range and meaning.")
    else:
        for section, rows in sections.items():
            _print_detail(section, rows[0], console)


def _rows(section: str) -> list[dict[str, Any]]:
    if section == "encoders":
        return [{"name": name, "summary": summary, "from": "robench"} for name, summary in BUNDLED_ENCODERS.items()]
    if section == "presets":
        return [
            {"name": name, "summary": preset.summary, "from": "robench", "choices": asdict(preset)}
            for name, preset in PRESETS.items()
        ]
    if section == "papers":
        return [row for name in papers.list_papers() for row in _paper_rows(papers.find_paper(name))]
    kind = next(kind for kind in registry.KINDS if kind == section)
    return [{"name": e.pattern, "summary": e.summary, "from": e.origin} for e in registry.entries(kind)]


def _paper_rows(paper: Paper) -> list[dict[str, Any]]:
    """Return a row for a paper, and one for each of its tables and figures."""
    rows = [{"name": paper.name, "summary": paper.title, "from": "robench"}]
    rows += [
        {"name": f"{paper.name} table {t.number}", "summary": t.summary, "from": ""} for t in paper.tables.values()
    ]
    return rows + [
        {"name": f"{paper.name} figure {f.number}", "summary": f.summary, "from": ""} for f in paper.figures.values()
    ]


def _details(name: str) -> dict[str, list[dict[str, Any]]]:
    """Look a name up in every section; several sections may have it.

    Raises:
        RobenchError: no section has it.
    """
    found = {section: [row for row in _rows(section) if row["name"] == name] for section in ("encoders", "presets")}
    found |= {entry.kind: [_detail(entry)] for entry in _entries(name)}
    if name in papers.list_papers():
        row, *parts = _paper_rows(papers.find_paper(name))
        found["papers"] = [row | {"choices": {p["name"].removeprefix(f"{name} "): p["summary"] for p in parts}}]
    if name in SHARED:
        settings = {TRAINING: TrainingSettings, CERTIFICATE: CertificateSettings}[name]
        summary = (settings.__doc__ or "").strip()
        options = [asdict(one) for one in describe(settings())]
        found["settings"] = [{"name": name, "summary": summary, "from": "robench", "options": options}]
    found = {section: rows for section, rows in found.items() if rows}
    if not found:
        names = [row["name"] for section in SECTIONS for row in _rows(section)]
        hint = "without a name, all are listed; what a file of your own registers is, too, with --plugin FILE.py"
        raise RobenchError(explain_unknown("section or name", name, [*SECTIONS, *names, *SHARED], hint))
    return found


def _entries(name: str) -> Iterator[Entry]:
    """Yield the registered entries of a name, which may be a family or a member of one."""
    for kind in registry.KINDS:
        family = next((entry for entry in registry.entries(kind) if entry.argument and entry.name == name), None)
        if family or registry.is_registered(kind, name):
            yield family or registry.entry(kind, name)


def _detail(entry: Entry) -> dict[str, Any]:
    """Collect the details of an entry: its description and options, a task's labels, a family's members."""
    row: dict[str, Any] = {"name": entry.pattern, "summary": entry.summary, "from": entry.origin}
    plugin: Any = entry.implementation() if entry.argument else entry.load()
    if entry.kind == "tasks":
        length = {} if plugin.max_length is None else {"max_length": plugin.max_length}
        return row | {"labels": list(plugin.labels)} | length
    if entry.argument:
        row["members"] = entry.members()
    kind = plugin if isinstance(plugin, type) else type(plugin)
    paragraphs = (inspect.getdoc(kind) or "").partition("\n")[2].strip().split("\n\n")
    row["description"] = "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    if adaptive := getattr(plugin, "adaptive_attack", ""):
        row["adaptive_attack"] = adaptive
    if certificate := getattr(plugin, "certificate", ""):
        row["certificate"] = certificate
    return row | {"options": [asdict(one) for one in describe(plugin)] if is_dataclass(plugin) else []}


def _print_sections(sections: dict[str, list[dict[str, Any]]], console: Console) -> None:
    for section, rows in sections.items():
        table = Table(section, "", "from", box=None, pad_edge=False, header_style="bold", title_justify="left")
        for row in rows:
            table.add_row(Text(row["name"], "cyan"), row["summary"], Text(row["from"], "dim"))
        console.print(table)
        console.print()


def _print_detail(section: str, row: dict[str, Any], console: Console) -> None:
    console.print(Text.assemble((row["name"], "cyan"), f" ({section}, from {row['from']})"))
    for text in filter(None, (row["summary"], row.get("description"))):
        console.print(text, highlight=False)
    if row.get("labels"):
        console.print(f"labels: {', '.join(row['labels'])}", highlight=False)
    if row.get("max_length"):
        console.print(f"texts are cut at {row['max_length']} tokens, unless training.max_length is set")
    if row.get("members"):
        console.print(f"{row['name']} is one of {', '.join(row['members'])}", highlight=False)
    if row.get("adaptive_attack"):
        made = f"attack made against it, shown in table 5: {row['adaptive_attack']}"
        console.print(made, highlight=False)
    if row.get("certificate"):
        console.print(f"certificates, shown in table certificates: {row['certificate']}", highlight=False)
    if row.get("options"):
        table = Table("option", "values", "default", "meaning", box=None, pad_edge=False, header_style="bold")
        for one in row["options"]:
            source = f" (default: {one['source']})" if one["source"] else ""
            meaning = Text.assemble(one["meaning"], (source, "dim"))
            table.add_row(Text(one["name"], "cyan"), one["values"], one["default"], meaning)
        console.print()
        console.print(table)
    for name, value in row.get("choices", {}).items():
        is_limit = name.endswith("_limit")  # of which none is a choice, too
        if name != "summary" and (value is not None or is_limit):  # the summary stands above
            console.print(f"  {name}: {_show_choice(value)}", highlight=False)
    console.print()


def _show_choice(value: Any) -> str:
    """Return what a preset chooses as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "all" if value is None else str(value)
