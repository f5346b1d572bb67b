from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.resources import bundled, word_vectors
from robench.resources.build_lock import locate_folder
from robench.resources.pinned_packages import GLOVE, LEMMINFLECT, MOBY
from robench.resources.textattack import load_textattack
from support.fresh import imported

pytestmark = pytest.mark.network

ANTONYMS = """
good/bad hot/cold happy/sad love/hate increase/decrease big/small high/low rise/fall open/closed win/lose
success/failure strong/weak rich/poor fast/slow quickly/slowly easy/difficult beautiful/ugly boring/interesting
boring/exciting funny/serious smart/stupid clever/stupid best/worst better/worse right/wrong true/false
positive/negative light/dark bright/dull old/new young/old early/late full/empty hard/soft heavy/light deep/shallow
long/short wide/narrow thick/thin clean/dirty safe/dangerous cheap/expensive pleasant/unpleasant likely/unlikely
possible/impossible predictable/unpredictable accept/reject begin/end start/finish buy/sell give/take push/pull
remember/forget live/die alive/dead male/female husband/wife strength/weakness pleasure/pain joy/sorrow hope/despair
enjoyable/unpleasant delightful/awful wonderful/terrible excellent/terrible brilliant/dull sweet/bitter kind/cruel
honest/dishonest loud/quiet succeed/fail improve/worsen praise/criticize agree/disagree enjoy/hate include/exclude
always/never often/rarely major/minor superior/inferior victory/defeat create/destroy appear/disappear
entertaining/boring amusing/tedious satisfying/disappointing compelling/boring memorable/forgettable simple/complex
"""
REPLACEMENTS = """
movie/film film/movie films/movies big/large large/big begin/start starts/begins funny/humorous funny/hilarious
hilarious/funny terrible/awful awful/terrible clever/smart smart/intelligent great/terrific boring/tedious
beautiful/gorgeous beautiful/lovely scary/frightening quickly/rapidly enjoy/relish story/tale stories/tales
country/nation city/metropolis famous/renowned invented/devised wrote/penned killed/murdered actor/performer
disease/illness largest/biggest kids/children effects/consequences predict/forecast elements/components
"""
INFLECTIONS = (
    "film/films enjoy/enjoyed enjoy/enjoying good/better bad/worst begin/began city/cities slow/slower fails/failed"
)
LEFT_OUT = "the france michael london n't 1990s qwzx"


def pairs(text: str) -> list[tuple[str, str]]:
    return [(one, other) for one, _, other in (pair.partition("/") for pair in text.split())]


@pytest.fixture(scope="module")
def embedding() -> Any:
    load_textattack()
    return word_vectors.load_bundled_vectors()


def neighbours(embedding: Any, word: str) -> list[str]:
    if word not in embedding._word2index:
        return []
    return [embedding.index2word(at) for at in embedding.nearest_neighbours(embedding.word2index(word), 50)]


def test_antonyms_are_no_replacements(embedding: Any) -> None:
    assert len(pairs(ANTONYMS)) >= 80
    wrong = [
        (one, other)
        for pair in pairs(ANTONYMS)
        for one, other in (pair, pair[::-1])
        if other in neighbours(embedding, one)
    ]
    # WordNet knows sweet and bitter as opposites in another form only.
    assert wrong == [("bitter", "sweet")]


@pytest.mark.parametrize(("text", "least"), [(REPLACEMENTS, 0.5), (INFLECTIONS, 0.7)])
def test_synonyms_and_inflections_are_near(text: str, least: float, embedding: Any) -> None:
    missing = [(one, other) for one, other in pairs(text) if other not in neighbours(embedding, one)]
    assert missing == []
    far = [(one, other) for one, other in pairs(text) if embedding.get_cos_sim(one, other) < least]
    assert far == []


def test_words_without_replacements_are_left_out(embedding: Any) -> None:
    for word in LEFT_OUT.split():
        with pytest.raises(KeyError):
            embedding.word2index(word)
    words = [embedding.index2word(at) for at in range(len(embedding.nn_matrix))]
    assert len(words) == 42_059
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_the_table_has_the_word_then_its_neighbours_from_near_to_far(embedding: Any) -> None:
    table, size = embedding.nn_matrix, len(embedding.embedding_matrix)
    assert table.shape == (size, 51)
    assert (table[:, 0] == np.arange(size)).all()
    filled = 0
    for at in range(0, size, 97):
        found = embedding.nearest_neighbours(at, 50)
        assert at not in found
        assert len(set(found)) == len(found)
        assert table[at, 1 : 1 + len(found)].tolist() == found
        assert (table[at, 1 + len(found) :] == at).all()
        cosines = [embedding.get_cos_sim(at, other) for other in found]
        assert (np.diff(cosines) <= 0).all()
        assert all(word_vectors.NEAR <= cosine < 1 for cosine in cosines)
        filled += bool(found)
    assert filled > 0.9 * len(range(0, size, 97))


def test_the_cosine_of_neighbours_follows_from_their_score() -> None:
    scores = np.array([2, 1.4, word_vectors.LEAST_SCORE])
    assert word_vectors.convert_scores(scores) == pytest.approx([1, 0.75, 0.5])


