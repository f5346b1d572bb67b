"""Sums over a long text are the same from whichever text they are computed, and cost what has changed."""

from __future__ import annotations

import random

import numpy as np
import torch

from robench.resources.sentence_sums import REACH, FeatureSums, Ids


class Contexts:
    """Features that depend on a piece and on four on either side, like the encoder's; counts the pieces it is given."""

    def __init__(self) -> None:
        self.pieces = 0

    def features(self, ids: Ids, owner: Ids) -> tuple[torch.Tensor, torch.Tensor]:
        self.pieces += len(ids)
        rows = []
        for at, one in enumerate(owner):
            around = [
                int(ids[place]) if 0 <= place < len(ids) and owner[place] == one else -1
                for place in range(at - REACH, at + REACH + 1)
            ]
            rows.append(np.random.default_rng([piece + 1 for piece in around]).normal(size=3))
        return torch.tensor(np.array(rows), dtype=torch.float32), torch.arange(len(ids))


def candidates() -> list[list[int]]:
    """Texts of about 400 pieces: one, that one after small changes, and quite another one."""
    stream = random.Random(1)
    first = stream.choices(range(40), k=400)
    changes = [(0, [7]), (3, []), (200, [1, 2, 3]), (201, [50]), (399, []), (0, []), (390, [5, 5])]
    changed = [[*first[:at], *new, *first[at + 1 :]] for at, new in changes]
    again = [*changed[2][:100], 60, *changed[2][101:]]
    return [first, *changed, again, stream.choices(range(50, 90), k=300)]


def test_feature_sums_are_those_of_all_pieces() -> None:
    network = Contexts()
    for text, found in zip(candidates(), FeatureSums(network).sums(candidates()), strict=True):
        expected = network.features(np.array(text), np.zeros(len(text), np.int64))[0].double().sum(dim=0)
        assert np.allclose(found, expected, atol=1e-4)


def test_feature_sums_are_the_same_bits_from_any_text() -> None:
    together = FeatureSums(Contexts()).sums(candidates())
    one_by_one = FeatureSums(Contexts())
    for at in (9, 3, 8, 0, 7, 5, 4, 2, 1, 6, 0):
        assert np.array_equal(one_by_one.sums([candidates()[at]])[0], together[at])


def test_feature_sums_of_a_changed_text_cost_its_change() -> None:
    network = Contexts()
    sums = FeatureSums(network)
    sums.sums(candidates()[:1])
    network.pieces = 0
    sums.sums(candidates()[1:8])
    assert 0 < network.pieces < 7 * 60


def test_feature_sums_of_no_texts_are_none() -> None:
    assert FeatureSums(Contexts()).sums([]) == []
