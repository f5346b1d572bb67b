"""Goldens: what robench gave when they were frozen, which later changes are compared with.

One way to freeze: run the tests of a golden with ``ROBENCH_FREEZE=1`` in the environment, which writes it in place of
comparing with it, and commit the files that changed::

    ROBENCH_FREEZE=1 python -m pytest tests/test_golden_records.py
"""

from __future__ import annotations

import os
from pathlib import Path

GOLDENS = Path(__file__).parents[1] / "goldens"
FREEZING = os.environ.get("ROBENCH_FREEZE") == "1"


def how(test_file: str) -> str:
    """The sentence that says how to freeze."""
    return f"freeze it with ROBENCH_FREEZE=1 python -m pytest tests/{Path(test_file).name} and commit what it writes."
