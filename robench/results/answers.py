"""The answers of people who labelled texts, from the CSV or JSON files that they save.

A CSV file has the columns ``batch``, ``number`` and ``label``, and perhaps others; a JSON file is an object with
``batch``, ``answers`` (labels by number) and perhaps ``judge``. A label is written by name. An empty one is no answer;
``(unclear)`` says that the text has none of the labels, or cannot be understood.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from robench.errors import RobenchError
from robench.escaping import escape_terminal, list_values, show_value
from robench.paths import read_regular
from robench.results.blind_texts import BlindKey

UNCLEAR = "(unclear)"
"""The answer that a text has none of the labels."""
LARGEST = 16 * 2**20
"""Most bytes of a file of answers."""


@dataclass(frozen=True)
class JudgeAnswers:
    """The answers of one person.

    Attributes:
        judge: the name that they gave, or else that of the file.
        labels: indices of labels by the texts' numbers; -1 for :data:`UNCLEAR`. Texts without an answer are left out.
    """

    judge: str
    labels: Mapping[int, int]


def read_answers(path: Path, key: BlindKey) -> JudgeAnswers:
    """Read a file of answers.

    Args:
        path: a CSV or JSON file.
        key: of the texts that they are about.

    Raises:
        RobenchError: it cannot be read, is about other texts, or a row is malformed; the message names file and row.
    """
    try:
        content = read_regular(path)
    except OSError as error:
        raise RobenchError(f"the answers {path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if len(content) > LARGEST:
        raise RobenchError(f"{path} has {len(content):,} bytes; a file of answers has {LARGEST:,} at most.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RobenchError(f"{path} is not UTF-8: byte {error.start}; save it as UTF-8.") from error
    found = _read_json(path, text, key) if text.lstrip().startswith("{") else _read_csv(path, text, key)
    if not found.labels:
        raise RobenchError(f"{path} has no answers: all its labels are empty.")
    return found


def _read_csv(path: Path, text: str, key: BlindKey) -> JudgeAnswers:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[str, str, object]] = []
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        for name in ("batch", "number", "label"):
            if name not in columns:
                raise RobenchError(f"{path}, row 1: there is no column {name}; answers have batch, number and label.")
        reader.fieldnames = columns
        for number, values in enumerate(reader, start=2):  # as spreadsheets number rows
            place = f"{path}, row {number}"
            if None in values or None in values.values():
                raise RobenchError(f"{place} has not as many cells as there are columns ({len(columns)}).")
            _check_batch(place, values["batch"].strip(), key)
            rows.append((place, values["number"], values["label"]))
    except csv.Error as error:
        raise RobenchError(f"{path}, row {len(rows) + 2} is not CSV: {error}.") from error
    return JudgeAnswers(path.stem, _read_rows(rows, key))


def _read_json(path: Path, text: str, key: BlindKey) -> JudgeAnswers:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RobenchError(f"{path} is not JSON: {error}.") from error
    _check_batch(str(path), values.get("batch"), key)
    answers, judge = values.get("answers"), values.get("judge")
    if not isinstance(answers, dict):
        raise RobenchError(f"{path} has no answers, which are an object of labels by number.")
    rows = ((f"{path}, answer {show_value(number)}", number, label) for number, label in answers.items())
    return JudgeAnswers(judge if isinstance(judge, str) and judge.strip() else path.stem, _read_rows(rows, key))


def _check_batch(place: str, batch: object, key: BlindKey) -> None:
    if batch != key.batch:
        raise RobenchError(
            f"{place} is about the texts of batch {show_value(batch)}, the key about those of {key.batch!r}: take the"
            " key that was made with the page."
        )


def _read_rows(rows: Iterable[tuple[str, str, object]], key: BlindKey) -> dict[int, int]:
    """Return the answers of rows of a place, a number and a label."""
    names, small = _index_labels(key)
    numbers = {str(row.number): row.number for row in key.texts}
    found: dict[int, int] = {}
    seen: set[int] = set()
    for place, number_text, label in rows:
        number = numbers.get(number_text.strip())
        if number is None:
            raise RobenchError(f"{place}: there is no text {show_value(number_text)}; they are 1 to {len(numbers)}.")
        if number in seen:
            raise RobenchError(f"{place}: text {number} has an answer already.")
        seen.add(number)
        if label is None or (isinstance(label, str) and not label.strip()):
            continue
        index = names.get(label.strip(), small.get(label.strip().lower())) if isinstance(label, str) else None
        if index is None:
            there = list_values([*key.labels, UNCLEAR])
            raise RobenchError(f"{place}: the label {show_value(label)} is none of {there}, or empty for no answer.")
        found[number] = index
    return found


def _index_labels(key: BlindKey) -> tuple[dict[str, int], dict[str, int]]:
    """Return the indices of labels by their names as the page shows them, and by those that are clear in lower case."""
    names = {escape_terminal(name).strip(): index for index, name in enumerate(key.labels)} | {UNCLEAR: -1}
    count = Counter(name.lower() for name in names)
    return names, {name.lower(): index for name, index in names.items() if count[name.lower()] == 1}
