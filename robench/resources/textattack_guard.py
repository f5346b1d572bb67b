"""The import of TextAttack without its side effects, and what is changed in it.

``import textattack`` downloads six NLTK packages, writes to the user's home, moves the Hugging Face caches of the whole
process and prints to stderr. :class:`GuardedLoader` prevents this.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from robench.errors import RobenchError
from robench.paths import cache_dir
from robench.process import change_environment
from robench.resources.flair_stand_in import stand_in_for_flair
from robench.resources.nltk_data import activate_nltk_data
from robench.resources.textattack_source import find_fetched

# If this file exists, TextAttack 0.3.11 believes that its downloads are done.
_MARKER = "post_install_check_3"

# These fix their cache folders when they are imported, so they must be imported before TextAttack moves them.
_IMPORTED_FIRST = ("huggingface_hub", "transformers", "datasets")

_COLUMN_MARK = "\U0010fffecolumn\U0010fffe"
"""What TextAttack puts between the columns of an input, and splits texts at.

Its own mark, ``<SPLIT>``, may stand in a text, which it then takes for two columns. This one holds noncharacters, which
Unicode reserves for such use.
"""
_CACHED_STRINGS, _LONGEST_CACHED = 30_000, 64
"""Most strings whose words are cached, and the most letters of such a string: 10 MB."""

GUARDED = "__robench_guarded__"
"""The attribute of TextAttack's module that tells that it is adapted."""

_LOGGERS = ("textattack.shared.utils.install", "flair", "jieba")


def textattack_folder() -> Path:
    """Return the folder in robench's cache for TextAttack's own downloads."""
    return cache_dir() / "textattack"


def place_downloads() -> None:
    """Let TextAttack keep its downloads in :func:`textattack_folder`; by itself it settles the folder at its import."""
    for name in ("textattack.shared.utils.install", "textattack.shared.utils"):
        vars(importlib.import_module(name))["TEXTATTACK_CACHE_DIR"] = str(textattack_folder())


class GuardedLoader(Loader):
    """A loader that runs TextAttack's modules without their side effects, and then adapts them.

    Args:
        loader: TextAttack's own; None if TextAttack has to be fetched first.
        offline: forbid fetching it, and NLTK's stopwords, which the import reads.
    """

    def __init__(self, loader: Any, *, offline: bool) -> None:
        self._loader, self._offline = loader, offline

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as its own loader does, which it has from then on.

        Raises:
            ModuleNotFoundError: it cannot be fetched; the message says why.
        """
        if self._loader is None:
            self._fetch(spec)
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def _fetch(self, spec: ModuleSpec) -> None:
        """Fetch TextAttack, and make its spec the one of its place in the cache."""
        try:
            found = find_fetched(offline=self._offline)
        except RobenchError as error:
            raise ModuleNotFoundError(str(error), name=spec.name) from error
        self._loader = found.loader
        spec.origin, spec.has_location, spec.cached = found.origin, found.has_location, found.cached
        spec.submodule_search_locations = found.submodule_search_locations

    def exec_module(self, module: ModuleType) -> None:
        """Import TextAttack with all its modules.

        Raises:
            RobenchError: NLTK's data is not available.
        """
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        activate_nltk_data(offline=self._offline)
        for name in _IMPORTED_FIRST:
            importlib.import_module(name)
        with _redirect_caches(), warnings.catch_warnings(), block_nltk_downloads():
            warnings.simplefilter("ignore")
            with _keep_loggers(), stand_in_for_flair():
                self._loader.exec_module(module)
        adapt(module)


def adapt(module: ModuleType) -> None:
    """Make an imported TextAttack fast and silent, and keep it from running pickles."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    place_downloads()
    _cache_word_splits()
    module.shared.AttackedText.SPLIT_TOKEN = _COLUMN_MARK
    _forbid_unpickling()
    setattr(module, GUARDED, True)


def _cache_word_splits() -> None:
    """Cache TextAttack's splitting of short strings into words.

    TextAttack splits every word of every candidate again, which takes most of a search's time. A long string is a whole
    text, which is rarely split twice and would fill the memory.
    """
    from textattack.shared import attacked_text

    split = attacked_text.words_from_text
    cached_split = functools.lru_cache(maxsize=_CACHED_STRINGS)(split)
    attacked_text.words_from_text = lambda text: list((cached_split if len(text) <= _LONGEST_CACHED else split)(text))


class _Taggers(dict[str, Any]):
    """Flair's taggers by TextAttack's names; TextAttack would download and unpickle one that is not among them."""

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name):
            raise RobenchError(
                f"TextAttack needs Flair's tagger {name}, a pickle that can run any code: an attack has to declare it"
                " among its foreign_files, and to load it in build()."
            )
        return True


def _forbid_unpickling() -> None:
    """Let TextAttack use only those of Flair's taggers that robench has loaded."""
    from textattack.shared.utils import strings

    strings._flair_taggers = _Taggers(strings._flair_taggers)


@contextlib.contextmanager
def block_nltk_downloads() -> Iterator[None]:
    """Make ``nltk.download`` do nothing inside the block; some recipes call it each time they are built."""
    import nltk

    real = nltk.download
    nltk.download = lambda *args, **kwargs: True
    try:
        yield
    finally:
        nltk.download = real


@contextlib.contextmanager
def _keep_loggers() -> Iterator[None]:
    """Let no logger be disabled inside the block: TextAttack configures logging so that all that exist are."""
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    enabled = [logger for logger in known if not logger.disabled]
    try:
        yield
    finally:
        for logger in enabled:
            logger.disabled = False


@contextlib.contextmanager
def _redirect_caches() -> Iterator[None]:
    """Let nothing that is imported inside the block write to the home folder, then restore all environment variables.

    TextAttack locks a file of its cache at its import, and robench's cache may be read-only, so TextAttack has a folder
    for that time alone; see :func:`place_downloads`.
    """
    folder = textattack_folder()
    defaults = {"FLAIR_CACHE_ROOT": str(folder / "flair"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    with tempfile.TemporaryDirectory(prefix="robench-") as passing:
        Path(passing, _MARKER).touch()
        with change_environment(defaults | os.environ | {"TA_CACHE_DIR": passing}):
            yield
