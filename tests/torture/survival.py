"""What has to survive a kill: what was finished or written before it, and the results of the undisturbed run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robench.results.store import RECORDS_FILE, STAGE_FILE
from robench.study.shared_rows import PARTS
from support.runs import contents

FileState = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, and size in bytes."""


@dataclass
class Tally:
    """What the kills came to.

    Attributes:
        moments: moments killed.
        survived: of these, the ones after which the run came out whole and as the undisturbed one.
        lost_records: records that the undisturbed run has and that are missing or other ones.
        different_weights: models whose weights differ from the undisturbed run's.
        repeated: finished stages and written records that were made again.
        faults: what went wrong, in words.
    """

    moments: int = 0
    survived: int = 0
    lost_records: int = 0
    different_weights: int = 0
    repeated: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Whole:
    """A whole run.

    Attributes:
        contents: for each stage, its records without their seconds, or the digest of its weights.
        table: the table that it printed.
    """

    contents: dict[str, Any]
    table: str

    @classmethod
    def read(cls, runs: Path, table: str) -> Whole:
        """Read a runs folder."""
        return cls(contents(runs), table)

    def compare(self, other: Whole, tally: Tally) -> None:
        """Compare the run after kills with this one, which is undisturbed."""
        for name, made in self.contents.items():
            found = other.contents.get(name, [])
            if isinstance(made, str):
                if found != made:
                    tally.different_weights += 1
                    tally.faults.append(f"the weights of {name} differ" if found else f"there is no {name}")
            elif lost := [record for record in made if record not in found]:
                tally.lost_records += len(lost)
                tally.faults.append(f"{name} lacks {len(lost)} of {len(made)} records")
            elif len(found) > len(made):
                tally.faults.append(f"{name} has {len(found) - len(made)} records too many")
        if more := [name for name in other.contents if name not in self.contents]:
            tally.faults.append(f"there are more stages: {', '.join(more)}")
        if self.table != other.table:
            tally.faults.append("the table differs")


@dataclass(frozen=True)
class Kept:
    """What a runs folder has at one moment and keeps, whatever happens after it.

    Attributes:
        files: the files of finished stages.
        lines: the whole lines of the records of other stages, by the stage's folder; such a record has the seconds
            that its search took, so a row that was attacked again has another line.
    """

    files: dict[Path, FileState]
    lines: dict[Path, set[bytes]]

    @classmethod
    def read(cls, runs: Path) -> Kept:
        """Read a runs folder, in which processes may be at work."""
        files: dict[Path, FileState] = {}
        lines: dict[Path, set[bytes]] = {}
        for folder in runs.glob("*/[!.]*"):
            if (folder / STAGE_FILE).exists():
                files |= {file: _state(file) for file in folder.glob("[!.]*") if file.suffix != ".lock"}
            elif folder.is_dir():
                lines[folder] = set(_whole_lines(folder))
        return cls(files, lines)

    def compare(self, tally: Tally) -> None:
        """Compare with what the folder has now that the run is whole."""
        for file, state in self.files.items():
            if not file.exists() or _state(file) != state:
                tally.repeated += 1
                tally.faults.append(f"{file} was finished and is made again")
        for folder, lines in self.lines.items():
            if again := lines - set(_whole_lines(folder)):
                tally.repeated += len(again)
                tally.faults.append(f"{len(again)} records of {folder} were written and are gone: {min(again)!r:.200}")


def fingerprint(runs: Path) -> int:
    """Return a number that changes as soon as anything in a runs folder does."""
    return hash(frozenset((str(file), *_state(file)) for file in _files(runs)))


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, of which some may go meanwhile."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _whole_lines(folder: Path) -> Iterator[bytes]:
    """Yield the lines of a stage's records, wherever they are now."""
    parts = (file for file in _files(folder / PARTS) if file.suffix == ".jsonl")
    for file in (*parts, folder / RECORDS_FILE):  # where those of a part that is gone are
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # it is merged just now
            continue
        yield from content.splitlines(keepends=True)[: content.count(b"\n")]


def _state(file: Path) -> FileState:
    try:
        state = file.lstat()
    except FileNotFoundError:
        return 0, 0, 0
    return state.st_ino, state.st_mtime_ns, state.st_size
