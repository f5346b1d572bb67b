"""A task's rows from a local folder: ``DIR/<task>/{train,dev,test}.{tsv,csv,parquet}``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from robench.data.task import SPLITS, Row, Splits
from robench.errors import RobenchError

TEXT_COLUMNS = ("sentence", "text")
LABEL_COLUMN = "label"
SUFFIXES = (".tsv", ".csv", ".parquet")


def read_folder(folder: Path) -> Splits:
    """Read the splits of one task. A split without a file is empty, except that train and test must be there.

    Raises:
        RobenchError: a file is missing, given twice, or not as it should be; with file and line (from 1).
    """
    rows: dict[str, list[Row]] = {}
    places: dict[str, tuple[Path, Sequence[int]]] = {}
    for split in SPLITS:
        path = _file_of(folder, split)
        if path is None:
            rows[split] = []
            continue
        read = {".tsv": _tsv, ".csv": _csv, ".parquet": _parquet}[path.suffix]
        numbered = list(read(path))
        if not numbered:
            raise RobenchError(f"{path} has no rows: give it at least one below its header, or remove it.")
        rows[split] = [row for _, row in numbered]
        places[split] = path, [number for number, _ in numbered]

    def place(split: str, index: int) -> str:
        path, numbers = places[split]
        return f"{path}, {'row' if path.suffix == '.parquet' else 'line'} {numbers[index]}"

    train, dev, test = (rows[split] for split in SPLITS)
    return Splits(train=train, dev=dev, test=test, source=f"local:{folder}", place=place)


def _file_of(folder: Path, split: str) -> Path | None:
    files = [folder / f"{split}{suffix}" for suffix in SUFFIXES]
    there = [path for path in files if path.is_file()]
    if len(there) > 1:
        raise RobenchError(f"{folder} has {' and '.join(path.name for path in there)} for one split: keep one of them.")
    if not there and split != "dev":
        found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise RobenchError(
            f"{folder} has no {split} split: it needs {', '.join(path.name for path in files[:-1])} or "
            f"{files[-1].name}, and holds {found}."
        )
    return there[0] if there else None


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    if not data.strip():
        raise RobenchError(f"{path} is empty: it needs a header with the columns sentence and label, and rows.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = f"byte {data[error.start]:#04x}"
        raise RobenchError(f"{path}, line {line}: {byte} is not UTF-8. Save the file as UTF-8.") from error


def _columns(path: Path, header: Sequence[str]) -> tuple[str, str]:
    """Names of the text and the label column."""
    text = next((name for name in TEXT_COLUMNS if name in header), None)
    if text is None or LABEL_COLUMN not in header:
        missing = "sentence (or text)" if text is None else LABEL_COLUMN
        there = ", ".join(repr(name) for name in header)
        raise RobenchError(f"{path} has no column {missing}: its header names {there}.")
    return text, LABEL_COLUMN


def _cells(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
    """Rows of a file with a header, each with its line number."""
    _, header = next(lines)
    text, label = (header.index(name) for name in _columns(path, header))
    for number, cells in lines:
        if len(cells) != len(header):
            raise RobenchError(f"{path}, line {number}: {len(cells)} cells where the header has {len(header)}.")
        yield number, (cells[text], cells[label])


def _tsv(path: Path) -> Iterator[tuple[int, Row]]:
    """Tab-separated without quoting; only a line feed ends a line, so other Unicode breaks may stand in a text."""
    lines = _decoded(path).rstrip("\r\n").split("\n")
    return _cells(path, ((number, line.removesuffix("\r").split("\t")) for number, line in enumerate(lines, 1)))


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)

    def lines() -> Iterator[tuple[int, list[str]]]:
        while True:
            first = reader.line_num + 1  # a quoted cell may run over several lines
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise RobenchError(f"{path}, line {first}: not readable as CSV ({error}).") from error
            if cells:
                yield first, cells

    return _cells(path, lines())


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table: Any = pyarrow.parquet.ParquetFile(path)
        names = _columns(path, table.schema_arrow.names)
        texts, labels = (column.to_pylist() for column in map(partial(_column, table.read(columns=list(names))), names))
    except (pyarrow.ArrowException, OSError) as error:
        raise RobenchError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error
    for number, row in enumerate(zip(texts, labels, strict=True), 1):
        for name, cell in zip(names, row, strict=True):
            if cell is None:
                raise RobenchError(f"{path}, row {number}: no {name}.")
        if not isinstance(row[0], str):
            raise RobenchError(f"{path}, row {number}: its {names[0]} is not a text but a {type(row[0]).__name__}.")
        yield number, row


def _column(table: Any, name: str) -> Any:
    return table.column(name)
