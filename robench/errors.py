"""The error that users see, and the translation into it of whatever code that is not robench's raises."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from robench.escaping import escape_terminal, shorten

_LONGEST = 300
"""Most characters of another's message."""


class RobenchError(Exception):
    """A failure that the user can fix.

    The message is one or two sentences: what was wrong, where (file, row, field) and what to do. It may quote what
    strangers wrote: control characters are replaced, and the middle of a message of more than 2,000 characters is left
    out. The command line prints it to stderr, without a traceback, and exits with code 2.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shorten(escape_terminal(message, keep="\n")))


class ControlFlow(BaseException):
    """The base of exceptions with which robench leaves code of others, and which that code does not cause."""


@contextlib.contextmanager
def translate_failures(failure: str, *classes: type, advice: str = "") -> Iterator[None]:
    """Translate whatever code of others raises in the block into a sentence; ``sys.exit`` is such a failure, too.

    Ctrl-C, robench's own errors and the end of a generator pass.

    Args:
        failure: the beginning of the sentence, such as ``the defense X failed``.
        classes: classes in whose files the failing line is looked for.
        advice: sentences to add, with a blank before them.

    Raises:
        RobenchError: the block raises anything else.
    """
    try:
        yield
    except (RobenchError, KeyboardInterrupt, GeneratorExit, ControlFlow):
        raise
    except BaseException as error:  # a plug-in's or a function's code may raise anything
        files = [getattr(sys.modules.get(one.__module__), "__file__", None) or "" for one in classes]
        raise RobenchError(f"{failure}: {find_line(error, *files)}{describe_error(error)}.{advice}") from error


@contextlib.contextmanager
def refuse_exit() -> Iterator[None]:
    """Let no ``sys.exit`` in the block end the program, as if all were done: it is code of others that calls it.

    Raises:
        RobenchError: the block raises SystemExit.
    """
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # rich: nobody reads the output any more
            raise
        traced = error.__traceback__
        while traced is not None and traced.tb_next is not None:
            traced = traced.tb_next
        place = f"{traced.tb_frame.f_code.co_filename}, line {traced.tb_lineno}" if traced else "code of others"
        raise RobenchError(
            f"{place} ended the program ({describe_error(error)}) before robench was done; a plug-in or a model raises"
            " an exception instead."
        ) from error


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an error on one line, without a full stop.

    The message is cut, and may be missing: reading it runs the error's own code, which may fail as well.
    """
    try:
        message = " ".join(str(error).split())[:_LONGEST].rstrip(" .")
    except (Exception, SystemExit):
        message = ""
    return f"{type(error).__name__}: {message or 'no message'}"


def find_line(error: BaseException, *files: str) -> str:
    """Return ``FILE, line N: `` for the innermost line of these files at which an error arose; empty if there is none.

    Args:
        error: the error, with its traceback.
        files: paths of source files, as their code objects name them.
    """
    place, traced = "", error.__traceback__
    while traced is not None:
        if traced.tb_frame.f_code.co_filename in files:
            place = f"{traced.tb_frame.f_code.co_filename}, line {traced.tb_lineno}: "
        traced = traced.tb_next
    return place
