"""Per-example results: one JSON line each, appended when it is known, loadable for ever.

A line is complete when its newline is there. A killed process can leave at most a torn last line: :func:`read` leaves
it out, :func:`repair` cuts it off before more lines follow. A broken line anywhere else is an error.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, get_args

from robench.errors import RobenchError
from robench.paths import translate_os_errors

Status = Literal["succeeded", "failed", "skipped"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an attack did to one example; the fields are the keys of the JSON line.

    Attributes:
        id: row of the example in its split, from 0.
        label: the gold label's index.
        original: the text before.
        final: the text the attack ended with: the adversarial one, after a failure the best one that the search found,
            after a skip the original.
        status: "succeeded" (the attack won), "failed" (the model stood) or "skipped" (it was wrong from the start).
        probabilities_before: the model's probability of each class for ``original``.
        probabilities_after: the same for ``final``.
        queries: texts that the attack asked about, as TextAttack counts: repeats included, the original too.
        words_changed: words of ``original`` that were replaced or removed in ``final``.
        words: words of ``original``, as TextAttack cuts them.
        seconds: the search's own time and its share of the model's, on this machine.
    """

    id: int
    label: int
    original: str
    final: str
    status: Status
    probabilities_before: list[float]
    probabilities_after: list[float]
    queries: int
    words_changed: int
    words: int
    seconds: float


def append(file: IO[bytes], record: Record) -> None:
    """Write ``record`` as one line to ``file`` (opened with "ab") and hand it to the operating system.

    Raises:
        RobenchError: a number is not finite, or the file cannot be written.
    """
    line = _encode(record)
    with translate_os_errors(Path(str(file.name))):
        file.write(line)
        file.flush()


def read(path: Path) -> list[Record]:
    """Load the records of ``path``, sorted by id; a torn last line is left out and reported as a warning.

    Keys that this version does not know are ignored. The same result written twice (seconds aside) counts once.

    Raises:
        RobenchError: the file is missing, a line is broken, or two lines give one id different results.
    """
    try:
        whole, tail = _split(path.read_bytes())
    except OSError as error:
        raise RobenchError(f"cannot read the records {path}: {(error.strerror or str(error)).lower()}.") from error
    if tail:
        _log.warning("%s: the last line was torn off after %d bytes and is left out", path, len(tail))
    found: dict[int, tuple[int, Record]] = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        record = _decode(line, f"{path}, line {number}")
        first, earlier = found.setdefault(record.id, (number, record))
        if replace(record, seconds=earlier.seconds) != earlier:
            raise RobenchError(
                f"{path}: lines {first} and {number} give different results for example {record.id}. "
                "Two runs were mixed: delete the file and attack again."
            )
    return [record for _, (_, record) in sorted(found.items())]


def repair(path: Path) -> int:
    """Cut a torn last line off ``path`` and return its length in bytes (0: nothing was torn, or there is no file).

    Raises:
        RobenchError: the file cannot be changed.
    """
    if not path.exists():
        return 0
    with translate_os_errors(path):
        whole, tail = _split(path.read_bytes())
        if tail:
            with path.open("r+b") as file:
                file.truncate(len(whole))
    return len(tail)


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Complete lines, and what follows the last newline."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _encode(record: Record) -> bytes:
    values = asdict(record)
    try:
        try:
            text = json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form, but an escape
            text = json.dumps(values, allow_nan=False).encode()
    except ValueError as error:
        raise RobenchError(
            f"the result of example {record.id} has a number that is not finite. "
            "Look for NaN in the model's weights: its training diverged."
        ) from error
    return text + b"\n"


def _decode(line: bytes, where: str) -> Record:
    try:
        values = json.loads(line, parse_constant=_refuse_constant)
    except ValueError as error:
        raise RobenchError(
            f"{where} is not a JSON record: {error}. Delete the line to attack that row again."
        ) from error
    if not isinstance(values, dict):
        raise RobenchError(f"{where} is not a JSON object. Delete the line to attack that row again.")
    for name, accepts in _CHECKS.items():
        if name not in values:
            raise RobenchError(f"{where}: the key {name!r} is missing. Delete the line to attack that row again.")
        if not accepts(values[name]):
            raise RobenchError(f"{where}: {name!r} cannot be {values[name]!r:.60}. Delete the line or mend the value.")
    return Record(**{name: values[name] for name in _CHECKS})


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not standard JSON")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


# Keyed by the annotation, which is a string here.
_BY_TYPE: dict[str, Callable[[Any], bool]] = {
    "int": _is_count,
    "str": lambda value: isinstance(value, str),
    "Status": lambda value: value in get_args(Status),
    "list[float]": _is_numbers,
    "float": _is_number,
}
_CHECKS = {field.name: _BY_TYPE[str(field.type)] for field in fields(Record)}
