"""The folders in which Python searches modules while a file of the user's is run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def search_first(folder: Path) -> Iterator[None]:
    """Search modules in a folder first inside the block, and last after it.

    The code that is run may import modules that lie beside it later, when it works.

    Args:
        folder: an absolute path.
    """
    here = str(folder)
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)
