"""Rows of an attack shared by processes: by this one, and by others that a test steers line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from robench.data.load import Example
from robench.results.records import Record
from robench.results.salvage import salvage_lines
from robench.study.shared_rows import SharedRows
from support.hand_made import record

TESTS = Path(__file__).parents[1]
KEY = "0123456789abcdef"


def examples(count: int) -> list[tuple[int, Example]]:
    return [(row, Example(made.original, made.label)) for row in range(count) for made in [record(row, "failed")]]


def result(row: int) -> Record:
    """The only result that an attack on a row can have here."""
    return record(row, ("succeeded", "failed")[row % 2], probabilities_before=[[0.75, 0.25], [0.25, 0.75]][row % 2])


def share(folder: Path, count: int) -> SharedRows:
    return SharedRows(folder, KEY, examples(count))


def good_records(path: Path, count: int) -> tuple[Record, ...]:
    """The good records of a file, which is cleaned as a run cleans it."""
    rows = share(path.parent, count)
    found = salvage_lines(path, KEY, rows.sample)
    if path.exists():
        path.write_bytes(b"".join(line + b"\n" for line in found.good))
    return found.records


class Sharer:
    """Another process with shared rows."""

    def __init__(self, folder: Path, count: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.row_sharer", str(folder), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )

    def ask(self, method: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def keep(self, rows: Iterable[int]) -> None:
        for row in rows:
            self.ask("keep", row)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def main(folder: Path, count: int) -> None:
    rows = share(folder, count)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        answer: Any = None
        if method == "open":
            rows.open(lambda path: good_records(path, count))
        elif method == "keep":
            rows.keep(result(*arguments))
        elif method == "merge":
            rows.merge(lambda path: good_records(path, count))
        else:
            answer = getattr(rows, method)(*arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
