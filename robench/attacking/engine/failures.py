"""Failures that concern one example: the attack ends there with a record of status ``error``, and the rest goes on."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import NamedTuple

from robench.errors import RobenchError, describe_error

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]+)+(?=[\\/])")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")


class ExampleError(RobenchError):
    """A reason why one example has no result, in words of robench's own."""


class TextFailure(NamedTuple):
    """A text on which code of others failed, and the reason."""

    text: str
    reason: str


def describe_reason(error: BaseException) -> str:
    """Return type and message of an error, and file and line where it arose, in words that any machine would give.

    Folders and addresses are left out, so that equal failures have equal reasons. If robench has put an error into a
    sentence, the error itself is described.
    """
    cause = error.__cause__ or error
    if isinstance(cause, RobenchError):
        text, place = str(cause).rstrip("."), ""
    else:
        text, place = describe_error(cause), _find_place(cause)
    return _ADDRESS.sub("0x...", _PATH.sub("...", text)) + place


def _find_place(error: BaseException) -> str:
    traced = error.__traceback__
    while traced is not None and traced.tb_next is not None:
        traced = traced.tb_next
    return f" ({PurePath(traced.tb_frame.f_code.co_filename).name}, line {traced.tb_lineno})" if traced else ""
