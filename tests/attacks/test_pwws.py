"""What PWWS prepares before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robench.attacks.pwws import PWWS
from robench.errors import RobenchError
from robench.resources import nltk_data, synonyms
from support.caches import fill_cache


@pytest.mark.usefixtures("textattack")
def test_prepare_makes_the_table_for_a_cache_that_may_be_read_only_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_cache(tmp_path)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    PWWS().prepare(offline=True)
    monkeypatch.setattr(synonyms, "_make_table", lambda *_: pytest.fail("made again"))
    assert synonyms.prepare_synonyms(offline=True).parent == tmp_path


@pytest.mark.usefixtures("textattack")
def test_prepare_makes_the_table_on_a_machine_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, cache, prepare_corpora = tmp_path / "full", tmp_path / "cache", nltk_data.prepare_corpora
    fill_cache(full)

    def fetch(*, offline: bool = False) -> Path:
        """Make the cache, as the first download does."""
        full.rename(cache)
        monkeypatch.setattr(nltk_data, "prepare_corpora", prepare_corpora)
        return prepare_corpora(offline=offline)

    monkeypatch.setattr(nltk_data, "prepare_corpora", fetch)
    monkeypatch.setenv("ROBENCH_CACHE", str(cache))
    PWWS().prepare(offline=True)
    assert list(cache.glob("synonyms-*/*"))


@pytest.mark.usefixtures("textattack")
def test_attack_is_built_with_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_cache(tmp_path)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    expected = synonyms.load_synonyms(offline=True)
    folder = synonyms.prepare_synonyms(offline=True)
    shutil.rmtree(folder)
    lock = folder.with_name(f"{folder.name}.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # so no process can make the table, not even that of a user who may write anywhere
    with pytest.raises(RobenchError, match="cannot write"):
        synonyms.prepare_synonyms(offline=True)
    PWWS().prepare(offline=True)
    swap = synonyms.make_synonym_swap(offline=True)
    assert not folder.exists()
    for word in ("superb", "dogs", "better", "zzz"):
        assert swap._synonyms.find(word) == expected.find(word)
