"""Whether flair is installed, which is an extra."""

from __future__ import annotations

import importlib.util

HAS_FLAIR = importlib.util.find_spec("flair") is not None
