"""Caches of other processes, with what attacks need."""

from __future__ import annotations

import shutil
from pathlib import Path

from robench.resources import nltk_data, packages
from robench.resources.pinned_packages import TEXTATTACK


def fill_cache(cache: Path) -> None:
    """Copy NLTK's data and TextAttack into another cache; NLTK reads no linked files."""
    folder = packages.fetch_package(TEXTATTACK)
    for source, target in ((nltk_data.prepare_corpora(), cache), (folder, cache / "packages")):
        shutil.copytree(source, target / source.name)
