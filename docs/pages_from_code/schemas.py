"""The keys of the files in a runs folder and of entries, from their JSON Schemas and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pages_from_code.markdown import prose, table
from robench.results import (
    clean_lines,
    entry_form,
    entry_parts,
    entry_rows,
    info,
    info_origin,
    info_parts,
    records,
    schemas,
)

_MODULES = (info, info_parts, info_origin, records, schemas, clean_lines, entry_form, entry_parts, entry_rows)


def render_schema(name: str) -> str:
    """Return a table of keys for each structure of a file, the file's own first."""
    structures = schemas.SCHEMAS[name]()["$defs"]
    first = next(iter(structures))
    shared = {key: f"as in {first}" for key in structures[first]["properties"]}
    return "\n".join(_render_structure(name, one, shared) for name, one in structures.items())


def _render_structure(name: str, structure: dict[str, Any], shared: dict[str, str]) -> str:
    text, meanings = _read_docstring(structure.get("description", ""))
    meanings = shared | {"kind": "names this structure"} | _read_bases(name) | meanings
    rows = []
    for key, value in structure.get("properties", {}).items():
        needed = "" if key in structure.get("required", ()) else _show_default(value)
        rows.append((f"`{key}`", _type(value), needed, meanings.get(key, "")))
    return f"#### {name}\n\n{text}\n\n" + table(("key", "type", "default", "meaning"), rows)


def _read_bases(name: str) -> dict[str, str]:
    """Return what the bases of a structure say of its keys."""
    kind = next((vars(module)[name] for module in _MODULES if name in vars(module)), object)
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _read_docstring(inspect.getdoc(base) or "", indent=4)[1]
    return found


def _read_docstring(doc: str, indent: int = 8) -> tuple[str, dict[str, str]]:
    """Split a docstring into its text and what it says of each attribute."""
    text, _, attributes = doc.partition("Attributes:\n")
    lines = re.findall(rf"^ {{{indent}}}(\w+): (.+(?:\n {{{indent + 1},}}.+)*)", attributes, re.MULTILINE)
    meanings = {key: prose(" ".join(meaning.split())) for key, meaning in lines}
    return prose(" ".join(text.split())), {key.rstrip("_"): meaning for key, meaning in meanings.items()}


def _show_default(value: dict[str, Any]) -> str:
    default = value.get("default", "")
    return f"`{default!r}`" if default not in ("", None) else "empty" if default == "" else "null"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}" if value.get("items") else "list"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
    return str(value.get("type", "any"))
