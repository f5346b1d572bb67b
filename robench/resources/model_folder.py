"""A folder with a model of Transformers: whether it is complete, its digest, and why it cannot be loaded."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from robench.errors import RobenchError

if TYPE_CHECKING:
    pass

BUNDLED_ENCODERS = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers of 384, uncased; 83 MB from the package index",
}
"""Encoders that need no Hub."""

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "spm.model")


def digest_folder(folder: Path) -> str:
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


def check_model_folder(what: str, folder: Path) -> None:
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


@contextlib.contextmanager
def explain_load_errors(what: str, place: str | Path) -> Iterator[None]:
    """Turn what a library says of a broken file into a sentence."""
    try:
        yield
    except RobenchError:
        raise
    except Exception as error:  # what a broken file raises depends on the file and the library's version
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RobenchError(f"{what} cannot be loaded from {place} ({reason[:300].rstrip('.')}).") from error


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
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
