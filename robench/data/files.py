"""The reader of a task's rows from a local folder: ``DIR/<task>/{train,dev,test}.{tsv,csv,jsonl,parquet}``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from robench.data.label_names import note_classes, translate_classes
from robench.data.table import NumberedRow, Table, list_columns
from robench.data.tables import SUFFIXES, open_table
from robench.data.task import SPLITS, Splits
from robench.data.tsv import Cells
from robench.errors import RobenchError
from robench.escaping import list_values

TEXT_COLUMNS = ("sentence", "text")
LABEL_COLUMN = "label"


def read_folder(folder: Path, labels: Sequence[str]) -> Splits:
    """Read the splits of one task from its folder. Without a file for dev, dev is empty.

    Args:
        folder: the folder.
        labels: names of the task's labels. A file that has the same names in another order goes by its own order.

    Raises:
        RobenchError: train or test has no file, a split has two files, or a file is malformed; the message names the
            file and the line (from 1). Or the files number their classes differently, by names that are not the task's.
    """
    tables: dict[str, Table] = {}
    for split in SPLITS:
        path = find_file(folder, [split])
        if path is not None:
            tables[split] = open_table(path)
        elif split != "dev":
            raise make_missing_error(folder, split)
    rows: dict[str, list[NumberedRow]] = {split: [] for split in SPLITS}
    unknown: dict[str, tuple[str, ...]] = {}
    for split, table in tables.items():
        text, label = _find_columns(table)
        classes = table.classes.get(label, ())
        rows[split] = translate_classes(table.read_rows(text, label), classes, labels)
        if note_classes(classes, labels):
            unknown[table.place] = classes
    if len(set(unknown.values())) > 1:
        listed = "; ".join(f"{place} {list_values(classes)}" for place, classes in unknown.items())
        raise RobenchError(
            f"the files of one task number their classes differently ({listed}): write the task's labels"
            f" ({list_values(labels)}) as their names."
        )
    notes = [*note_quoting(tables.values()), *note_classes(next(iter(unknown.values()), ()), labels)]

    def describe_place(split: str, index: int) -> str:
        return tables[split].describe_place(rows[split][index][0])

    train, dev, test = ([row for _, row in rows[split]] for split in SPLITS)
    return Splits(train=train, dev=dev, test=test, source=f"local:{folder}", notes=tuple(notes), place=describe_place)


def find_file(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the file of a split; None if there is none.

    Args:
        folder: the folder.
        names: names of the split, without the file's ending.

    Raises:
        RobenchError: there are several.
    """
    files = [folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES]
    present = [path for path in files if path.is_file()]
    if len(present) > 1:
        raise RobenchError(
            f"{folder} has {' and '.join(path.name for path in present)} for one split: keep one of them."
        )
    return present[0] if present else None


def make_missing_error(folder: Path, split: str) -> RobenchError:
    """Make the error for a folder that has no file of a split."""
    content = list_values(sorted(path.name for path in folder.iterdir())) or "nothing"
    files = [f"{split}{suffix}" for suffix in SUFFIXES]
    return RobenchError(
        f"{folder} has no {split} split: it needs {', '.join(files[:-1])} or {files[-1]}, and holds {content}."
    )


def _find_columns(table: Table) -> tuple[str, str]:
    """Return the names of the text and the label column.

    Raises:
        RobenchError: there is none, or several have that name.
    """
    text = next((name for name in TEXT_COLUMNS if name in table.names), None)
    if text is None or LABEL_COLUMN not in table.names:
        missing = "sentence (or text)" if text is None else LABEL_COLUMN
        raise RobenchError(f"{table.place} has no column {missing}: its header names {list_columns(table.names)}.")
    for name in (text, LABEL_COLUMN):
        table.refuse_copies(name)
    return text, LABEL_COLUMN


def note_quoting(tables: Iterable[Table]) -> Iterator[str]:
    """Yield notes on the files with cells in quotation marks: what was made of the marks."""
    files: Mapping[str, Cells] = {Path(table.place).name: table.cells for table in tables if table.cells}
    for is_quoted, meaning in (
        (True, "are quoting, as pandas writes it, and not part of the texts"),
        (False, "are part of the texts, since the other texts do not fit quoting"),
    ):
        counts = {name: cells.marked for name, cells in files.items() if cells.marked and cells.is_quoted is is_quoted}
        if counts:
            listed = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
            yield f"the quotation marks around whole cells of {listed} {meaning}"
