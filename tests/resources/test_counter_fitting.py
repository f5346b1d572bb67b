from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from robench.resources.counter_fitting import (
    Array,
    CounterFittingSettings,
    WordPairs,
    cosine_distances,
    counter_fit,
    find_close_pairs,
    normalise_rows,
)

PAPER = CounterFittingSettings()
LOOSE = CounterFittingSettings(delta=0.9, gamma=0.1, rho=0.5, weights=(0.3, 0.2, 0.7))


def example(seed: int, words: int = 9, size: int = 4) -> tuple[Array, WordPairs]:
    """Vectors that have moved a little from where they began, and pairs of each kind."""
    random = np.random.default_rng(seed)
    began = normalise_rows(random.normal(size=(words, size)) + 0.8)
    pairs = np.array(list(itertools.combinations(range(words), 2)))
    random.shuffle(pairs)
    near = find_close_pairs(began, 0.5)
    terms = WordPairs(pairs[:7], pairs[7:12], near, cosine_distances(began, near))
    return normalise_rows(began + 0.3 * random.normal(size=began.shape)), terms


def plain_loss(vectors: Array, terms: WordPairs, settings: CounterFittingSettings) -> float:
    """The paper's three sums, word by word and number by number."""

    def apart(one: int, other: int) -> float:
        dot = sum(float(x) * float(y) for x, y in zip(vectors[one], vectors[other], strict=True))
        norms = [math.sqrt(sum(float(x) ** 2 for x in vectors[word])) for word in (one, other)]
        return 1 - dot / (norms[0] * norms[1])

    k1, k2, k3 = settings.weights
    loss = 0.0
    for one, other in terms.antonyms.tolist():
        loss += k1 * max(0.0, settings.delta - apart(one, other))
    for one, other in terms.synonyms.tolist():
        loss += k2 * max(0.0, apart(one, other) - settings.gamma)
    for (one, other), began in zip(terms.neighbours.tolist(), terms.distances.tolist(), strict=True):
        loss += k3 * max(0.0, apart(one, other) - began)
    return loss


@pytest.mark.parametrize("settings", [PAPER, LOOSE])
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_papers(seed: int, settings: CounterFittingSettings) -> None:
    vectors, terms = example(seed)
    assert terms.loss(vectors, settings) == pytest.approx(plain_loss(vectors, terms, settings), rel=1e-12)


@pytest.mark.parametrize("settings", [PAPER, LOOSE])
@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_is_that_of_finite_differences(seed: int, settings: CounterFittingSettings) -> None:
    vectors, terms = example(seed)
    step = 1e-6
    numeric = np.zeros_like(vectors)
    for place in np.ndindex(vectors.shape):
        up, down = vectors.copy(), vectors.copy()
        up[place] += step
        down[place] -= step
        numeric[place] = (plain_loss(up, terms, settings) - plain_loss(down, terms, settings)) / (2 * step)
    assert np.abs(numeric).max() > 0.05
    np.testing.assert_allclose(terms.gradient(vectors, settings), numeric, atol=1e-8)


def test_the_loss_of_two_dimensions_worked_by_hand() -> None:
    # The angles are 0, 60, 90 and 180 degrees, so d(0, 1) = 0.5, d(0, 2) = 1, d(0, 3) = 2, d(2, 3) = 1.
    angles = np.radians([0, 60, 90, 180])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    terms = WordPairs(np.array([[0, 1], [0, 3]]), np.array([[0, 2]]), np.array([[2, 3]]), np.array([0.25]))
    # 1 * (1 - 0.5) + 1 * 0 for the antonyms, 2 * 1 for the synonyms, 3 * (1 - 0.25) for the neighbours.
    assert terms.loss(vectors, dataclasses.replace(PAPER, weights=(1, 2, 3))) == pytest.approx(0.5 + 2 + 2.25)


def test_the_numbers_are_the_papers() -> None:
    assert (PAPER.delta, PAPER.gamma, PAPER.rho, PAPER.weights, PAPER.epochs) == (1.0, 0.0, 0.2, (0.1, 0.1, 0.1), 20)


def test_synonyms_meet_antonyms_part_and_neighbours_stay() -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(60, 10))
    vectors[1], vectors[3], vectors[5] = (vectors[word] + 0.3 * random.normal(size=10) for word in (0, 2, 4))
    synonyms, antonyms, near = np.array([[10, 11], [12, 13]]), np.array([[0, 1], [2, 3]]), np.array([[4, 5]])
    before, fitted = normalise_rows(vectors), counter_fit(vectors, synonyms, antonyms)
    assert (cosine_distances(before, antonyms) < 0.3).all()
    assert (cosine_distances(fitted, antonyms) > 0.9).all()
    assert (cosine_distances(before, synonyms) > 0.3).all()
    assert (cosine_distances(fitted, synonyms) < 0.05).all()
    assert cosine_distances(fitted, near) == pytest.approx(cosine_distances(before, near), abs=0.02)
    np.testing.assert_allclose(np.linalg.norm(fitted, axis=1), 1)


def test_the_loss_goes_down() -> None:
    vectors, terms = example(1)
    settings = dataclasses.replace(PAPER, rho=0.5)
    near = find_close_pairs(vectors, settings.rho)
    terms = dataclasses.replace(terms, neighbours=near, distances=cosine_distances(vectors, near))
    fitted = [
        counter_fit(vectors, terms.synonyms, terms.antonyms, dataclasses.replace(settings, epochs=epochs))
        for epochs in (0, 1, 2, 3)
    ]
    losses = [terms.loss(each, settings) for each in fitted]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.8 * losses[0]


def test_the_same_pairs_give_the_same_bits_and_none_give_the_same_vectors() -> None:
    vectors, terms = example(2)
    once, again = (counter_fit(vectors, terms.synonyms, terms.antonyms) for _ in range(2))
    assert once.tobytes() == again.tobytes()
    nothing = np.empty((0, 2), dtype=int)
    np.testing.assert_allclose(counter_fit(3 * vectors, nothing, nothing), vectors, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_the_neighbourhood_is_every_pair_within_the_radius(rows: int) -> None:
    vectors = normalise_rows(np.random.default_rng(0).normal(size=(40, 5)))
    expected = [
        [one, other]
        for one, other in itertools.combinations(range(40), 2)
        if 1 - float(vectors[one] @ vectors[other]) <= 0.4
    ]
    assert len(expected) > 20
    assert sorted(find_close_pairs(vectors, 0.4, rows=rows).tolist()) == expected
