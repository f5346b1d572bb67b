"""What a fresh process imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

HEAVY = (
    *("torch", "transformers", "textattack", "nltk", "datasets", "pandas", "numpy", "scipy", "matplotlib", "pyarrow"),
    "requests",
)


def imported(code: str, modules: Sequence[str] = HEAVY, environment: Mapping[str, str] | None = None) -> list[str]:
    """Return which of ``modules`` a new interpreter has imported after it ran ``code``."""
    question = f"import sys\nprint(*[name for name in {tuple(modules)!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{question}"], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.splitlines()[-1].split()
