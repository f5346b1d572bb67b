"""Files of encoders and models that are broken, or no files."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torture.case import Case, Place, kind
from torture.kinds.encoders import words_for


def files(stream: random.Random) -> Iterator[tuple[str, str, Callable[[Path], Any]]]:
    """A file, what is odd, and what makes it so."""
    names = (
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.txt",
    )
    ways: list[tuple[str, Callable[[Path], Any]]] = [
        ("missing", Path.unlink),
        ("empty", lambda path: path.write_bytes(b"")),
        ("NULs", lambda path: path.write_bytes(bytes(path.stat().st_size))),
        ("half of it", lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])),
        ("a list", lambda path: path.write_bytes(b"[1]")),
        ("a number", lambda path: path.write_bytes(b"7")),
        ("null", lambda path: path.write_bytes(b"null")),
        ("nested 100,000 deep", lambda path: path.write_bytes(b"[" * 100_000 + b"]" * 100_000)),
        ("a number of 5,000 digits", lambda path: path.write_bytes(b'{"hidden_size": ' + b"9" * 5000 + b"}")),
        ("UTF-16", lambda path: path.write_bytes(path.read_bytes().decode("latin-1").encode("utf-16"))),
        ("a folder", lambda path: (path.unlink(), path.mkdir())),
        ("a pipe", lambda path: (path.unlink(), os.mkfifo(path))),
        ("a link to itself", lambda path: (path.unlink(), path.symlink_to(path))),
        ("a link to /dev/zero", lambda path: (path.unlink(), path.symlink_to("/dev/zero"))),
        ("a link to /proc/self/mem", lambda path: (path.unlink(), path.symlink_to("/proc/self/mem"))),
        ("a huge header", lambda path: path.write_bytes(struct.pack("<Q", 2**62) + b"{}")),
        ("a header of nothing", lambda path: path.write_bytes(struct.pack("<Q", 2) + b"{}")),
        (
            "a header that lies",
            lambda path: path.write_bytes(
                _header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
            ),
        ),
        (
            "a header of another shape",
            lambda path: path.write_bytes(_header({"a": {"dtype": "F32", "shape": "x", "data_offsets": None}})),
        ),
        ("one byte changed", partial(_flip, stream.randrange(10**6))),
        ("another byte changed", partial(_flip, stream.randrange(400))),
    ]
    found = [(name, way, make) for name in names for way, make in ways]
    stream.shuffle(found)
    yield from found


def _header(content: Any) -> bytes:
    head = json.dumps(content).encode()
    return struct.pack("<Q", len(head)) + head + bytes(64)


def _flip(at: int, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 0x55
    path.write_bytes(bytes(content))


@kind(45)
def model_files(stream: random.Random) -> Iterator[Case]:
    """Files of a folder that are broken, or no files."""
    for file, way, make in files(stream):
        what = stream.choice(("encoder", "model"))

        def spoil(place: Place, what: str = what, file: str = file, make: Any = make) -> None:
            path = place.work / what / file
            path.touch()
            make(path)

        yield Case(name=f"{what}/{file}: {way}", steps=[words_for(what)], spoil=spoil, seconds=60)
