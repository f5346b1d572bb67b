"""RanMASK and SAFER: what they read, and that no change that a certificate covers can contradict it.

The exact tests enumerate every copy of a short text, so that shares of votes are exact and nothing is left to chance.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from robench.defenses.ranmask import RanMASK
from robench.defenses.safer import SAFER, SynonymSets
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.resources import Neighbours
from robench.training.defense import Defense
from robench.training.reading import DefenseReader
from support import tiny

WORDS = ["good", "fine", "nice", "bad", "poor", "film", "movie", "plot"]
CHAIN = {"good": "fine", "fine": "nice", "bad": "poor", "film": "movie", "movie": "plot"}
"""Synonyms: two chains of three words and a pair."""


def sets(size: int = 100) -> SynonymSets:
    """The sets of these words, whose vectors lie on a line in their order."""
    count = len(WORDS)
    neighbours = np.repeat(np.arange(count, dtype=np.int32)[:, None], 2, axis=1)
    cosines = np.ones((count, 2), np.float32)
    for word, other in CHAIN.items():
        neighbours[WORDS.index(word), 1], cosines[WORDS.index(word), 1] = WORDS.index(other), 0.9
    angles = np.arange(count) * 0.1
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return SynonymSets(Neighbours(WORDS, vectors, neighbours, cosines), 0.8, size)


class SmallSAFER(SAFER):  # type: ignore[misc]  # mypy does not read robench.defenses
    """SAFER with these sets."""

    @property
    def sets(self) -> SynonymSets:
        return sets(self.set_size)


@pytest.mark.parametrize(
    ("words", "rate", "visible"),
    [(10, 0.7, 3), (10, 0.75, 2), (10, 1.0, 2), (10, 0.0, 10), (3, 0.9, 2), (1, 0.7, 1), (0, 0.7, 0)],
)
def test_ranmask_shows_the_rest_of_the_masked_share_and_two_words_at_least(
    words: int, rate: float, visible: int
) -> None:
    defense = RanMASK(mask_rate=rate)
    assert defense.count_visible(words) == visible
    copies = DefenseReader(defense, 0).read(" ".join(map(str, range(words))))
    assert len(copies) == 25
    for copy in copies:
        assert len(copy.split()) == words and sum(word != "[MASK]" for word in copy.split()) == visible
        assert all(word in ("[MASK]", str(i)) for i, word in enumerate(copy.split()))


def test_ranmask_bound_by_hand() -> None:
    text = " ".join("abcdefghij")  # 3 of 10 words are visible: 120 copies
    found = [RanMASK().bound_shift(text, k) for k in (1, 2, 7, 8, 20)]
    assert found == pytest.approx([1 - 84 / 120, 1 - 56 / 120, 1 - 1 / 120, 1, 1])
    assert RanMASK().bound_shift("", 1) == 0


def test_ranmask_shows_each_set_of_words_equally_often() -> None:
    copies = Counter(itertools.islice(RanMASK(mask_rate=0.5).read("a b c d", random.Random(0)), 6000))
    assert len(copies) == 6 and all(abs(count - 1000) < 150 for count in copies.values())


def test_safer_sets_are_components_or_the_nearest_words_of_a_large_one() -> None:
    assert set(sets().find("good")) == {"good", "fine", "nice"} and sets().find("bad") == ("bad", "poor")
    assert sets().find("unknown") == ("unknown",) and sets().list_synonyms("unknown") == []
    assert set(sets(2).find("good")) == {"good", "fine"} and set(sets(2).find("nice")) == {"nice", "fine"}
    assert sorted(sets().list_synonyms("fine")) == ["good", "nice"] and sets().list_synonyms("good") == ["fine"]


def test_safer_bound_is_one_minus_the_product_of_the_smallest_overlaps() -> None:
    whole, cut = SmallSAFER(), SmallSAFER(set_size=2)
    assert whole.bound_shift("good film", 2) == 0, "all words of a component draw from the same set"
    # fine draws from {fine, good}, whose overlap with {nice, fine} is one of two; bad and poor share their set.
    assert set(sets(2).find("fine")) == {"fine", "good"}
    assert [cut.bound_shift("Fine, bad fine", k) for k in (1, 2, 3, 9)] == pytest.approx([0.5, 0.75, 0.75, 0.75])


def test_safer_keeps_what_stands_around_words_and_words_without_synonyms() -> None:
    copies = DefenseReader(SmallSAFER(votes=40), 1).read("(Good) unknown, film.")
    kinds = {tuple(copy.split()) for copy in copies}
    assert {first for first, _, _ in kinds} == {"(good)", "(fine)", "(nice)"}
    assert {second for _, second, _ in kinds} == {"unknown,"}
    assert {third for _, _, third in kinds} == {"film.", "movie.", "plot."}


def masked_copies(defense: RanMASK, text: str) -> Iterator[str]:
    words = text.split()
    for kept in itertools.combinations(range(len(words)), defense.count_visible(len(words))):
        yield " ".join(word if i in kept else "[MASK]" for i, word in enumerate(words))


def replaced_copies(defense: SAFER, text: str) -> Iterator[str]:
    for words in itertools.product(*(defense.sets.find(word) for word in text.split())):
        yield " ".join(words)


def share(copies: list[str], threshold: int) -> Fraction:
    """The share of copies that get label 1 from a classifier as erratic as any: a hash of the text."""
    hits = sum(random.Random(f"{threshold}/{copy}").random() < 0.85 for copy in copies)
    return Fraction(hits, len(copies))


@pytest.mark.parametrize("threshold", range(4))
def test_no_replacement_of_words_moves_a_share_further_than_the_bound_of_ranmask(threshold: int) -> None:
    defense, text = RanMASK(mask_rate=0.6), "good film bad plot"
    before = share(list(masked_copies(defense, text)), threshold)
    found = set()
    for k in (1, 2, 3):
        bound = defense.bound_shift(text, k)
        for places in itertools.combinations(range(4), k):
            for others in itertools.product(["x", "y", "z"], repeat=k):
                words = text.split()
                for place, other in zip(places, others, strict=True):
                    words[place] = other
                after = share(list(masked_copies(defense, " ".join(words))), threshold)
                assert abs(after - before) <= bound + 1e-12
                found.add(after)
    assert len(found) > 2, "the shares do move"


@pytest.mark.parametrize("size", [2, 3])
def test_no_replacement_by_synonyms_moves_a_share_further_than_the_bound_of_safer(size: int) -> None:
    defense, text = SmallSAFER(set_size=size), "fine movie bad"
    before = share(list(replaced_copies(defense, text)), size)
    moved = 0.0
    choices = [[word, *sets(size).list_synonyms(word)] for word in text.split()]
    for words in itertools.product(*choices):
        k = sum(a != b for a, b in zip(words, text.split(), strict=True))
        after = share(list(replaced_copies(defense, " ".join(words))), size)
        assert abs(after - before) <= defense.bound_shift(text, k) + 1e-12
        moved = max(moved, abs(float(after - before)))
    assert (moved > 0) == (size == 2), "sets that are whole components never move"


@pytest.mark.parametrize("defense", [RanMASK(), SAFER()], ids=repr)
def test_loss_is_the_cross_entropy_of_what_was_read(defense: Defense, networks: list[Classifier]) -> None:
    batch: Batch = tiny.batch(5)
    logits = networks[0](batch.texts).logits.detach().numpy().astype(np.float64)
    chosen = logits[np.arange(5), batch.labels.numpy()] - np.log(np.exp(logits).sum(1))
    assert defense.loss(networks[:1], batch)["ce"].item() == pytest.approx(-chosen.mean(), rel=1e-5)
    assert defense.reads_in_training and defense.texts_read == 25


@pytest.mark.network
def test_safer_on_the_bundled_vectors_replaces_words_by_synonyms_and_says_which_vectors() -> None:
    defense = SAFER()
    defense.prepare(offline=False)
    assert "procedure" in defense.identify_resources()["word-vectors"]
    words = {word for copy in DefenseReader(defense, 0).read("a terrible film") for word in copy.split()}
    assert "a" in words and len(words) > 3
    assert defense.sets.list_synonyms("terrible") and len(defense.sets.find("terrible")) <= 100


def test_safer_refuses_a_similarity_at_which_stored_neighbours_run_out() -> None:
    with pytest.raises(ValueError, match=r"similarity must be from 0\.7 to 1, not 0\.69"):
        SAFER(similarity=0.69)
    assert SAFER(similarity=0.7).similarity == 0.7
