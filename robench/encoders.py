"""Pre-trained encoders: the bundled one, any folder, any Hub id; each with a digest that stands for it in keys."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.paths import expanded

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BUNDLED = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers of 384, uncased; 83 MB from the package index",
}
"""Encoders that need no Hub."""

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "spm.model")


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

        with self._explained("tokenizer"):
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
        with self._explained("weights"), _only_errors():
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

    @contextlib.contextmanager
    def _explained(self, part: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # what a broken file raises depends on the file and the library's version
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RobenchError(
                f"encoder {self.name}: its {part} cannot be loaded from {self.location} ({reason})."
            ) from error


def find_encoder(name: str, *, offline: bool = False) -> EncoderSource:
    """Locate an encoder by the name of a bundled one, a folder, or a Hub id.

    Raises:
        RobenchError: the folder lacks its parts, or the Hub does not give it.
    """
    if name in BUNDLED:
        from robench.resources import minilm_folder

        folder = minilm_folder(offline=offline)
        return EncoderSource(name, str(folder), folder_digest(folder))
    folder = expanded(Path(name))
    if folder.is_dir():
        _check_folder(name, folder)
        return EncoderSource(name, str(folder.resolve()), folder_digest(folder))
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"encoder folder {name} does not exist.")
    return _from_hub(name, offline)


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


def _check_folder(name: str, folder: Path) -> None:
    present = {p.name for p in folder.iterdir()}
    if "config.json" not in present:
        raise RobenchError(f"encoder folder {name} has no config.json; save the model there with save_pretrained().")
    if not present.intersection(_WEIGHTS):
        raise RobenchError(
            f"encoder folder {name} has no weights ({_WEIGHTS[0]}); save them with model.save_pretrained()."
        )
    if not present.intersection(_TOKENIZERS):
        raise RobenchError(f"encoder folder {name} has no tokenizer; save one there with save_pretrained().")


def _from_hub(name: str, offline: bool) -> EncoderSource:
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    hint = "give a folder with --encoder DIR, or use the bundled encoder minilm"
    if not (offline or constants.HF_HUB_OFFLINE):
        try:
            revision = HfApi().model_info(name, timeout=10).sha or "main"
            return EncoderSource(name, name, hashlib.sha256(f"{name}@{revision}".encode()).hexdigest(), revision)
        except (RepositoryNotFoundError, HFValidationError) as error:
            raise RobenchError(
                f"encoder {name!r} is neither bundled ({', '.join(BUNDLED)}) nor a folder, nor a model of the Hub."
            ) from error
        except (HfHubHTTPError, OSError) as error:
            reason = f"the Hub cannot be reached ({type(error).__name__})"
    else:
        reason = "--offline is set"
    cached: Any
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        cached = None
    if not isinstance(cached, str | os.PathLike):
        raise RobenchError(f"encoder {name!r} is not in the Hub's cache on this machine and {reason}; {hint}.")
    snapshot = Path(cached).parent
    logging.getLogger("robench").warning("encoder %s: %s; using its cached copy", name, reason)
    digest = hashlib.sha256(f"{name}@{snapshot.name}".encode()).hexdigest()
    return EncoderSource(name, str(snapshot), digest, None)


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """Keep Transformers from telling of unused weights: a pooler or a language head is not part of an encoder."""
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
