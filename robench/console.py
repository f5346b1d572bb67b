"""The streams that robench prints to, and a rich console on which no foreign string is a command."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, TextIO

from rich import console
from rich.segment import Segment

from robench.escaping import escape_terminal

_streams: list[tuple[TextIO, TextIO]] = []
"""Robench's standard output and standard error, while ``sys.stdout`` and ``sys.stderr`` are for code of others."""


@contextlib.contextmanager
def divert_output() -> Iterator[None]:
    """Send to standard error what code of others prints in the block, so that standard output holds results alone.

    What such code does to ``sys.stdout`` and ``sys.stderr`` has no effect on robench's own output, and is undone.
    """
    output, errors = sys.stdout, sys.stderr
    _streams.append((output, errors))
    sys.stdout = _OpenStream(errors)
    try:
        yield
    finally:
        _streams.pop()
        sys.stdout, sys.stderr = output, errors


def output_stream() -> TextIO:
    """Return the stream for results; see :func:`divert_output`."""
    return _streams[-1][0] if _streams else sys.stdout


class _OpenStream(io.TextIOBase):
    """A stream that passes everything on to another one, but does not close it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


class Console(console.Console):
    """A rich console on which every string is text: it replaces control characters, and reads no markup.

    Rich passes control characters on: a label could set the window's title, clear the screen or hide a line. It reads
    ``[red]`` as a command and ``:one:`` as an emoji, and both can be part of a label or of the name of a function.
    Colours, which are ``Text`` with a style here, and progress bars are not strings, and stay.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    @property
    def file(self) -> IO[str]:
        """Return the stream that is printed to; see :func:`divert_output`."""
        if self._file is None and _streams:
            return _streams[-1][1 if self.stderr else 0]
        return super().file

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def on_broken_pipe(self) -> None:
        """Pass on that nobody reads the output any more, which ends a command quietly."""
        if self.stderr:
            super().on_broken_pipe()
        raise BrokenPipeError

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render an object as segments whose texts are harmless."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(escape_terminal(text, keep="\n"), style)
