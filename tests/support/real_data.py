"""The real data sets, which are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path


def real_data_if_any() -> Path | None:
    """The folder that ROBENCH_TEST_DATA names, laid out as ``--data`` takes it; none if it names none."""
    folder = os.environ.get("ROBENCH_TEST_DATA")
    return Path(folder) if folder else None
