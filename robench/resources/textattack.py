"""TextAttack, imported without its side effects.

``import textattack`` downloads six NLTK packages, writes to the user's home, moves the Hugging Face caches of the whole
process and prints to stderr. All of robench gets it from :func:`load_textattack`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.paths import cache_dir, translate_os_errors

if TYPE_CHECKING:
    pass

# The file whose presence tells TextAttack 0.3.11 that its downloads were made.
_MARKER = "post_install_check_3"

# They fix their cache folders when they are imported, so they must not see what TextAttack sets.
_IMPORTED_FIRST = ("huggingface_hub", "transformers", "datasets")

_LOGGERS = ("textattack.shared.utils.install", "flair", "jieba")


def textattack_folder() -> Path:
    """Return the folder that TextAttack keeps its own downloads in, inside robench's cache."""
    return cache_dir() / "textattack"


def load_textattack(*, offline: bool = False) -> ModuleType:
    """Import TextAttack (6 to 9 s the first time) and leave the machine and the process as they were.

    NLTK finds robench's stopwords and WordNet; TextAttack's cache folder lies in robench's; no download is attempted;
    environment variables are the same afterwards, and what it says below an error is not shown.

    Args:
        offline: forbid fetching the NLTK data when it is not in robench's cache.

    Raises:
        RobenchError: the NLTK data cannot be had, or TextAttack cannot be imported.
    """
    from robench.resources import nltk_data

    nltk_data.activate_nltk_data(offline=offline)
    if "textattack" in sys.modules:
        return sys.modules["textattack"]
    try:
        for name in _IMPORTED_FIRST:
            importlib.import_module(name)
        with _borrowed_environment(textattack_folder()), warnings.catch_warnings(), block_nltk_downloads():
            warnings.simplefilter("ignore")
            module = importlib.import_module("textattack")
    except ImportError as error:
        raise RobenchError(
            f"TextAttack cannot be imported: {error}. Reinstall robench in a fresh environment (pip install robench)."
        ) from error
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    _remember_words()
    return module


def _remember_words() -> None:
    """Let TextAttack split a string into words once.

    It asks for the words of every word of every text that it makes, which is most of what its searches do.
    """
    from textattack.shared import attacked_text

    split = functools.lru_cache(maxsize=100_000)(attacked_text.words_from_text)
    attacked_text.words_from_text = lambda text: list(split(text))


@contextlib.contextmanager
def block_nltk_downloads() -> Iterator[None]:
    """Make ``nltk.download`` do nothing, for recipes that call it each time they are built."""
    import nltk

    real = nltk.download
    nltk.download = lambda *args, **kwargs: True
    try:
        yield
    finally:
        nltk.download = real


@contextlib.contextmanager
def _borrowed_environment(folder: Path) -> Iterator[None]:
    """Point what TextAttack and its imports would write at ``folder``; then put every variable back."""
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARKER).touch()
    before = dict(os.environ)
    os.environ["TA_CACHE_DIR"] = str(folder)
    os.environ.setdefault("FLAIR_CACHE_ROOT", str(folder / "flair"))
    os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
