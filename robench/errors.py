"""The error that users see, and the boundaries to code of others, whose failures are translated into it."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Callable, Iterator

from robench.escaping import escape_terminal, shorten
from robench.frames import find_frames, format_frames, locate
from robench.process import keep_settings

_LONGEST = 300
"""Most characters of another's message."""
_MACHINE_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""What an ``OSError`` says if the machine is to blame, whoever's code meets it."""
_MACHINE_WORDS = ("OutOfMemoryError", "AcceleratorError", "CUDA error", "can't allocate memory")
"""What errors of torch say then, in their types or messages."""


class RobenchError(Exception):
    """A failure that the user can fix.

    The message is one or two sentences: what was wrong, where (file, row, field) and what to do. It may quote what
    strangers wrote: control characters are replaced, and the middle of a message of more than 2,000 characters is left
    out. The command line prints it to stderr, without a traceback, and exits with code 2.

    Attributes:
        frames: if code of others failed, the frames of the traceback that are its own, as Python writes them.
    """

    def __init__(self, message: str = "", frames: str = "") -> None:
        super().__init__(shorten(escape_terminal(message, keep="\n")))
        self.frames = frames


class UnitError(RobenchError):
    """A failure of one defense, attack or model: work that does without it can go on, see :func:`spares_others`."""


class ForeignError(UnitError):
    """A failure of code of others, as a sentence."""


class UnavailableError(RobenchError):
    """Something that a run needs is not on this machine, and cannot be fetched."""


class RunEndError(RobenchError):
    """A reason to end a run at once: it concerns no single text, and no other text would fare better."""


class ControlFlow(BaseException):
    """The base of exceptions with which robench leaves code of others, and which that code does not cause."""


@contextlib.contextmanager
def translate_failures(
    failure: str, *classes: type, advice: Callable[[BaseException], str] = lambda error: ""
) -> Iterator[None]:
    """Translate whatever code of others raises in the block into a sentence; ``sys.exit`` is such a failure, too.

    Ctrl-C, robench's own errors and the end of a generator pass. If other code failed that a plug-in in the block had
    called, such as a network, the sentence also says where that was.

    Args:
        failure: the beginning of the sentence, such as ``the defense X failed``.
        classes: classes whose files are code of others wherever they lie.
        advice: returns for an error the sentences to add, with a blank before them.

    Raises:
        ForeignError: the block raises anything else.
    """
    try:
        yield
    except ForeignError as error:
        frames = [] if error.frames else find_frames(error, *filter(_is_plugin, classes))
        if not frames:
            raise
        raise ForeignError(f"{failure}: {_name_line(frames[-1])}: {error}", format_frames(frames)) from error.__cause__
    except (RobenchError, KeyboardInterrupt, GeneratorExit, ControlFlow):
        raise
    except BaseException as error:  # a plug-in's or a function's code may raise anything
        frames = find_frames(error, *classes)
        place = _name_line(frames[-1]) if frames else next(filter(None, map(locate, classes)), "")
        file, _, line = place.rpartition(", ")
        place = line if file in failure else place  # which has named the file
        reason = f"{place}: {describe_error(error)}" if place else describe_error(error)
        raise ForeignError(f"{failure}: {reason}.{advice(error)}", format_frames(frames, error)) from error


def _is_plugin(cls: type) -> bool:
    return cls.__module__.partition(".")[0] != "robench"


@contextlib.contextmanager
def run_foreign_code(
    failure: str, *classes: type, advice: Callable[[BaseException], str] = lambda error: ""
) -> Iterator[None]:
    """Run code of others in the block: translate what it raises, and put back the settings of the process.

    See :func:`translate_failures` and :func:`~robench.process.keep_settings`.
    """
    with translate_failures(failure, *classes, advice=advice), keep_settings():
        yield


@contextlib.contextmanager
def blame_foreign_code(name_file: Callable[[str], str] = lambda file: "") -> Iterator[None]:
    """Translate what code of others raises anywhere in the block into a sentence, and refuse its ``sys.exit``.

    This is the outermost boundary, for code that is not called inside of the others, such as a property. An error that
    arose in no line of others is robench's own, and passes.

    Args:
        name_file: returns for a file what it provides, such as ``the defense mine``; empty if that is not known.

    Raises:
        UnitError: code of others raises anything but an interrupt.
    """
    try:
        yield
    except (RobenchError, KeyboardInterrupt, ControlFlow):
        raise
    except BaseException as error:
        if isinstance(error.__context__, BrokenPipeError):  # rich: nobody reads the output any more
            raise
        frames = find_frames(error)
        if isinstance(error, SystemExit):
            frames = frames or traceback.extract_tb(error.__traceback__)[-1:]
            sentence = (
                f"{_name_line(frames[-1])} ended the program ({describe_error(error)}) before robench was done; a"
                " plug-in or a model raises an exception instead."
            )
        elif frames:
            failed = name_file(frames[-1].filename) or "code of others"
            sentence = f"{failed} failed: {_name_line(frames[-1])}: {describe_error(error)}."
        else:
            raise
        raise UnitError(sentence, format_frames(frames)) from error


def spares_others(error: BaseException) -> bool:
    """Return whether work that needs nothing of what failed can go on: no machine, disk or service is to blame."""
    return isinstance(error, UnitError) and not any(map(_is_of_machine, _list_causes(error)))


def release_values(error: BaseException) -> None:
    """Let go of what the code that failed had in memory, such as a model; its lines stay known."""
    for one in _list_causes(error):
        traceback.clear_frames(one.__traceback__)


def _list_causes(error: BaseException) -> list[BaseException]:
    """Return an error, and those that it arose from."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and not any(cause is one for one in found):
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _is_of_machine(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _MACHINE_NUMBERS
    sentence = describe_error(error)
    return isinstance(error, MemoryError) or any(word in sentence for word in _MACHINE_WORDS)


def _name_line(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename}, line {frame.lineno}"


def quote_message(error: BaseException) -> str:
    """Return the first line of an error's message, with the next one if it is a heading; its type if it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an error on one line, without a full stop.

    The message is cut, and may be missing: reading it runs the error's own code, which may fail as well.
    """
    try:
        message = " ".join(str(error).split())[:_LONGEST].rstrip(" .")
    except (Exception, SystemExit):
        message = ""
    return f"{type(error).__name__}: {message or 'no message'}"
