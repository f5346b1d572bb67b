"""A headless Chromium that opens a page, runs its scripts, and gives what has become of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="NO PAGE WAS OPENED: install Chromium (Debian's package chromium) to test pages"
)


def dump_page(page: Path, folder: Path) -> str:
    """The document of a page after its scripts have run.

    Args:
        page: the file.
        folder: an empty folder for the browser's own files.
    """
    assert PROGRAM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}"]
    options += ["--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    done = subprocess.run([PROGRAM, *options], capture_output=True, timeout=240, check=True)
    return done.stdout.decode()
