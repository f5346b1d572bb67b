"""Per-example results: a JSON line for each, appended as soon as it is known.

How it works: a line is complete if it ends with a newline. A process that is killed can leave an incomplete last line.
:func:`read` ignores it, and :func:`repair` removes it before more lines are appended. A broken line anywhere else is an
error. The form of a line never changes in a way that makes old files unreadable.
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
    """The result of an attack on one example; the fields are the keys of the JSON line.

    Attributes:
        id: row of the example in its split, from 0.
        label: index of the gold label.
        original: the text before the attack.
        final: the text after the attack: the adversarial text, or after a failure the best text that the search found,
            or after a skip the original.
        status: "succeeded" (the attack changed the prediction), "failed" (the model is still right) or "skipped" (the
            model was wrong before the attack).
        probabilities_before: the model's probability of each class for ``original``.
        probabilities_after: the same for ``final``.
        queries: number of texts that the attack sent to the model, as TextAttack counts: with repetitions and the
            original.
        words_changed: number of words of ``original`` that were replaced or removed in ``final``.
        words: number of words of ``original``, as TextAttack splits it.
        seconds: time of the search itself and its share of the model's time, on this machine.
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
    """Write a record as one line to a file that was opened with "ab", and flush it to the operating system.

    Raises:
        RobenchError: a number is not finite, or the file cannot be written.
    """
    line = _encode(record)
    with translate_os_errors(Path(str(file.name))):
        file.write(line)
        file.flush()


def read(path: Path) -> list[Record]:
    """Read records, sorted by id; an incomplete last line is ignored with a warning.

    Keys that this version does not know are ignored. A result that was written twice counts once; its seconds may
    differ.

    Raises:
        RobenchError: the file is missing, a line is broken, or two lines give one id different results.
    """
    try:
        whole, tail = _split(path.read_bytes())
    except OSError as error:
        raise RobenchError(f"cannot read the records {path}: {(error.strerror or str(error)).lower()}.") from error
    if tail:
        _log.warning("%s: the last line was torn off after %d bytes and is left out", path, len(tail))
    by_id: dict[int, tuple[int, Record]] = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        record = _decode(line, f"{path}, line {number}")
        first, earlier = by_id.setdefault(record.id, (number, record))
        if replace(record, seconds=earlier.seconds) != earlier:
            raise RobenchError(
                f"{path}: lines {first} and {number} give different results for example {record.id}. "
                "Two runs were mixed: delete the file and attack again."
            )
    return [record for _, (_, record) in sorted(by_id.items())]


def repair(path: Path) -> int:
    """Remove an incomplete last line, and return its length in bytes; 0 if there is none, or no file.

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
    """Split the content of a file after its last newline."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _encode(record: Record) -> bytes:
    values = asdict(record)
    try:
        try:
            text = json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:  # a lone surrogate cannot be encoded as UTF-8, only escaped
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
            raise RobenchError(f"{where}: {name!r} cannot be {values[name]!r:.60}. Delete the line or fix the value.")
    return Record(**{name: values[name] for name in _CHECKS})


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not standard JSON")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


# The keys are annotations, which are strings because of `from __future__ import annotations`.
_BY_TYPE: dict[str, Callable[[Any], bool]] = {
    "int": _is_count,
    "str": lambda value: isinstance(value, str),
    "Status": lambda value: value in get_args(Status),
    "list[float]": _is_numbers,
    "float": _is_number,
}
_CHECKS = {field.name: _BY_TYPE[str(field.type)] for field in fields(Record)}
