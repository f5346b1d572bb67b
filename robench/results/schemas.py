"""JSON Schemas of the files in a runs folder, for programs that read them without robench.

``python -m robench.results.schemas docs/schemas`` writes a file for each schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from robench.results.clean_lines import CleanLine
from robench.results.entry_form import Entry
from robench.results.records import Record
from robench.results.stage_file import make_schema

_GROWTH = (
    "It may grow: a new key has a default and may be absent, and a reader ignores keys that it does not know. A key"
    " never changes its meaning, unit or type."
)


@dataclass(frozen=True, kw_only=True)
class RecordLine(Record):
    """A line of ``records.jsonl``: a record, whose keys :class:`Record` describes, and its checksum.

    Attributes:
        checksum: 16 hexadecimal digits of the sha256 of the stage's key and the line before it. It tells a line that
            was changed, or that belongs to another stage.
    """

    checksum: str


def _add_title(title: str, content: dict[str, Any]) -> dict[str, Any]:
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "description": _GROWTH}
    return about | content


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "stage": lambda: _add_title("stage.json", make_schema()),
    "record": lambda: _add_title("a line of records.jsonl", msgspec.json.schema(RecordLine)),
    "clean": lambda: _add_title("a line of clean.jsonl", msgspec.json.schema(CleanLine)),
    "entry": lambda: _add_title("an entry: results of one trained model without texts", msgspec.json.schema(Entry)),
}
"""Functions that make the schemas, by the name of their file."""


def write_schemas(folder: Path) -> None:
    """Write every schema to ``<name>.schema.json`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SCHEMAS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        (folder / f"{name}.schema.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
