"""The error for packages that are not in the cache when nothing may be fetched, and how one error names several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from robench.errors import UnavailableError
from robench.escaping import list_values
from robench.paths import cache_dir

if TYPE_CHECKING:
    from robench.resources.packages import Package


class MissingPackagesError(UnavailableError):
    """Packages are not in the cache, and nothing may be fetched.

    Attributes:
        packages: the packages, each once.
    """

    def __init__(self, packages: Iterable[Package]) -> None:
        self.packages = tuple(dict.fromkeys(packages))
        verb, them = ("is", "it") if len(self.packages) == 1 else ("are", "them")
        super().__init__(
            f"{list_values(one.pin for one in self.packages)} {verb} not in the cache ({cache_dir()}) and --offline"
            f" forbids fetching {them}: run once with a network (`robench doctor --fetch` fetches all that built-ins"
            f" need), or point ROBENCH_CACHE to a cache that has {them}."
        )


def gather_missing(steps: Iterable[Callable[[], object]]) -> None:
    """Take steps that may find packages missing, all of them, so that one error names all these packages.

    Raises:
        MissingPackagesError: a step found some.
    """
    missing: list[Package] = []
    for step in steps:
        try:
            step()
        except MissingPackagesError as error:
            missing += error.packages
    if missing:
        raise MissingPackagesError(missing)
