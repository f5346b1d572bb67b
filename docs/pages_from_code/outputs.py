"""What commands and blocks of Python print about the entries of this repository, for pages that show it.

``make results`` writes the outputs into the pages, by cog; a test fails if a page shows anything else. So a new entry
and the pages that tell of it come in one commit.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from robench.cli import app

ENTRIES = "leaderboards/measured"
"""Where the entries are, from the root of the repository, which is where cog runs."""
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def show(command: str, *, notes: bool = True) -> str:
    """Return a command and the Markdown that it prints of the entries, without the commands that fill gaps.

    Args:
        command: arguments of robench, without the folder of results.
        notes: whether the page shows what stands above and below the rows, too; the headings of several blocks are
            shown in any case.

    Raises:
        RuntimeError: the command ends with an error.
    """
    printed, _, _ = _run(command, "--format", "md").partition("\n—: no result yet. To fill the gaps:")
    if notes:
        return f"{_name(command)}{printed.strip()}\n\n"
    _, *headings = re.findall(r"^\*\*.*\*\*$", printed, re.MULTILINE)
    kept = [line for line in printed.splitlines() if line.startswith("|") or (line in headings and len(headings) > 1)]
    spaced = (f"\n{line}\n" if line in headings else line for line in kept)
    return f"{_name(command)}{chr(10).join(spaced).strip()}\n\n"


def _name(command: str) -> str:
    return f"\n```bash\nrobench {command} --runs {ENTRIES}\n```\n\n"


def _run(command: str, *options: str) -> str:
    words = [*shlex.split(command), "--runs", ENTRIES, *options]
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, words)
    if done.exit_code != 0:
        raise RuntimeError(f"robench {' '.join(words)}: {done.output}")
    return done.stdout.strip()


def run_block_above(page: str, line: int) -> str:
    """Run the last block of Python above a line of a page, and return what it prints as a block of text."""
    above = "".join(Path(page).read_text(encoding="utf-8").splitlines(keepends=True)[:line])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(_PYTHON.findall(above)[-1], {})
    return f"\n```text\n{printed.getvalue()}```\n\n"
