"""Folders with a Transformers model: their completeness, their digest, and errors that explain a failed load."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from robench.errors import RobenchError, quote_message
from robench.paths import translate_read_errors
from robench.resources.file_digests import digest_file

BUNDLED_ENCODERS = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers of 384, uncased; 83 MB from the package index",
}
"""Encoders from the package index, by name, with a line for ``robench list``."""

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""The files of weights, or the lists of such files, that Transformers looks for, the first one first."""

ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
"""The files that PEFT writes the weights of an adapter to."""

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "spm.model")


def digest_folder(folder: Path) -> str:
    """Return the sha256 of the files that determine a model: configuration, weights and tokenizer.

    The digest of a file is cached, see :func:`~robench.resources.file_digests.digest_file`.

    Raises:
        RobenchError: a file cannot be read.
    """
    total = hashlib.sha256()
    for path in list_model_files(folder):
        with translate_read_errors(path):
            total.update(f"{path.name}\0{digest_file(path)}\0".encode())
    return total.hexdigest()


def list_model_files(folder: Path) -> list[Path]:
    """Return the files that determine a model, by name; of weights in two forms those in safetensors."""
    files = sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors", ".bin", ".txt", ".model"))
    if any(p.suffix == ".safetensors" for p in files):
        files = [p for p in files if p.suffix != ".bin"]
    return files


def list_chat_templates(folder: Path) -> list[Path]:
    """Return the files of a model's chat templates, by name, which only prompts that are messages depend on."""
    return sorted(folder.glob("*.jinja"))


def check_model_folder(title: str, folder: Path) -> None:
    """Check that a folder has all parts of a model.

    Args:
        title: the folder in messages, such as ``encoder folder DIR``.
        folder: its path.

    Raises:
        RobenchError: it has no configuration, no weights or no tokenizer.
    """
    present = {p.name for p in folder.iterdir()}
    parts = (("config.json", ("config.json",), "model"), ("weights", WEIGHTS, "model"))
    for part, files, saved in (*parts, ("tokenizer", _TOKENIZERS, "tokenizer")):
        if present.isdisjoint(files):
            named = "" if part == files[0] else f" ({files[0]})"
            raise RobenchError(f"{title} has no {part}{named}; save the {saved} there with save_pretrained().")


def check_adapter_folder(title: str, folder: Path) -> None:
    """Check that a folder with the configuration of a PEFT adapter has its weights.

    Args:
        title: the folder in messages.
        folder: its path.

    Raises:
        RobenchError: it has no weights.
    """
    if not any((folder / name).is_file() for name in ADAPTER_WEIGHTS):
        raise RobenchError(
            f"{title} has no weights ({ADAPTER_WEIGHTS[0]}); save the adapter there with save_pretrained()."
        )


@contextlib.contextmanager
def explain_load_errors(title: str, place: str | Path) -> Iterator[None]:
    """Translate any exception of a library that loads a broken file into a sentence.

    Args:
        title: the thing that is loaded, as the subject of the sentence.
        place: the file, folder or Hub id.

    Raises:
        RobenchError: something in the block failed.
    """
    try:
        yield
    except RobenchError:
        raise
    except Exception as error:  # the type depends on the file and on the library's version
        reason = quote_message(error)[:300].rstrip(".")
        raise RobenchError(f"{title} cannot be loaded from {place} ({reason}).") from error


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """Suppress Transformers' progress bars and all its messages except errors, inside the block.

    So it does with warnings that are for those who write programs: PEFT calls what Transformers 5 deprecates.
    """
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
