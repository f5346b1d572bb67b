"""Language models and taggers for attacks: from a folder, the bundled MiniLM, or the Hub at a pinned commit.

The name of a model is a folder, ``minilm``, or a Hub id with or without ``@commit``. An attack pins the commits of its
models itself and passes them as ``commits``.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.resources.foreign_files import Pin, check_pin
from robench.resources.foreign_model import check_config, check_size
from robench.resources.hub import NO_MODEL, ask_hub, make_unavailable_error
from robench.resources.mean_pooling_encoder import MeanPoolingEncoder
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import (
    BUNDLED_ENCODERS,
    check_model_folder,
    digest_folder,
    explain_load_errors,
    silence_transformers,
)
from robench.resources.model_names import NO_COMMITS, Commits, find_model_folder, split_hub_name
from robench.resources.pinned_packages import MINILM, fetch_minilm
from robench.resources.textattack import require_flair

_TENSORS = ("*.safetensors", "*.safetensors.index.json")
_PICKLED = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_SMALL = ("config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.model")
_TAGGER_FILE = "pytorch_model.bin"

_loaded_taggers: dict[str, str] = {}
"""The sha256 of the file that each of Flair's taggers was loaded from, by TextAttack's names."""


def identify_language_model(name: str, commits: Commits = NO_COMMITS) -> str:
    """Return what identifies a model in a cell's key: its folder's digest, or its Hub id and commit.

    Nothing is downloaded, so a name without a commit is that of a branch; see
    :func:`robench.resources.model_names.pin_model_name`.

    Raises:
        RobenchError: the name is a path to a folder that does not exist.
    """
    if name in BUNDLED_ENCODERS:
        return f"{MINILM.pin} sha256:{MINILM.sha256}"
    folder = find_model_folder(name)
    return f"sha256:{digest_folder(folder)}" if folder else "@".join(split_hub_name(name, commits))


def prepare_language_model(
    name: str, commits: Commits = NO_COMMITS, *, offline: bool = False, kind: str | None = None
) -> Path:
    """Return the folder with a model's files; a model of the Hub is downloaded once into the Hub's cache.

    Args:
        name: a folder, ``minilm``, or a Hub id with or without ``@commit``.
        commits: see :data:`Commits`.
        offline: forbid downloading what is not in the cache.
        kind: the required ``model_type``, such as ``gpt2``.

    Raises:
        RobenchError: the model is not available, lacks a part, or is of another kind.
    """
    if name in BUNDLED_ENCODERS:
        return fetch_minilm(offline=offline)
    folder = find_model_folder(name)
    if folder is None:
        source = split_hub_name(name, commits)
        folder = _fetch_from_hub(source, f"language model {name}", (*_SMALL, *_TENSORS, *_PICKLED), offline=offline)
    check_model_folder(f"the folder {folder} of language model {name}", folder)
    files = ModelFiles(f"language model {name}", folder)
    with explain_load_errors(f"language model {name}", folder):
        check_config(files, remedy="an attack's own model may not")
    model_type = files.read_json("config.json").get("model_type")
    if kind and model_type != kind:
        raise RobenchError(f"language model {name} is a {model_type}; this attack needs a {kind}.")
    return folder


def load_masked_model(name: str, commits: Commits = NO_COMMITS, *, offline: bool = False) -> tuple[Any, Any]:
    """Load a masked language model, in evaluation mode, and its tokenizer, once a process.

    If the files of its folder change, it is loaded again.

    Raises:
        RobenchError: the model is not available, cannot be loaded, or has no head that predicts words.
    """
    return _load_masked_model(name, *_prepare_files(name, commits, offline=offline))


def _prepare_files(name: str, commits: Commits, *, offline: bool) -> tuple[Path, str]:
    """Return the folder with a model's files, and their digest."""
    folder = prepare_language_model(name, commits, offline=offline)
    with explain_load_errors(f"language model {name}", folder):
        return folder, digest_folder(folder)


@functools.lru_cache(maxsize=2)
def _load_masked_model(name: str, folder: Path, digest: str) -> tuple[Any, Any]:
    """Load a model whose files have that digest, which keeps it from being taken for the one of older files."""
    import torch
    from transformers import AutoModelForMaskedLM

    files = ModelFiles(f"language model {name}", folder)
    with explain_load_errors(name, folder), silence_transformers():
        check_size(files, lambda: files.build_network(AutoModelForMaskedLM))
        tokenizer = files.load_tokenizer()
        model, loading = files.load_network(AutoModelForMaskedLM, dtype=torch.float32, output_loading_info=True)
    if loading["missing_keys"] or tokenizer.mask_token is None:
        raise RobenchError(
            f"language model {name} does not fill in masked words: it has no head or no mask token. Name one that was "
            "trained as a masked language model and saved with its head, such as bert-base-uncased."
        )
    return model.eval(), tokenizer


def load_mean_pooling_encoder(name: str, commits: Commits = NO_COMMITS, *, offline: bool = False) -> MeanPoolingEncoder:
    """Load a sentence-transformers model that averages its tokens' states, once a process.

    If the files of its folder change, it is loaded again.

    Raises:
        RobenchError: the model is not available or cannot be loaded.
    """
    return _load_mean_pooling_encoder(name, *_prepare_files(name, commits, offline=offline))


