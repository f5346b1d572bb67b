from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from robench.resources import nltk_data, synonyms

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def words() -> list[str]:
    """Base forms of WordNet, inflected ones, irregular ones, and what is none."""
    corpus = nltk_data.prepare_corpora() / "corpora" / "wordnet"
    bases = [
        line.split()[0]
        for part in ("noun", "verb", "adj", "adv")
        for line in (corpus / f"index.{part}").read_text().splitlines()
        if not line.startswith(" ")
    ]
    irregular = [line.split()[0] for file in corpus.glob("*.exc") for line in file.read_text().splitlines()]
    stream = random.Random(3)
    drawn = stream.sample(bases, 1500)
    endings = ("s", "es", "ies", "ed", "ing", "er", "est", "men", "ves", "d")
    inflected = [word.rstrip("ey") + stream.choice(endings) for word in drawn]
    others = ["", "s", "The", "Dogs", "BETTER", "x-rayed", "o'clock", "24/7", "naïve", "zzz", "axes", "lice", "more"]
    return [*drawn, *inflected, *stream.sample(irregular, 500), *others]


def test_the_table_has_the_words_that_nltk_gives(words: list[str]) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    table = synonyms.load_synonyms()
    some = 0
    for word in words:
        names = {name for synset in wordnet.synsets(word) for name in synset.lemma_names()}
        expected = sorted(name for name in names - {word} if "_" not in name)
        assert table.find(word) == expected, word
        some += bool(expected)
    assert some > 1500


@pytest.mark.slow
def test_the_table_is_made_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = nltk_data.prepare_corpora()
    shutil.copytree(data, tmp_path / data.name)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    folder = synonyms.prepare_synonyms(offline=True)
    assert folder.parent == tmp_path
    made = (folder / "synonyms.json").stat().st_mtime_ns
    assert synonyms.prepare_synonyms(offline=True) == folder
    assert (folder / "synonyms.json").stat().st_mtime_ns == made
    assert synonyms.load_synonyms(offline=True).find("superb") == ["brilliant"]
