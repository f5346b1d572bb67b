"""A finder on ``sys.meta_path`` that lets every ``import textattack`` of the process be a guarded one.

How it works: it is there as soon as robench is imported, and answers for the name ``textattack`` alone. So TextAttack
is found, and its import has no side effects, whoever asks for it: robench, a plug-in at its top, or an object that is
unpickled. ``import robench`` imports this module, so it imports nothing heavy itself.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def forbid_fetching(forbidden: bool) -> Iterator[None]:
    """Let imports of TextAttack inside the block, such as those of a plug-in, fetch nothing if ``forbidden``."""
    before = TextAttackFinder.offline
    TextAttackFinder.offline = before or forbidden
    try:
        yield
    finally:
        TextAttackFinder.offline = before


def watch_imports() -> None:
    """Put robench's finder of TextAttack before all others, unless it is there."""
    if TextAttackFinder not in sys.meta_path:
        sys.meta_path.insert(0, TextAttackFinder)


class TextAttackFinder:
    """A finder that answers for TextAttack, and for nothing else.

    Attributes:
        offline: whether it fetches nothing.
    """

    offline = False

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Find TextAttack; if it is neither installed nor in the cache, its import fetches it.

        Of an installed version that robench does not use, the import is that of the next finder.

        Raises:
            ModuleNotFoundError: it is not available; the message says why.
        """
        if name != "textattack":
            return None
        from robench.errors import RobenchError
        from robench.resources.textattack_guard import GuardedLoader
        from robench.resources.textattack_source import find_textattack

        try:
            spec = find_textattack()
        except RobenchError as error:
            raise ModuleNotFoundError(str(error), name=name) from error
        if spec is not None:
            spec.loader = GuardedLoader(spec.loader, offline=cls.offline)
        return spec
