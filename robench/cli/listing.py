"""``robench list``: names that the command line takes. No plug-in is imported to find them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.registry import unknown
from robench.resources.model_folder import BUNDLED
from robench.results import papers
from robench.results.paper_contents import Paper
from robench.study.presets import PRESETS
from robench.study.request import TRAINING
from robench.training.settings import TrainingSettings

SECTIONS = (*registry.KINDS, "encoders", "presets", "papers")


def show(what: str | None, format: str, console: Console) -> None:
    """Print one section, all sections, or one name in detail.

    Raises:
        RobenchError: there is no such section, name or format.
    """
    if format not in ("rich", "json"):
        raise RobenchError(f"unknown format {format!r}: there are rich and json.")
    detailed = what is not None and what not in SECTIONS
    listed = _details(str(what)) if detailed else {name: _rows(name) for name in ([what] if what else SECTIONS)}
    if format == "json":
        console.file.write(json.dumps(listed, indent=1, ensure_ascii=False, default=str) + "\n")
    elif detailed:
        for section, rows in listed.items():
            _print_detail(section, rows[0], console)
    else:
        _print_sections(listed, console)
        if what in (None, "encoders"):
            console.print("Any folder or Hub id that Transformers' AutoModel loads is an encoder, too.")
        if what in (None, *registry.KINDS):
            console.print("`robench list NAME` says what can be set of one, with its default, range and meaning.")


def _rows(section: str) -> list[dict[str, Any]]:
    if section == "encoders":
        return [{"name": name, "summary": summary, "from": "robench"} for name, summary in BUNDLED_ENCODERS.items()]
    if section == "presets":
        return [
            {"name": name, "summary": preset.summary, "from": "robench", "choices": asdict(preset)}
            for name, preset in PRESETS.items()
        ]
    if section == "papers":
        return [row for name in papers.names() for row in _paper_rows(papers.paper(name))]
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