def test_candidates_are_ranked_by_the_sum_of_both_cosines() -> None:
    angles = np.array([0, 0.2, 0.5, 2])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    table, cosines = word_vectors.rank_neighbours(vectors, vectors[[0, 2, 1, 3]], [[1, 2, 3], [0, 3], [], [0]])

    # 1: cos 0.2 + cos 0.5, and so is 2: a tie keeps the order of the words. 3 is too far.
    assert table[:, :4].tolist() == [[0, 1, 2, 0], [1, 0, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]
    expected = word_vectors.convert_scores(np.array([np.cos(0.2) + np.cos(0.5)]))[0]
    assert cosines[0, :4].tolist() == pytest.approx([1, expected, expected, 1])
    assert (cosines[2:] == 1).all()


def test_asking_for_fewer_gives_the_nearest(embedding: Any) -> None:
    at = embedding.word2index("funny")
    assert embedding.nearest_neighbours(at, 5) == embedding.nearest_neighbours("funny", 50)[:5]


def test_a_frequent_word_of_a_review_has_several_candidates(embedding: Any) -> None:
    words = (
        "funny terrible brilliant boring clever charming scary enjoy beautiful great story performance smart".split()
    )
    assert min(len(neighbours(embedding, word)) for word in words) >= 4


def test_cosines_and_distances_are_those_of_a_metric_space(embedding: Any) -> None:
    from textattack.shared import WordEmbedding

    assert isinstance(embedding, WordEmbedding)
    assert embedding["film"].shape == (50,)
    assert embedding["qwzx"] is None
    drawn = np.random.default_rng(0).integers(0, len(embedding.nn_matrix), (200, 2)).tolist()
    for one, other in [*drawn, ("film", "movie"), ("movie", "film"), (3, 3)]:
        cosine = embedding.get_cos_sim(one, other)
        assert cosine == embedding.get_cos_sim(other, one)
        assert embedding.get_mse_dist(one, other) == pytest.approx(2 - 2 * cosine)
    assert embedding.get_cos_sim(3, 3) == 1
    assert embedding.get_cos_sim("film", "banana") < word_vectors.NEAR < embedding.get_cos_sim("film", "movie")


def test_textattack_swaps_words_with_it(embedding: Any) -> None:
    from textattack.constraints.semantics import WordEmbeddingDistance
    from textattack.shared import AttackedText
    from textattack.transformations import WordSwapEmbedding

    swap, constraint = (
        WordSwapEmbedding(max_candidates=50, embedding=embedding),
        WordEmbeddingDistance(embedding=embedding, min_cos_sim=0.5),
    )
    text = AttackedText("A Terrible film about two dogs")
    changed = swap(text, indices_to_modify=[0, 1, 2])
    texts = [other.text for other in changed]
    assert "A Awful film about two dogs" in texts
    assert "A Terrible movie about two dogs" in texts
    assert all(other.words[0] == "A" for other in changed)
    assert all(constraint(other, text) for other in changed)
    others = WordSwapEmbedding(max_candidates=50, embedding=embedding)
    others._get_replacement_words = lambda word: ["banana"]
    assert [constraint(other, text) for other in others(text, indices_to_modify=[2])] == [False]


def test_it_is_built_once_for_the_machine_and_loaded_once_for_the_process(
    embedding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors, "_build", lambda *_: pytest.fail("built again"))
    assert word_vectors.load_bundled_vectors() is embedding
    word_vectors._load_once.cache_clear()
    again = word_vectors.load_bundled_vectors()
    assert again is not embedding and (again.nn_matrix == embedding.nn_matrix).all()


BUILD = """
import sys
from pathlib import Path
from robench.resources import bundled, word_vectors
from robench.resources.build_lock import locate_folder
bundled.FREQUENT = 3000
word_vectors._build(word_vectors.find_sources(), Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_building_elsewhere_gives_the_same_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    sources = word_vectors.find_sources()
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", BUILD, str(there)], env=environment) as process:
        monkeypatch.setattr(bundled, "FREQUENT", 3000)
        caplog.clear()  # what fetching the sources said on a machine that did not have them
        with caplog.at_level(logging.INFO, logger="robench"):
            word_vectors._build(sources, here)
    assert process.returncode == 0
    assert [record.message for record in caplog.records] == [
        "finding the neighbours of 42,000 words for attacks (once, about a minute)"
    ]
    for name in ("neighbours.npy", "vectors.npy", "words.txt"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
        assert len((here / name).read_bytes()) > 10_000
    # The encoder's sums may differ in the last digits between numbers of threads.
    np.testing.assert_allclose(np.load(here / "cosines.npy"), np.load(there / "cosines.npy"), atol=1e-6)


def test_an_interrupted_build_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(word_vectors, "locate_folder", lambda *parts: tmp_path / locate_folder(*parts).name)
    monkeypatch.setattr(word_vectors, "choose_vocabulary", interrupted)
    with pytest.raises(KeyboardInterrupt):
        word_vectors.prepare_bundled_vectors()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_the_identity_needs_no_download_and_names_all_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "none"))
    identity = word_vectors.identify_bundled_vectors()
    assert identity.keys() == {"stopwords", "wordnet", "word-vectors", "sentence_encoder"}
    for package in (GLOVE, MOBY, LEMMINFLECT):
        assert f"{package.pin} sha256:{package.sha256}" in identity["word-vectors"]
    assert f"procedure {bundled.STAND_IN_VERSION}" in identity["word-vectors"]
    assert not (tmp_path / "none").exists()
    with pytest.raises(RobenchError, match="are not in the cache"):
        word_vectors.prepare_bundled_vectors(offline=True)


def test_another_procedure_is_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = word_vectors.find_sources()
    monkeypatch.setattr(word_vectors, "locate_folder", lambda *parts: tmp_path / locate_folder(*parts).name)
    monkeypatch.setattr(word_vectors, "find_sources", lambda *, offline: sources)
    monkeypatch.setattr(word_vectors, "_build", lambda sources, folder: None)
    one = word_vectors.prepare_bundled_vectors()
    monkeypatch.setattr(bundled, "STAND_IN_VERSION", bundled.STAND_IN_VERSION + 1)
    assert word_vectors.prepare_bundled_vectors() != one


def test_importing_it_imports_nothing_heavy() -> None:
    assert imported("import robench.resources.word_vectors") == []
