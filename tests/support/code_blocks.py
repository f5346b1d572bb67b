"""The code blocks of README.md, of docs/*.md and of the help that the pages show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"(?:^<!-- test: (.+) -->\n)?^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = ("bash", "python", "text", "toml", "yaml", "{literalinclude}", "{image}", "{toctree}")
"""What a block can be; a shell's and Python's run."""


class Block(NamedTuple):
    """A block of a page.

    Attributes:
        page: name of the page's file.
        line: the line on which it begins.
        language: the first word behind its fence.
        text: its lines.
        note: what ``<!-- test: NOTE -->`` above it says: ``dry-run``, or ``parse: why it cannot run``; mostly empty.
    """

    page: str
    line: int
    language: str
    text: str
    note: str

    @property
    def place(self) -> str:
        """Where it stands, as ``first-table-40``."""
        return f"{self.page.removesuffix('.md')}-{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The words of each line of a shell, without comments and redirections; continued lines are one."""
        lines = self.text.replace("\\\n", " ").splitlines()
        found = [shlex.split(line, comments=True) for line in lines if line.strip()]
        return [words[: words.index(">")] if ">" in words else words for words in found if words]

    @property
    def robench(self) -> list[list[str]]:
        """The arguments of each command of robench."""
        return [words[1:] for words in self.commands if words[0] == "robench"]


def read_blocks(page: Path, text: str = "") -> list[Block]:
    """Read the blocks of a page, or of a text that stands in its place."""
    text = text or page.read_text(encoding="utf-8")
    return [
        Block(
            page.name, text[: found.start(2)].count("\n") + 1, (found[2].split() or [""])[0], found[3], found[1] or ""
        )
        for found in _FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in read_blocks(page)]
"""All of them."""
