"""The Hugging Face Hub: models and data sets at a fixed commit, with time-outs if the Hub cannot be reached."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from robench.errors import RobenchError, UnavailableError
from robench.resources.foreign_model import ADAPTER_FILE

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

NO_MODEL = "the Hub has no such model"
"""The reason that :func:`ask_hub` gives if neither a connection nor a permission would help."""
NO_REVISION = "the Hub has no such revision of it"
"""The reason that it gives for a branch or commit that a model does not have."""

HUB_TIMEOUT = 10.0
"""Seconds to wait for the Hub's first answer."""


class HubModel(NamedTuple):
    """A model on the Hub, or its copy in the Hub's cache.

    Attributes:
        location: the argument for Transformers' ``from_pretrained``: the Hub id, or the folder of the cached copy.
        revision: the commit for ``from_pretrained``; None for a folder.
        commit: the commit that identifies the model in keys.
    """

    location: str
    revision: str | None
    commit: str


def find_on_hub(
    name: str,
    title: str,
    alternatives: Sequence[str],
    hint: str,
    *,
    offline: bool = False,
    revision: str | None = None,
) -> HubModel:
    """Find a model at the Hub's current commit, or else use the copy in the Hub's cache and log a warning.

    Args:
        name: its Hub id.
        title: the model in messages, such as ``encoder 'gpt2'``.
        alternatives: what else the name could have meant, for the error if it means none of them.
        hint: what a user can do if the model is not available.
        offline: send no request to the Hub.
        revision: the branch or commit to find instead of the current commit.

    Raises:
        RobenchError: there is no such model, or it is not available here.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    answer = ask_hub(name, revision=revision, offline=offline)
    if not isinstance(answer, str):
        commit = answer.sha or "main"
        return HubModel(name, commit, commit)
    try:
        files = [try_to_load_from_cache(name, file, revision=revision) for file in ("config.json", ADAPTER_FILE)]
    except HFValidationError:
        files, answer = [], NO_MODEL
    cached = next((file for file in files if isinstance(file, str)), None)
    if cached is None:
        raise make_unavailable_error(title, alternatives, answer, hint)
    snapshot = Path(cached).parent
    logging.getLogger("robench").warning("%s: %s; using its cached copy", title, answer)
    return HubModel(str(snapshot), None, snapshot.name)


def ask_hub(name: str, *, revision: str | None = None, offline: bool = False) -> ModelInfo | str:
    """Ask the Hub about a model and wait at most :data:`HUB_TIMEOUT`.

    Returns:
        The Hub's answer, or the reason in a few words why there is none.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    if offline or constants.HF_HUB_OFFLINE:
        return "--offline is set" if offline else "HF_HUB_OFFLINE is set"
    try:
        return HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT)
    except (RepositoryNotFoundError, HFValidationError):
        return NO_MODEL
    except RevisionNotFoundError:
        return NO_REVISION
    except _list_connection_errors() as error:
        return f"the Hub cannot be reached ({type(error).__name__})"


def _list_connection_errors() -> tuple[type[Exception], ...]:
    """Return the classes of the errors with which a request to the Hub fails."""
    from huggingface_hub.errors import HfHubHTTPError

    # The library for HTTP is another one in each major version of huggingface_hub: requests, httpx, httpx2. All errors
    # of the first are OSErrors; those of the others share the class that the Hub's own error inherits from.
    return OSError, *(kind for kind in HfHubHTTPError.__bases__ if issubclass(kind, Exception))


def make_unavailable_error(title: str, alternatives: Sequence[str], reason: str, hint: str) -> RobenchError:
    """Make the error for a model that neither the Hub nor its cache has.

    Args:
        title: the model in messages.
        alternatives: what else its name could have meant.
        reason: the reason that :func:`ask_hub` gave.
        hint: what a user can do.
    """
    if reason == NO_MODEL:
        return RobenchError(f"{title} is neither {' nor '.join([*alternatives, 'a model of the Hub'])}.")
    cure = "" if reason == NO_REVISION else f"; {hint}"
    return UnavailableError(f"{title} is not in the Hub's cache on this machine and {reason}{cure}.")


class UnreachableError(Exception):
    """A data set is not available from the Hub; the message is a short reason."""


def fetch_dataset(repository: str, revision: str, *, offline: bool) -> Path:
    """Download a data set's files and return their folder in the Hub's cache, which is named after the commit's sha.

    Args:
        repository: ``owner/name``.
        revision: a commit's sha or a branch.
        offline: read the cache only.

    Raises:
        UnreachableError: the data set is neither available from the Hub nor in its cache.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UnreachableError("no data set has such a name there") from error

    def files(commit: str, *, local: bool) -> Path:
        return Path(
            snapshot_download(
                repository, repo_type="dataset", revision=commit, local_files_only=local, etag_timeout=HUB_TIMEOUT
            )
        )

    reason = "this command fetches nothing, and it is not in the Hub's cache"
    if not offline:
        try:
            # snapshot_download asks for the commit without a time-out, so it is asked here first.
            info = HfApi().dataset_info(repository, revision=revision, timeout=HUB_TIMEOUT)
            return files(info.sha or revision, local=False)
        except OfflineModeIsEnabled:
            reason = "HF_HUB_OFFLINE is set, and it is not in the Hub's cache"
        except _list_connection_errors() as error:
            refused = isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError)
            reason = f"the Hub refuses it ({type(error).__name__})" if refused else "the Hub is not reachable"
    try:
        return files(revision, local=True)
    except OSError as error:
        raise UnreachableError(reason) from error
