"""``robench list``: what can be named on the command line. Nothing is imported to find out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.registry import unknown
from robench.resources.model_folder import BUNDLED_ENCODERS
from robench.study.presets import PRESETS

SECTIONS = (*registry.KINDS, "encoders", "presets")


def show(what: str | None, format: str, console: Console) -> None:
    """Print one section, or all.

    Raises:
        RobenchError: there is no such section or format.
    """
    if what is not None and what not in SECTIONS:
        raise RobenchError(unknown("section", what, list(SECTIONS), "without a name, all are listed"))
    if format not in ("rich", "json"):
        raise RobenchError(f"unknown format {format!r}: there are rich and json.")
    listed = {section: _rows(section) for section in ([what] if what else SECTIONS)}
    if format == "json":
        console.file.write(json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
        return
    for section, rows in listed.items():
        table = Table(section, "", "from", box=None, pad_edge=False, header_style="bold", title_justify="left")
        for row in rows:
            table.add_row(f"[cyan]{row['name']}[/]", escape(row["summary"]), f"[dim]{escape(row['from'])}[/]")
        console.print(table)
        console.print()
    if what in (None, "encoders"):
        console.print("Any folder or Hub id that Transformers' AutoModel loads is an encoder, too.")


def _rows(section: str) -> list[dict[str, Any]]:
    if section == "encoders":
        return [{"name": name, "summary": summary, "from": "robench"} for name, summary in BUNDLED_ENCODERS.items()]
    if section == "presets":
        return [
            {"name": name, "summary": preset.summary, "from": "robench", "choices": asdict(preset)}
            for name, preset in PRESETS.items()
        ]
    kind = next(kind for kind in registry.KINDS if kind == section)
    return [{"name": e.pattern, "summary": e.summary, "from": e.origin} for e in registry.entries(kind)]
