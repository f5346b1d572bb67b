"""Names of the models that attacks ask: a folder, ``minilm``, or a Hub id with or without ``@commit``."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from robench.errors import RobenchError
from robench.paths import absolute_path
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import BUNDLED_ENCODERS

Commits = Mapping[str, str]
"""For Hub ids, the commit to use if a name has none. For other Hub ids it is ``main``."""

NO_COMMITS: Commits = MappingProxyType({})

_COMMIT = re.compile("[0-9a-f]{40}")


def find_model_folder(name: str) -> Path | None:
    """Return the folder that a name means; None if it means a model of the Hub.

    Raises:
        RobenchError: the name is a path to a folder that does not exist.
    """
    folder = absolute_path(Path(name))
    if folder.is_dir():
        return folder.resolve()
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"the folder {name} of a language model does not exist.")
    return None


def split_hub_name(name: str, commits: Commits = NO_COMMITS) -> tuple[str, str]:
    """Split a name into Hub id and revision."""
    repository, _, revision = name.partition("@")
    return repository, revision or commits.get(repository, "main")


def pin_model_name(name: str, commits: Commits = NO_COMMITS, *, offline: bool = False) -> str:
    """Return a name that means the same files for ever; that of a branch or tag gets the commit that it stands for now.

    The names of folders, of bundled models and of models at a commit stay as they are.

    Args:
        name: the name.
        commits: see :data:`Commits`.
        offline: take the commit that the Hub's cache has, and send the Hub no request.

    Raises:
        RobenchError: there is no such folder or model, or it is not available here.
    """
    if name in BUNDLED_ENCODERS or find_model_folder(name):
        return name
    repository, revision = split_hub_name(name, commits)
    return name if _COMMIT.fullmatch(revision) else f"{repository}@{_find_commit(repository, revision, offline)}"


@functools.cache
def _find_commit(repository: str, revision: str, offline: bool) -> str:
    """Find the commit of a branch once a process, so that all stages of a run have the same one."""
    title, hint = f"language model {repository}", "run once with a connection to it"
    revised = None if revision == "main" else revision
    return find_on_hub(repository, title, ("a folder",), hint, offline=offline, revision=revised).commit
