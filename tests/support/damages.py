"""Accidents that happen to a folder, mostly one of runs: copying, merging, power, disks. Each takes it and harms it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], object]
CELL, OTHER_CELL = "cells/mr-base-pwws-*", "cells/mr-ada-pwws-*"
MODEL, OTHER_MODEL = "models/mr-base-seed42-*", "models/mr-ada-pwws-*"
D_ADV, OTHER_D_ADV = "adversarial/mr-pwws-*", "adversarial/mr-deepwordbug-*"


def one(runs: Path, pattern: str) -> Path:
    (found,) = runs.glob(pattern)
    return found


def put(pattern: str, content: bytes) -> Damage:
    """Replace the content of a file."""
    return lambda runs: one(runs, pattern).write_bytes(content)


def edit(pattern: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the content of a file."""

    def harm(runs: Path) -> None:
        file = one(runs, pattern)
        changed = change(file.read_bytes())
        assert changed != file.read_bytes()
        file.write_bytes(changed)

    return harm


def copy(source: str, target: str) -> Damage:
    """Put one file in the place of another."""
    return lambda runs: shutil.copyfile(one(runs, source), one(runs, target))


def remove(*patterns: str) -> Damage:
    def harm(runs: Path) -> None:
        for pattern in patterns:
            for path in runs.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return harm


def together(*damages: Damage) -> Damage:
    return lambda runs: [damage(runs) for damage in damages]


def stage(pattern: str, change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change values of a ``stage.json``, which stays valid."""

    def edited(content: bytes) -> bytes:
        values = json.loads(content)
        change(values)
        return json.dumps(values, indent=1, ensure_ascii=False).encode()

    return edit(f"{pattern}/stage.json", edited)


def lines(pattern: str, change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    """Change the lines of a records file; each has its newline."""
    return edit(f"{pattern}/records.jsonl", lambda data: b"".join(change(data.splitlines(keepends=True))))


def line(pattern: str, change: Callable[[dict[str, Any]], object], number: int = 3) -> Damage:
    """Change the values of one line, which is then written as a program without any checksum would."""

    def edited(found: list[bytes]) -> list[bytes]:
        values = json.loads(found[number])
        values.pop("checksum", None)
        change(values)
        return [*found[:number], json.dumps(values).encode() + b"\n", *found[number + 1 :]]

    return lines(pattern, edited)


def contradict(found: list[bytes]) -> list[bytes]:
    """Add a line that gives the first row another result."""
    values = json.loads(found[0])
    values.pop("checksum", None)
    return [*found, json.dumps(values | {"queries": values["queries"] + 1}).encode() + b"\n"]


def exchange(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Exchange the first two different values of the same length."""

    def changed(data: bytes) -> bytes:
        assert old in data and new in data
        return data.replace(old, b"\0", 1).replace(new, old, 1).replace(b"\0", new, 1)

    return changed


def exchange_statuses(data: bytes) -> bytes:
    """Exchange two statuses at the same size of the file."""
    found = sorted({s for s in (b"failed", b"skipped", b"succeeded") if b'"status": "%s"' % s in data})
    return exchange(b'"status": "%s"' % found[0], b'"status": "%s"' % found[1])(data)


def flip_a_bit(data: bytes) -> bytes:
    """Flip a bit of the last weight."""
    return data[:-2] + bytes([data[-2] ^ 64]) + data[-1:]


def wrong(data: bytes) -> bytes:
    return data.replace(b'"correct": true', b'"correct": false')


def swap_words(data: bytes) -> bytes:
    """Exchange the numbers of two words of a tokenizer."""
    values = json.loads(data)
    words = values["model"]["vocab"]
    a, b = sorted(words)[-2:]
    words[a], words[b] = words[b], words[a]
    return json.dumps(values).encode()


def twin(runs: Path) -> None:
    """Copy a cell under another label, and change a record of the copy as another machine would have made it."""
    from robench.results import records
    from robench.results.integrity import write_stage
    from robench.results.store import Store

    cell = one(runs, CELL)
    copied = cell.with_name(f"a-copy-{cell.name[-16:]}")
    shutil.copytree(cell, copied)
    found = records.read(copied / "records.jsonl")
    (copied / "records.jsonl").unlink()
    with (copied / "records.jsonl").open("ab") as file:
        for number, record in enumerate(found):
            changes = {"queries": record.queries + 1} if number == 0 else {}
            records.append(file, type(record)(**(vars(record) | changes)), cell.name[-16:])
    stored = Store(runs).read(copied)
    assert stored is not None
    write_stage(copied, stored.info)


def rename(pattern: str, name: Callable[[str], str]) -> Damage:
    def harm(runs: Path) -> None:
        folder = one(runs, pattern)
        folder.rename(folder.with_name(name(folder.name)))

    return harm
