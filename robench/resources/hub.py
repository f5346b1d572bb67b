"""The Hugging Face Hub: its models and files at a commit, without hanging if it cannot be reached."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from robench.errors import RobenchError

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

NO_MODEL = "the Hub has no such model"
"""The reason of :func:`ask_hub` where no connection and no permission would help."""


class HubModel(NamedTuple):
    """A model of the Hub.

    Attributes:
        location: what Transformers is told: its id, or the folder of its cached copy.
        revision: the commit that Transformers is told; none of a folder.
        commit: what stands for it.
    """

    location: str
    revision: str | None
    commit: str


def find_on_hub(name: str, what: str, forms: Sequence[str], hint: str, *, offline: bool = False) -> HubModel:
    """A model at the Hub's present commit; or else the copy in its cache, which a warning tells.

    Args:
        name: its Hub id.
        what: the model, for people.
        forms: what else the name could have been, and is not.
        hint: what to do where it is not to be had.
        offline: ask the Hub nothing.

    Raises:
        RobenchError: there is no such model, or it cannot be had here.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    said = ask_hub(name, offline=offline)
    if not isinstance(said, str):
        commit = said.sha or "main"
        return HubModel(name, commit, commit)
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        cached, said = None, NO_MODEL
    if not isinstance(cached, str):
        raise make_unavailable_error(what, forms, said, hint)
    snapshot = Path(cached).parent
    logging.getLogger("robench").warning("%s: %s; using its cached copy", what, said)
    return HubModel(str(snapshot), None, snapshot.name)


def ask_hub(name: str, *, revision: str | None = None, offline: bool = False) -> ModelInfo | str:
    """What the Hub says of a model, within :data:`HUB_TIMEOUT`; or else the reason, in a few words."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if offline or constants.HF_HUB_OFFLINE:
        return "--offline is set" if offline else "HF_HUB_OFFLINE is set"
    try:
        return HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT)
    except (RepositoryNotFoundError, HFValidationError):
        return NO_MODEL
    except (HfHubHTTPError, OSError) as error:
        return f"the Hub cannot be reached ({type(error).__name__})"


def make_unavailable_error(what: str, forms: Sequence[str], reason: str, hint: str) -> RobenchError:
    """The error of a model that neither the Hub nor its cache gives, for the reason of :func:`ask_hub`."""
    if reason == NO_MODEL:
        return RobenchError(f"{what} is neither {' nor '.join([*forms, 'a model of the Hub'])}.")
    return RobenchError(f"{what} is not in the Hub's cache on this machine and {reason}; {hint}.")


HUB_TIMEOUT = 10.0
"""Seconds to wait for the Hub's first answer."""


class UnreachableError(Exception):
    """The Hub does not give the data set here; the message is a short reason."""


def fetch_dataset(repository: str, revision: str, *, offline: bool) -> Path:
    """Fetch a data set's files and return their folder in the Hub's cache, which is named after the commit's sha.

    Raises:
        UnreachableError: the Hub does not give it, and its cache does not hold it.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    def files(commit: str, *, local: bool) -> Path:
        return Path(
            snapshot_download(
                repository, repo_type="dataset", revision=commit, local_files_only=local, etag_timeout=HUB_TIMEOUT
            )
        )

    reason = "offline, and it is not in the Hub's cache"
    if not offline:
        try:
            # This first question has a time-out; snapshot_download's own has none.
            info = HfApi().dataset_info(repository, revision=revision, timeout=HUB_TIMEOUT)
            return files(info.sha or revision, local=False)
        except OfflineModeIsEnabled:
            reason = "HF_HUB_OFFLINE is set, and it is not in the Hub's cache"
        except (HfHubHTTPError, OSError) as error:  # requests' own errors are OSErrors
            refused = isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError)
            reason = f"the Hub refuses it ({type(error).__name__})" if refused else "the Hub is not reachable"
    try:
        return files(revision, local=True)
    except OSError as error:
        raise UnreachableError(reason) from error
