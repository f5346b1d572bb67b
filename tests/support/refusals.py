"""The one sentence with which a command refuses."""

from __future__ import annotations

from typer.testing import Result


def told(done: Result) -> str:
    """The message of a refusal, which must be one: short, on stderr, its last line but for the frames below it."""
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.stderr and done.stdout == ""
    message = [line for line in done.stderr.strip().splitlines() if not line.startswith("  ")][-1]
    assert message.startswith("robench: ") and message[-1] in ".)" and len(message) < 700, message
    return message
