"""The console that robench prints to: a rich console on which no foreign string is a command."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console
from rich.segment import Segment

from robench.escaping import escape_terminal


class Console(console.Console):
    """A rich console that replaces control characters in everything that is printed on it.

    Rich passes them on: a label could set the window's title, clear the screen or hide a line. Colours and progress
    bars are not text, and stay.
    """

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render an object as segments whose texts are harmless."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(escape_terminal(text, keep="\n"), style)
