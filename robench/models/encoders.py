"""Pre-trained encoders: the bundled one, any folder, any Hub id; each with a digest that stands for it in keys.

What is true of the files of any Transformers model is here for others to use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from robench.data.hub import TIMEOUT
from robench.errors import RobenchError
from robench.paths import expanded

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BUNDLED = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers of 384, uncased; 83 MB from the package index",
}
"""Encoders that need no Hub."""

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "spm.model")

NO_MODEL = "the Hub has no such model"
"""The reason of :func:`ask_hub` where no connection and no permission would help."""


@dataclass(frozen=True)
class EncoderSource:
    """Where an encoder's files are, and what they are.

    Attributes:
        name: as the user wrote it.
        location: a folder, or a Hub id.
        revision: the Hub commit, where there is one.
        digest: sha256 of its weights, configuration and tokenizer, or of the Hub commit.
    """

    name: str
    location: str
    digest: str
    revision: str | None = None

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Load the tokenizer."""
        from transformers import AutoTokenizer

        with explained(f"encoder {self.name}: its tokenizer", self.location):
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self.location, revision=self.revision)
        if tokenizer.pad_token is None:
            raise RobenchError(
                f"encoder {self.name}: its tokenizer has no padding token, which a batch of texts needs."
            )
        return tokenizer

    def model(self) -> PreTrainedModel:
        """Load the encoder with its pre-trained weights, in float32."""
        from transformers import AutoModel

        model: PreTrainedModel
        # A pooler or a language head is not part of an encoder: that it is not used is no news.
        with explained(f"encoder {self.name}: its weights", self.location), quiet():
            model, loading = AutoModel.from_pretrained(self.location, revision=self.revision, output_loading_info=True)
        missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
        if missing:
            raise RobenchError(
                f"encoder {self.name}: its weights lack {len(missing)} tensors of a {model.config.model_type}, such as"
                f" {missing[0]}; they were saved from another kind of model."
            )
        if getattr(model.config, "is_encoder_decoder", False) or not hasattr(model.config, "hidden_size"):
            raise RobenchError(f"encoder {self.name} is a {model.config.model_type}, not an encoder of tokens.")
        model.float()
        return model


def find_encoder(name: str, *, offline: bool = False) -> EncoderSource:
    """Locate an encoder by the name of a bundled one, a folder, or a Hub id.

    Raises:
        RobenchError: the folder lacks its parts, or the Hub does not give it.
    """
    if name in BUNDLED:
        from robench.resources.packages import minilm_folder

        folder = minilm_folder(offline=offline)
        return EncoderSource(name, str(folder), folder_digest(folder))
    folder = expanded(Path(name))
    if folder.is_dir():
        check_folder(f"encoder folder {name}", folder)
        return EncoderSource(name, str(folder.resolve()), folder_digest(folder))
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"encoder folder {name} does not exist.")
    hint = "give a folder with --encoder DIR, or use the bundled encoder minilm"
    forms = (f"bundled ({', '.join(BUNDLED)})", "a folder")
    found = find_on_hub(name, f"encoder {name!r}", forms, hint, offline=offline)
    digest = hashlib.sha256(f"{name}@{found.commit}".encode()).hexdigest()
    return EncoderSource(name, found.location, digest, found.revision)


def folder_digest(folder: Path) -> str:
    """sha256 over the files that decide what a model folder computes: configuration, weights, tokenizer.

    Hashing 90 MB takes 0.1 s; a digest is remembered for as long as no file's size or time changes.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors", ".bin", ".txt", ".model"))
    if any(p.suffix == ".safetensors" for p in files):
        files = [p for p in files if p.suffix != ".bin"]
    stamp = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return _digest_of(str(folder.resolve()), json.dumps(stamp))


def _digest_of(folder: str, stamp: str) -> str:
    key = (folder, stamp)
    if key not in _digests:
        total = hashlib.sha256()
        for name, _, _ in json.loads(stamp):
            with (Path(folder) / name).open("rb") as file:
                total.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
        _digests[key] = total.hexdigest()
    return _digests[key]


_digests: dict[tuple[str, str], str] = {}


def check_folder(what: str, folder: Path) -> None:
    """Find out whether a folder has the parts of a model.

    Args:
        what: the folder, for people.
        folder: where it is.

    Raises:
        RobenchError: it has no configuration, no weights or no tokenizer.
    """
    present = {p.name for p in folder.iterdir()}
    parts = (("config.json", ("config.json",), "model"), ("weights", _WEIGHTS, "model"))
    for part, files, saved in (*parts, ("tokenizer", _TOKENIZERS, "tokenizer")):
        if present.isdisjoint(files):
            named = "" if part == files[0] else f" ({files[0]})"
            raise RobenchError(f"{what} has no {part}{named}; save the {saved} there with save_pretrained().")


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
        raise unavailable(what, forms, said, hint)
    snapshot = Path(cached).parent
    logging.getLogger("robench").warning("%s: %s; using its cached copy", what, said)
    return HubModel(str(snapshot), None, snapshot.name)


def ask_hub(name: str, *, revision: str | None = None, offline: bool = False) -> ModelInfo | str:
    """What the Hub says of a model, within :data:`~robench.data.hub.TIMEOUT`; or else the reason, in a few words."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if offline or constants.HF_HUB_OFFLINE:
        return "--offline is set" if offline else "HF_HUB_OFFLINE is set"
    try:
        return HfApi().model_info(name, revision=revision, timeout=TIMEOUT)
    except (RepositoryNotFoundError, HFValidationError):
        return NO_MODEL
    except (HfHubHTTPError, OSError) as error:
        return f"the Hub cannot be reached ({type(error).__name__})"


def unavailable(what: str, forms: Sequence[str], reason: str, hint: str) -> RobenchError:
    """The error of a model that neither the Hub nor its cache gives, for the reason of :func:`ask_hub`."""
    if reason == NO_MODEL:
        return RobenchError(f"{what} is neither {' nor '.join([*forms, 'a model of the Hub'])}.")
    return RobenchError(f"{what} is not in the Hub's cache on this machine and {reason}; {hint}.")


@contextlib.contextmanager
def explained(what: str, place: str | Path) -> Iterator[None]:
    """Turn what a library says of a broken file into a sentence."""
    try:
        yield
    except RobenchError:
        raise
    except Exception as error:  # what a broken file raises depends on the file and the library's version
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RobenchError(f"{what} cannot be loaded from {place} ({reason[:300].rstrip('.')}).") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Transformers from telling of anything but errors, and from drawing bars."""
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