@functools.lru_cache(maxsize=2)
def _load_mean_pooling_encoder(name: str, folder: Path, digest: str) -> MeanPoolingEncoder:
    """Load a model as :func:`_load_masked_model` does."""
    import torch
    from transformers import AutoModel

    files = ModelFiles(f"language model {name}", folder)
    with explain_load_errors(name, folder), silence_transformers():
        check_size(files, lambda: files.build_network(AutoModel))
        model = files.load_network(AutoModel, dtype=torch.float32)
        return MeanPoolingEncoder(model.eval(), files.load_tokenizer())


@contextlib.contextmanager
def link_model_folders(names: Iterable[str], commits: Commits = NO_COMMITS) -> Iterator[None]:
    """Make a library that loads models by Hub id load the files of :func:`prepare_language_model`, inside the block.

    Transformers takes a name as a path if there is such a path. So the block runs in a working directory that has a
    link for each name.
    """
    folders = {name: prepare_language_model(name, commits, offline=True) for name in names}
    if not folders:
        yield
        return
    with tempfile.TemporaryDirectory() as folder_of_links:
        for name, folder in folders.items():
            (Path(folder_of_links) / name).symlink_to(folder, target_is_directory=True)
        with contextlib.chdir(folder_of_links):
            yield


def prepare_flair_tagger(repository: str, pin: Pin, *, offline: bool = False) -> None:
    """Check that flair is installed, and fetch one of its taggers; see :func:`fetch_flair_tagger`.

    Raises:
        RobenchError: flair cannot be imported, or as :func:`fetch_flair_tagger`.
    """
    title = _title_tagger(repository, pin)
    require_flair(title, offline=offline)
    fetch_flair_tagger(repository, pin, offline=offline)


def fetch_flair_tagger(repository: str, pin: Pin, *, offline: bool = False) -> Path:
    """Return the file of one of Flair's taggers on the Hub, downloaded once into the Hub's cache.

    It is a pickle, so only a pinned one is fetched, and it is checked each time.

    Args:
        repository: its Hub id.
        pin: its commit and sha256.
        offline: forbid downloading.

    Raises:
        RobenchError: the tagger is not pinned, not available, or another file than the pinned one.
    """
    title = _title_tagger(repository, pin)
    file = _fetch_from_hub((repository, pin.commit), title, (_TAGGER_FILE,), offline=offline) / _TAGGER_FILE
    if not file.is_file():
        raise RobenchError(f"{title} has no {_TAGGER_FILE} in {file.parent}; delete that folder and run again.")
    check_pin(title, file, pin)
    return file


def load_flair_tagger(name: str, repository: str, pin: Pin) -> None:
    """Unpickle the file of :func:`fetch_flair_tagger` into TextAttack's taggers, so that Flair asks no server.

    A tagger of that name that was loaded from another file is replaced.

    Args:
        name: TextAttack's name of the tagger.
        repository: its Hub id.
        pin: its commit and sha256.

    Raises:
        RobenchError: it is not the pinned file, or cannot be loaded, or flair cannot be imported.
    """
    from textattack.shared.utils import strings

    if strings._flair_taggers.get(name) is None or _loaded_taggers.get(name) != pin.sha256:
        path = fetch_flair_tagger(repository, pin, offline=True)
        require_flair(_title_tagger(repository, pin), offline=True)
        from flair.models import SequenceTagger

        with explain_load_errors(repository, path):
            strings._flair_taggers[name] = SequenceTagger.load(str(path))
        _loaded_taggers[name] = pin.sha256


def _title_tagger(repository: str, pin: Pin) -> str:
    """Name a tagger in messages.

    Raises:
        RobenchError: it is not pinned.
    """
    title = f"Flair's tagger {repository}"
    if not pin.sha256:
        raise RobenchError(f"{title} is a pickle, which can run any code, and is not pinned: it is not fetched.")
    return title


def _fetch_from_hub(source: tuple[str, str], title: str, patterns: tuple[str, ...], *, offline: bool) -> Path:
    """Return a folder in the Hub's own cache with the files of a repository that match the patterns.

    Args:
        source: Hub id and revision.
        title: the model in messages.
        patterns: of the files. If there are safetensors, pickled weights are left out.
        offline: forbid downloading.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    repository, revision = source
    answer = ask_hub(repository, revision=revision, offline=offline)
    if isinstance(answer, str):
        reason = answer
    else:
        if any(file.rfilename.endswith(".safetensors") for file in answer.siblings or []):
            patterns = tuple(pattern for pattern in patterns if pattern not in _PICKLED)
        try:
            return Path(snapshot_download(repository, revision=revision, allow_patterns=list(patterns)))
        except Exception as error:  # of any type; the files may be in the cache
            reason = f"the Hub does not give it ({type(error).__name__})"
    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except Exception as error:
        reason = NO_MODEL if isinstance(error, HFValidationError) else reason
        raise make_unavailable_error(title, ("a folder",), reason, "run once with a connection to it") from error
