"""Readers of a task's rows from a local folder: ``DIR/<task>/{train,dev,test}.{tsv,csv,parquet}``."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robench.data.task import SPLITS, Row, Splits
from robench.data.tsv import Cells, split_cells
from robench.errors import RobenchError
from robench.escaping import list_values, shorten, show_value
from robench.paths import open_regular, read_regular

TEXT_COLUMNS = ("sentence", "text")
LABEL_COLUMN = "label"
SUFFIXES = (".tsv", ".csv", ".parquet")
_OTHER_FORMS = {
    codecs.BOM_UTF32_LE: "in UTF-32",
    codecs.BOM_UTF16_LE: "in UTF-16",
    codecs.BOM_UTF16_BE: "in UTF-16",
    b"\x1f\x8b": "compressed (gzip)",
    b"PK\x03\x04": "an archive or a workbook (zip)",
    b"PAR1": "in the format parquet, which needs the ending .parquet",
}
"""What a file is that begins with certain bytes."""


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
            tsv[path.name] = split_cells(read_text(path))
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


def read_text(path: Path, columns: str = "sentence and label") -> str:
    """Read a file of rows as text.

    Args:
        path: the file.
        columns: those that its header needs, for errors.

    Raises:
        RobenchError: it cannot be read, is empty, or is no plain text in UTF-8.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise RobenchError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise RobenchError(f"{path} is empty: it needs a header with the columns {columns}, and rows.")
    for start, form in _OTHER_FORMS.items():
        if data.startswith(start):
            raise RobenchError(f"{path} is {form}. Save it as plain text in UTF-8.")
    if b"\0" in data[: data.find(b"\n")]:
        raise RobenchError(f"{path} has NUL bytes in its header, as UTF-16 has. Save it as plain text in UTF-8.")
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
    first = next(lines, None)
    if first is None:
        raise RobenchError(f"{path} is empty: it needs a header with the columns sentence and label, and rows.")
    header = first[1]
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
    return _select_cells(path, read_csv_lines(path, read_text(path)))


def read_csv_lines(path: Path, content: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row of a CSV file, its header included, with the number of the row's first line.

    Args:
        path: the file, for errors.
        content: its content.

    Raises:
        RobenchError: it is no CSV.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))  # by default a cell has 131,072 characters at most
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
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


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow.parquet

    try:
        with open_regular(path) as stream:  # pyarrow takes no path that is not UTF-8
            file: Any = pyarrow.parquet.ParquetFile(stream)
            names = _find_columns(path, file.schema_arrow.names)
            table = file.read(columns=list(names))
    except RobenchError:
        raise
    except Exception as error:  # the type depends on the fault and on the library's version
        raise RobenchError(f"{path} cannot be read as parquet: {_describe(error)}.") from error
    texts, labels = (_read_cells(path, name, table.column(name)) for name in names)
    for number, row in enumerate(zip(texts, labels, strict=True), 1):
        for name, cell in zip(names, row, strict=True):
            if cell is None:
                raise RobenchError(f"{path}, row {number}: no {name}.")
        if not isinstance(row[0], str):
            raise RobenchError(f"{path}, row {number}: its {names[0]} is not a text but a {type(row[0]).__name__}.")
        yield number, row


def _read_cells(path: Path, name: str, column: Any) -> list[Any]:
    """Convert a column of pyarrow to Python's values.

    Raises:
        RobenchError: a value has none, such as a date of the year 30,000, or bytes that are not UTF-8.
    """
    try:
        values: list[Any] = column.to_pylist()
        return values
    except Exception:
        for number, cell in enumerate(column, 1):
            try:
                cell.as_py()
            except Exception as error:
                raise RobenchError(f"{path}, row {number}: its {name} cannot be read: {_describe(error)}.") from error
        raise


def _describe(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return shorten(lines[0], 200).rstrip(".")
