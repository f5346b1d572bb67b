"""Where TextAttack comes from: the installed package, or else the pinned wheel, which is fetched into the cache.

robench does not depend on TextAttack's distribution, because that requires flair, whose last release requires
Transformers 4 and which only few attacks use. So the wheel is fetched like the other pinned packages, and what it
imports is among robench's own dependencies.
"""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from robench.errors import RobenchError
from robench.resources import packages
from robench.resources.pinned_packages import TEXTATTACK

NAME = "textattack"
TEXTATTACK_VERSION = TEXTATTACK.version
"""The version that all of robench uses; attacks' keys have it."""


def prepare_textattack(*, offline: bool = False) -> None:
    """Fetch TextAttack, unless it is installed or in the cache.

    Raises:
        RobenchError: another version is installed, or the pinned one cannot be fetched.
    """
    installed = find_installed()
    if installed is None:
        packages.fetch_package(TEXTATTACK, offline=offline)
    else:
        _check_version(installed.origin, f"is installed in {_root(installed.origin)}")


def find_textattack() -> ModuleSpec | None:
    """Find the pinned TextAttack for an import; None if another version is installed.

    What has to be fetched first is a package without a place, so that who only asks whether there is a TextAttack
    fetches nothing.

    Raises:
        RobenchError: its folder in the cache does not hold it.
    """
    installed = find_installed()
    if installed is not None:
        return installed if _read_version(installed.origin) == TEXTATTACK_VERSION else None
    if packages.locate_package(TEXTATTACK).is_dir():
        return find_fetched(offline=True)
    return ModuleSpec(NAME, None, is_package=True)


def find_fetched(*, offline: bool) -> ModuleSpec:
    """Find the pinned TextAttack in the cache, and fetch it if it is not there.

    Its folder becomes the last one that Python searches: processes that inherit the search path find it there, and
    ``importlib.metadata`` its version.

    Raises:
        RobenchError: it cannot be fetched.
    """
    folder = str(packages.fetch_package(TEXTATTACK, offline=offline))
    if folder not in sys.path:
        sys.path.append(folder)
    found = PathFinder.find_spec(NAME, [folder])
    if found is None:
        raise RobenchError(f"{folder} does not hold TextAttack; delete that folder, and it is fetched again.")
    return found


def find_installed() -> ModuleSpec | None:
    """Find the TextAttack that an import would take without robench's finder; None if there is none.

    A copy that robench fetched is not installed: it may lie in a cache that ROBENCH_CACHE does not name any more.
    """
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is not None and not str(getattr(finder, "__module__", "")).startswith("robench."):
            spec: ModuleSpec | None = find(NAME, None, None)
            if spec is None or spec.origin is None:  # a folder of that name without a module has no origin
                continue
            if _root(spec.origin).name != TEXTATTACK.folder:
                return spec
    return None


def check_module(module: ModuleType) -> None:
    """Check that a module which others imported is the pinned TextAttack.

    Raises:
        RobenchError: it is another version, or something else.
    """
    origin = getattr(module, "__file__", None)
    _check_version(origin, f"was imported from {_root(origin)}")


def _check_version(origin: str | None, place: str) -> None:
    """Check that the module of a file belongs to the pinned version.

    Args:
        origin: the file of the module.
        place: tells where it is, as the end of a clause.

    Raises:
        RobenchError: it does not.
    """
    version = _read_version(origin)
    if version != TEXTATTACK_VERSION:
        named = f"TextAttack {version}" if version else "a module textattack of unknown version"
        raise RobenchError(
            f"{named} {place}, but robench's attacks are those of TextAttack {TEXTATTACK_VERSION}: remove it (`pip"
            f" uninstall {NAME}`), and robench fetches its own, or run `pip install --no-deps"
            f" {TEXTATTACK.pin}`."
        )


def _root(origin: str | None) -> Path:
    """Return the folder that Python found a package in; the one of its file if it is no package."""
    file = Path(origin or "nowhere")
    return file.parents[1] if file.name == "__init__.py" else file.parent


def _read_version(origin: str | None) -> str:
    """Return the version that the package's metadata says, which lies beside it; empty if there is none."""
    if origin is None:
        return ""
    found = metadata.distributions(name=NAME, path=[str(_root(origin))])
    return next((one.version for one in found), "")
