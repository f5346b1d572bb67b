"""What can happen to a file: broken content, or something else in its place."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torture.case import Place

Damage = Callable[[Path, random.Random], object]


def put(content: bytes) -> Damage:
    """Replace the content."""
    return lambda file, stream: file.write_bytes(content)


def edit(change: Callable[[bytes, random.Random], bytes]) -> Damage:
    """Change the content."""
    return lambda file, stream: file.write_bytes(change(file.read_bytes(), stream))


def replace(make: Callable[[Path], object]) -> Damage:
    """Put something else in the place of a file or folder."""

    def damage(file: Path, stream: random.Random) -> None:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
        make(file)

    return damage


def link(target: str) -> Callable[[Path], object]:
    """Return what makes a link."""
    return lambda file: file.symlink_to(target)


def link_outside(name: str) -> Callable[[Path], object]:
    """Return what makes a link to a file of somebody else, who lives beside the working directory."""

    def make(file: Path) -> None:
        work = next(folder for folder in file.parents if folder.name == "work")
        file.symlink_to(Place(work.parent).outside / name)

    return make


def make_header(content: Any) -> bytes:
    """Make a file of safetensors with this header."""
    head = json.dumps(content).encode()
    return struct.pack("<Q", len(head)) + head + bytes(64)


def flip(content: bytes, stream: random.Random) -> bytes:
    """Change one byte."""
    at = stream.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


BROKEN: dict[str, Damage] = {
    "cut": edit(lambda content, stream: content[: stream.randrange(len(content))]),
    "one byte changed": edit(flip),
    "empty": put(b""),
    "NULs": edit(lambda content, stream: bytes(len(content))),
    "random bytes": edit(lambda content, stream: stream.randbytes(500)),
    "UTF-16": edit(lambda content, stream: content.decode("latin-1").encode("utf-16")),
    "CR": edit(lambda content, stream: content.replace(b"\n", b"\r")),
    "many times over": edit(lambda content, stream: content * 30),
    "a list": put(b"[1]"),
    "a number": put(b"7"),
    "null": put(b"null"),
    "an empty object": put(b"{}"),
    "brackets": put(b"[" * 100_000),
    "deep": put(b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    "a long number": put(b'{"hidden_size": ' + b"9" * 5000 + b"}"),
    "a long line": put(b'{"a": "' + b"x" * 10_000_000 + b'"}'),
    "a huge header": put(struct.pack("<Q", 2**62) + b"{}"),
    "a header of nothing": put(struct.pack("<Q", 2) + b"{}"),
    "a header that lies": put(make_header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})),
    "a header of another shape": put(make_header({"a": {"dtype": "F32", "shape": "x", "data_offsets": None}})),
}
"""Content that is broken."""

REPLACED: dict[str, Damage] = {
    "missing": replace(lambda file: None),
    "a file": replace(Path.touch),
    "a folder": replace(Path.mkdir),
    "a pipe": replace(os.mkfifo),
    "a link to itself": replace(lambda file: file.symlink_to(file)),
    "a broken link": replace(link_outside("new")),
    "a link to somebody else's file": replace(link_outside("records.jsonl")),
    "a link to somebody else's folder": replace(link_outside(".")),
    "a link to /dev/zero": replace(link("/dev/zero")),
    "a link to /proc/self/mem": replace(link("/proc/self/mem")),
    "a link to /proc/self/cmdline": replace(link("/proc/self/cmdline")),
    "a link to /proc/self": replace(link("/proc/self")),
}
"""Something else in the place of a file or folder."""

DAMAGES = BROKEN | REPLACED


def write(file: str, content: str | bytes) -> Callable[[Place], object]:
    """Return what writes a file of the working directory."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return lambda place: (place.work / file).write_bytes(data)


def edit_json(file: Path, change: Callable[[Any], object]) -> None:
    """Change the value in a file of JSON."""
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def spoil(file: str, way: str, seed: str, place: Place) -> None:
    """Damage a file or folder.

    Args:
        file: its path in the working directory; may be a pattern.
        way: one of the damages.
        seed: decides what they draw.
        place: the folders of the input.
    """
    (path, *_) = sorted(place.work.glob(file)) or [place.work / file]
    DAMAGES[way](path, random.Random(seed))


def plan(stream: random.Random, file: str, way: str) -> Callable[[Place], None]:
    """Return what damages a file."""
    return functools.partial(spoil, file, way, str(stream.random()))
