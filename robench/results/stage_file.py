"""The file ``stage.json``: reading and writing the structures of :mod:`robench.results.info`, and its checksum."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from robench.errors import RobenchError
from robench.results.info import REMEDY, AnyInfo, Info, StageInfo


def decode(content: bytes, path: Path) -> StageInfo:
    """Read the content of a ``stage.json``.

    Args:
        content: the file's content.
        path: the file's path, for errors.

    Raises:
        RobenchError: it is not JSON, lacks a field, has a value of another type (the message names the field), or was
            changed since it was written.
    """
    try:
        # msgspec's own reader rejects Infinity, which is not standard JSON, but a KL divergence can be infinite.
        values = json.loads(content)
        info: StageInfo = msgspec.convert(values, AnyInfo)
        changed = bool(info.checksum) and info.checksum != make_checksum(values)
    except msgspec.ValidationError as error:
        raise RobenchError(f"{path} {describe_fault(str(error))}; {REMEDY}.") from error
    except (ValueError, OverflowError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
    except RecursionError as error:
        raise RobenchError(f"{path} cannot be read (it is nested too deeply); {REMEDY}.") from error
    if changed:
        raise RobenchError(f"{path} was changed after robench wrote it; {REMEDY}.")
    return info


def encode(info: StageInfo) -> str:
    """Return the text of a ``stage.json``, with its checksum: JSON with an indent of 1 and a newline at the end.

    A surrogate, which stands for a byte of a path that is not UTF-8, is written as JSON's escape of it.
    """
    text = json.dumps(to_builtins(seal(info)), indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()


def seal(info: Info) -> Info:
    """Return a structure with the checksum of its other fields."""
    return msgspec.structs.replace(info, checksum=make_checksum(to_builtins(info)))


def make_checksum(values: dict[str, Any]) -> str:
    """Return the sha256 of the values of a ``stage.json`` but its checksum; order and layout do not matter."""
    others = {name: value for name, value in values.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def to_builtins(info: StageInfo) -> dict[str, Any]:
    """Convert a structure to dictionaries, lists, texts and numbers."""
    values: dict[str, Any] = msgspec.to_builtins(info)
    return values


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``stage.json``."""
    return msgspec.json.schema(AnyInfo)


def describe_fault(message: str) -> str:
    """Reword an error of msgspec as the end of a sentence that begins with the file's path."""
    message, _, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    if place == "kind" or (not place and ("`kind`" in message or "Expected `object`" in message)):
        return "does not describe a stage of a run"
    if lacking := re.search(r"missing required field `(\w+)`", message):
        return f"has no {'.'.join(part for part in (place, lacking[1]) if part)}"
    return f"has a wrong value at {place or 'its top'}: {message[:1].lower()}{message[1:]}"
