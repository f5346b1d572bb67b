"""TextAttack, imported without side effects (:mod:`robench.resources.textattack_guard`), wherever it comes from.

All of robench imports it with :func:`load_textattack`; :mod:`robench.resources.textattack_source` says where from.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from robench.errors import RobenchError, describe_error
from robench.resources import nltk_data, textattack_source
from robench.resources.flair_stand_in import check_flair
from robench.resources.textattack_finder import forbid_fetching, watch_imports
from robench.resources.textattack_guard import GUARDED, adapt, place_downloads


def load_textattack(*, offline: bool = False) -> ModuleType:
    """Import TextAttack (6 to 9 s the first time) without changing the machine or the process.

    NLTK finds robench's stopwords and WordNet. TextAttack's cache folder is inside robench's. Nothing is downloaded
    from TextAttack's servers. Environment variables keep their values. Messages below the level of errors are hidden.

    Args:
        offline: forbid fetching TextAttack or the NLTK data if they are not in robench's cache.

    Raises:
        RobenchError: TextAttack or the NLTK data is not available, or TextAttack cannot be imported or was imported in
            another version.
    """
    watch_imports()
    if "textattack" not in sys.modules:
        textattack_source.prepare_textattack(offline=offline)
    nltk_data.activate_nltk_data(offline=offline)
    try:
        with forbid_fetching(offline):
            module = importlib.import_module("textattack")
        if not hasattr(module, GUARDED):  # it was imported before robench
            textattack_source.check_module(module)
            adapt(module)
        place_downloads()  # ROBENCH_CACHE may name another folder than at the import
        return module
    except RobenchError:
        raise
    except Exception as error:  # what it imports may not fit each other in many ways
        reason = str(error) if isinstance(error, ImportError) else describe_error(error)
        raise RobenchError(
            f"TextAttack cannot be imported: {reason}. In a fresh environment, `pip install -c constraints.txt .`"
            " in the folder of robench's source installs what fits."
        ) from error


def require_flair(user: str, *, offline: bool = False) -> None:
    """Check that TextAttack can tag words with flair.

    Args:
        user: what needs flair, for the message.
        offline: as for :func:`load_textattack`.

    Raises:
        RobenchError: flair is not installed or cannot be imported, or as for :func:`load_textattack`.
    """
    load_textattack(offline=offline)
    from textattack.shared.utils import strings

    check_flair(strings.flair, user)
