"""Per-example results: a JSON line for each, appended as soon as it is known.

How it works: a line is complete if it ends with a newline. A process that is killed can leave an incomplete last line.
:func:`read` ignores it, and :func:`repair` removes it before more lines are appended. A broken line anywhere else is an
error. The form of a line never changes in a way that makes old files unreadable.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, get_args

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.paths import open_unlinked, read_regular, translate_os_errors, translate_read_errors
from robench.syncing import make_folder

Status = Literal["succeeded", "failed", "skipped", "error"]

REPAIR = "the next `robench run` attacks that row again"
"""What becomes of a broken line, as the end of a sentence."""

_CHECKSUM = b', "checksum": "%s"'
"""The checksum of a line, which is its last key."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of an attack on one example; the fields are the keys of the JSON line.

    Attributes:
        id: row of the example in its split, from 0.
        label: index of the gold label.
        original: the text before the attack.
        final: the text after the attack: the adversarial text, or after a failure the text at which the search ended,
            or after a skip or an error the original. A greedy or beam search over all words ends at the best text of
            its last step; an earlier one may have come nearer.
        status: "succeeded" (the attack changed the prediction), "failed" (the model is still right), "skipped" (the
            model was wrong before the attack) or "error" (the attack's or the model's code failed).
        probabilities_before: the model's probability of each class for ``original``; may be empty after an error.
        probabilities_after: the same for ``final``.
        queries: number of texts that the attack sent to the model, as TextAttack counts: with repetitions and the
            original.
        words_changed: number of words of ``original`` that were replaced or removed in ``final``; inserted words are
            not counted.
        words: number of words of ``original``, as TextAttack splits it.
        seconds: time of the search itself and its share of the model's time, on this machine.
        reason: after an error, what failed; only then it is a key of the line.
        failed_text: after an error, the text on which the code failed; only then it is a key of the line.
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
    reason: str = ""
    failed_text: str = ""


def append(file: IO[bytes], record: Record, key: str) -> int:
    """Write a record as one line to a file that was opened with "ab", flush it, and return the line's length in bytes.

    So it outlives the process. A power cut may take the last seconds' lines, which are attacked again; that they are on
    the disk before ``stage.json`` counts them is :func:`robench.results.integrity.write_stage`'s work.

    Args:
        file: the file.
        record: the record.
        key: key of the stage that the record belongs to, for the line's checksum.

    Raises:
        RobenchError: a number is not finite, or the file cannot be written.
    """
    content = _encode(record)
    line = content[:-1] + _CHECKSUM % make_line_checksum(key, content) + b"}\n"
    with translate_os_errors(Path(str(file.name))):
        file.write(line)
        file.flush()
    return len(line)


def write(path: Path, records: Iterable[Record], key: str) -> None:
    """Write records to a new file, in place of what a process that was killed may have left.

    Args:
        path: the file.
        records: the records.
        key: key of the stage that they belong to.

    Raises:
        RobenchError: a number is not finite, or the file cannot be written.
    """
    with translate_os_errors(path):
        make_folder(path.parent)
        path.unlink(missing_ok=True)
        file = open_unlinked(path, "ab")
    with file:
        for record in records:
            append(file, record, key)


def read(path: Path) -> list[Record]:
    """Read records, sorted by id; an incomplete last line is ignored with a warning.

    Keys that this version does not know are ignored. A result that was written twice counts once; its seconds may
    differ.

    Raises:
        RobenchError: the file is missing, a line is broken, or two lines give one id different results.
    """
    try:
        whole, tail = _split(read_regular(path))
    except OSError as error:
        raise RobenchError(f"cannot read the records {path}: {(error.strerror or str(error)).lower()}.") from error
    if tail:
        _log.warning("%s: the last line was torn off after %d bytes and is left out", path, len(tail))
    by_id: dict[int, tuple[int, Record]] = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        record = decode(line, f"{path}, line {number}")
        first, earlier = by_id.setdefault(record.id, (number, record))
        if record is not earlier and not is_same_result(record, earlier):
            raise RobenchError(
                f"{path}: lines {first} and {number} give different results for example {record.id}: two runs were"
                f" mixed; {REPAIR}."
            )
    return [record for _, (_, record) in sorted(by_id.items())]


