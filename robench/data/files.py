"""Readers of a task's rows from a local folder: ``DIR/<task>/{train,dev,test}.{tsv,csv,parquet}``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robench.data.task import SPLITS, Row, Splits
from robench.data.tsv import Cells, split_cells
from robench.errors import RobenchError
from robench.escaping import list_values, show_value

TEXT_COLUMNS = ("sentence", "text")
LABEL_COLUMN = "label"
SUFFIXES = (".tsv", ".csv", ".parquet")


def read_folder(folder: Path) -> Splits:
    """Read the splits of one task from its folder. Without a file for dev, dev is empty.

    Raises:
        RobenchError: train or test has no file, a split has two files, or a file is malformed; the message names the
            file and the line (from 1).
    """
    rows: dict[str, list[Row]] = {}
    places: dict[str, tuple[Path, Sequence[int]]] = {}
    tsv: dict[str, Cells] = {}
    for split in SPLITS:
        path = _find_file(folder, split)
        if path is None:
            rows[split] = []
            continue
        if path.suffix == ".tsv":
            tsv[path.name] = split_cells(_read_text(path))
            numbered = list(_select_cells(path, iter(tsv[path.name].rows)))
        else:
            numbered = list((_read_csv if path.suffix == ".csv" else _read_parquet)(path))
        if not numbered:
            raise RobenchError(f"{path} has no rows: give it at least one below its header, or remove it.")
        rows[split] = [row for _, row in numbered]
        places[split] = path, [number for number, _ in numbered]

    def describe_place(split: str, index: int) -> str:
        path, numbers = places[split]
        return f"{path}, {'row' if path.suffix == '.parquet' else 'line'} {numbers[index]}"

    train, dev, test = (rows[split] for split in SPLITS)
    notes = tuple(_note_quoting(tsv))
    return Splits(train=train, dev=dev, test=test, source=f"local:{folder}", notes=notes, place=describe_place)


def _find_file(folder: Path, split: str) -> Path | None:
    files = [folder / f"{split}{suffix}" for suffix in SUFFIXES]
    present = [path for path in files if path.is_file()]
    if len(present) > 1:
        raise RobenchError(
            f"{folder} has {' and '.join(path.name for path in present)} for one split: keep one of them."
        )
    if not present and split != "dev":
        content = list_values(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise RobenchError(
            f"{folder} has no {split} split: it needs {', '.join(path.name for path in files[:-1])} or "
            f"{files[-1].name}, and holds {content}."
        )
    return present[0] if present else None


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    if not data.strip():
        raise RobenchError(f"{path} is empty: it needs a header with the columns sentence and label, and rows.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = f"byte {data[error.start]:#04x}"
        raise RobenchError(f"{path}, line {line}: {byte} is not UTF-8. Save the file as UTF-8.") from error


def _find_columns(path: Path, header: Sequence[str]) -> tuple[str, str]:
    """Return the names of the text and the label column.

    Raises:
        RobenchError: there is none, or several have that name.
    """
    text = next((name for name in TEXT_COLUMNS if name in header), None)
    if text is None or LABEL_COLUMN not in header:
        missing = "sentence (or text)" if text is None else LABEL_COLUMN
        names = list_values(show_value(name) for name in header)
        raise RobenchError(f"{path} has no column {missing}: its header names {names}.")
    for name in (text, LABEL_COLUMN):
        if header.count(name) > 1:
            raise RobenchError(f"{path} has {header.count(name)} columns {name!r}: keep one, or rename the others.")
    return text, LABEL_COLUMN


def _select_cells(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
    """Yield the rows below a header, each with its line number.

    Args:
        path: the file, for messages.
        lines: the cells of each line with its number, the header first.
    """
    _, header = next(lines)
    text, label = (header.index(name) for name in _find_columns(path, header))
    for number, cells in lines:
        if len(cells) != len(header):
            raise RobenchError(f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)}.")
        yield number, (cells[text], cells[label])


def _note_quoting(files: Mapping[str, Cells]) -> Iterator[str]:
    """Yield notes on the files with cells in quotation marks: what was made of the marks."""
    for is_quoted, meaning in (
        (True, "are quoting, as pandas writes it, and not part of the texts"),
        (False, "are part of the texts, since the other texts do not fit quoting"),
    ):
        counts = {name: cells.marked for name, cells in files.items() if cells.marked and cells.is_quoted is is_quoted}
        if counts:
            listed = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
            yield f"the quotation marks around whole cells of {listed} {meaning}"


def _read_csv(path: Path) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)

    def read_lines() -> Iterator[tuple[int, list[str]]]:
        while True:
            first = reader.line_num + 1  # a quoted cell may span several lines
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise RobenchError(f"{path}, line {first}: not readable as CSV ({error}).") from error
            if cells:
                yield first, cells

    return _select_cells(path, read_lines())


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with path.open("rb") as stream:  # pyarrow takes no path that is not UTF-8
            file: Any = pyarrow.parquet.ParquetFile(stream)
            names = _find_columns(path, file.schema_arrow.names)
            table = file.read(columns=list(names))
        texts, labels = (table.column(name).to_pylist() for name in names)
    except (pyarrow.ArrowException, OSError) as error:
        raise RobenchError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error
    for number, row in enumerate(zip(texts, labels, strict=True), 1):
        for name, cell in zip(names, row, strict=True):
            if cell is None:
                raise RobenchError(f"{path}, row {number}: no {name}.")
        if not isinstance(row[0], str):
            raise RobenchError(f"{path}, row {number}: its {names[0]} is not a text but a {type(row[0]).__name__}.")
        yield number, row
