"""The opening of files of rows, and of splits of data sets, as tables.

robench reads text files itself, because a library that guesses types takes a text such as "NA" or "2020-01-01" for
something else, and cannot say on which line a fault is. Parquet and Arrow files have types, and are read by their own
libraries.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robench.data.table import NumberedCells, Table
from robench.data.tsv import split_cells
from robench.errors import RobenchError, translate_failures
from robench.escaping import shorten
from robench.paths import open_regular, read_regular, translate_read_errors

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet")
"""Endings of the files that can be read."""
_OTHER_FORMS = {
    codecs.BOM_UTF32_LE: "in UTF-32",
    codecs.BOM_UTF16_LE: "in UTF-16",
    codecs.BOM_UTF16_BE: "in UTF-16",
    b"\x1f\x8b": "compressed (gzip)",
    b"PK\x03\x04": "an archive or a workbook (zip)",
    b"PAR1": "in the format parquet, which needs the ending .parquet",
}
"""What a file is that begins with certain bytes."""


def open_table(path: Path, columns: str = "sentence and label") -> Table:
    """Open a file of rows, whose ending says what it is.

    Args:
        path: the file.
        columns: those that its header needs, for errors.

    Raises:
        RobenchError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _open_parquet(path)
    content = read_text(path, columns)
    if suffix == ".jsonl":
        return _open_json_lines(path, content)
    cells = split_cells(content) if suffix == ".tsv" else None

    def read_lines() -> Iterator[tuple[int, list[str]]]:
        return iter(cells.rows) if cells else read_csv_lines(path, content)

    first = next(read_lines(), None)
    if first is None:
        raise RobenchError(f"{path} is empty: it needs a header with the columns {columns}, and rows.")
    header = first[1]

    def read_cells(names: Sequence[str]) -> Iterator[NumberedCells]:
        at = [header.index(name) for name in names]
        lines = read_lines()
        next(lines)
        for number, row in lines:
            if len(row) != len(header):
                raise RobenchError(f"{path}, line {number}: {len(row)} cells, but the header has {len(header)}.")
            yield number, [row[i] for i in at]

    return Table(place=str(path), names=tuple(header), read_cells=read_cells, cells=cells)


def open_dataset(place: str, dataset: Any) -> Table:
    """Open a split of a data set that ``datasets`` has read.

    Args:
        place: names it in messages.
        dataset: a ``datasets.Dataset``.
    """

    def read_cells(names: Sequence[str]) -> Iterator[NumberedCells]:
        with translate_failures(f"{place}: the rows cannot be read"):
            columns = [list(dataset[name]) for name in names]
        yield from enumerate(zip(*columns, strict=True), 1)

    classes = _find_classes(dataset.features)
    return Table(place=place, unit="row", names=tuple(dataset.column_names), read_cells=read_cells, classes=classes)


def read_text(path: Path, columns: str = "sentence and label") -> str:
    """Read a file of rows as text.

    Args:
        path: the file.
        columns: those that its header needs, for errors.

    Raises:
        RobenchError: it cannot be read, is empty, or is no plain text in UTF-8.
    """
    with translate_read_errors(path):
        data = read_regular(path)
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


def read_csv_lines(path: Path, content: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row of a CSV file, its header included, with the number of the row's first line.

    If its header has no comma, but semicolons or tabs, these separate the cells, as spreadsheets write them in
    countries with decimal commas.

    Args:
        path: the file, for errors.
        content: its content.

    Raises:
        RobenchError: it is no CSV.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))  # by default a cell has 131,072 characters at most
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=_find_delimiter(content), strict=True)
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


def _find_delimiter(content: str) -> str:
    """Return what separates the cells of a CSV file; one column alone is of no use, so the header has some."""
    header = content.lstrip("\r\n").partition("\n")[0]
    return "," if "," in header else max(",;\t", key=header.count)


def _open_json_lines(path: Path, content: str) -> Table:
    """Open a file with a JSON object on each line; its columns are the keys of the first one."""
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RobenchError(f"{path}, line {number}: not readable as JSON ({error}).") from error
        if not isinstance(row, dict):
            raise RobenchError(
                f'{path}, line {number}: each line should be a JSON object, such as {{"text": "fine", "label": 1}}.'
            )
        rows.append((number, row))

    def read_cells(names: Sequence[str]) -> Iterator[NumberedCells]:
        for number, row in rows:
            yield number, [row.get(name) for name in names]

    names = tuple(rows[0][1]) if rows else ()
    return Table(place=str(path), names=names, read_cells=read_cells)


def _open_parquet(path: Path) -> Table:
    import pyarrow.parquet

    with _translate_parquet(path), open_regular(path) as stream:  # pyarrow takes no path that is not UTF-8
        schema = pyarrow.parquet.ParquetFile(stream).schema_arrow

    def read_cells(names: Sequence[str]) -> Iterator[NumberedCells]:
        with _translate_parquet(path), open_regular(path) as stream:
            file: Any = pyarrow.parquet.ParquetFile(stream)
            table = file.read(columns=list(names))
        columns = [_read_column(path, name, table.column(name)) for name in names]
        yield from enumerate(zip(*columns, strict=True), 1)

    classes: dict[str, tuple[str, ...]] = {}
    if schema.metadata and b"huggingface" in schema.metadata:
        from datasets import Features

        with _translate_parquet(path):
            classes = _find_classes(Features.from_arrow_schema(schema))
    return Table(place=str(path), unit="row", names=tuple(schema.names), read_cells=read_cells, classes=classes)


@contextlib.contextmanager
def _translate_parquet(path: Path) -> Iterator[None]:
    """Translate any failure in the block into a sentence: its type depends on the fault and the library's version."""
    try:
        yield
    except RobenchError:
        raise
    except Exception as error:
        raise RobenchError(f"{path} cannot be read as parquet: {_describe(error)}.") from error


def _read_column(path: Path, name: str, column: Any) -> list[Any]:
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


def _find_classes(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes of each column of class numbers."""
    from datasets import ClassLabel

    return {name: tuple(one.names) for name, one in features.items() if isinstance(one, ClassLabel) and one.names}


def _describe(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return shorten(lines[0], 200).rstrip(".")