def is_same_result(one: Record, other: Record) -> bool:
    """Return whether two records say the same; their seconds may differ."""
    return replace(one, seconds=other.seconds) == other


def repair(path: Path) -> int:
    """Remove an incomplete last line, and return its length in bytes; 0 if there is none, or no file.

    Raises:
        RobenchError: the file cannot be read or changed.
    """
    if not path.exists():
        return 0
    with translate_read_errors(path):
        whole, tail = _split(read_regular(path))
    if tail:
        with translate_os_errors(path), open_unlinked(path, "r+b") as file:
            file.truncate(len(whole))
    return len(tail)


def add_lines(path: Path, lines: bytes) -> None:
    """Append lines, of which the last may be incomplete, to a records file, which need not exist.

    Raises:
        RobenchError: the file cannot be read or changed.
    """
    repair(path)
    with translate_os_errors(path):
        make_folder(path.parent)
        with open_unlinked(path, "ab") as file:
            file.write(lines + b"\n" if lines and not lines.endswith(b"\n") else lines)


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Split the content of a file after its last newline."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _encode(record: Record) -> bytes:
    values = make_json_object(record)
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
    return text


def decode(line: bytes, where: str) -> Record:
    """Read a line, whatever its checksum says.

    Args:
        line: its bytes, without the newline.
        where: its place, for errors.

    Raises:
        RobenchError: it is not JSON, a key is missing, or a value has another type.
    """
    try:
        values = _DECODER.decode(line.decode(json.detect_encoding(line), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise RobenchError(f"{where} is not a JSON record: {error}; {REPAIR}.") from error
    if not isinstance(values, dict):
        raise RobenchError(f"{where} is not a JSON object; {REPAIR}.")
    values = _DEFAULTS | values
    for name, accepts in _CHECKS.items():
        if name not in values:
            raise RobenchError(f"{where}: the key {name!r} is missing; {REPAIR}.")
        if accepts is _is_numbers and values[name] == [] and values.get("status") == "error":
            continue  # the model may never have scored the text
        if not accepts(values[name]):
            raise RobenchError(f"{where}: {name!r} cannot be {show_value(values[name], 60)}; {REPAIR}.")
    before, after = (len(values[f"probabilities_{when}"]) for when in ("before", "after"))
    if before != after and values["status"] != "error":
        raise RobenchError(f"{where}: it has {before} probabilities before the attack and {after} after it; {REPAIR}.")
    return Record(**{name: values[name] for name in _CHECKS})


def make_json_object(record: Record) -> dict[str, Any]:
    """Return the keys and values of a record's line, in its order."""
    values = dict(vars(record))
    if record.status != "error":
        del values["reason"], values["failed_text"]
    return values


def make_line_checksum(key: str, line: bytes) -> bytes:
    """Return the checksum of a line that has none yet and no newline, in the stage with a key."""
    return hashlib.sha256(key.encode() + line).hexdigest()[:16].encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not standard JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
"""Made once: ``json.loads`` would make one for each line."""


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LIMIT


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LIMIT


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


_LIMIT = 2**63
"""No count and no number of a record comes near it; a larger integer is no float."""
# The keys are annotations, which are strings because of `from __future__ import annotations`.
_BY_TYPE: dict[str, Callable[[Any], bool]] = {
    "int": _is_count,
    "str": lambda value: isinstance(value, str),
    "Status": get_args(Status).__contains__,
    "list[float]": _is_numbers,
    "float": _is_number,
}
_CHECKS = {field.name: _BY_TYPE[str(field.type)] for field in fields(Record)}
_DEFAULTS = {field.name: field.default for field in fields(Record) if field.default is not MISSING}
"""Keys that a line need not have."""
