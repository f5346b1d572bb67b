"""What A2T wants attacked, and that the attacks are what it learns from."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from robench.defenses.a2t import A2T
from robench.training.attack_plan import count_steps, replaces_rows
from robench.training.reattack import Reattack
from support import tiny


@pytest.mark.parametrize(
    ("clean_epochs", "wanted"),
    [(0, [None, "fifth", "fifth"]), (1, ["nothing", "fifth", "fifth"]), (2, ["nothing", "nothing", "fifth"])],
)
def test_a_fifth_of_the_rows_falls_before_each_epoch_that_is_not_clean(
    clean_epochs: int, wanted: list[str | None]
) -> None:
    kinds = {None: None, "nothing": Reattack(rows=0), "fifth": Reattack(successes=21, query_budget=200)}
    found = [A2T(clean_epochs=clean_epochs).reattack(epoch, 101) for epoch in (1, 2, 3)]
    assert found == [kinds[name] for name in wanted]


def test_steps_of_a_published_training_are_those_of_their_rows() -> None:
    """One epoch of 100 rows, three of 120, in batches of 8: 13 and 15 steps."""
    assert count_steps(A2T(), 100, 100, range(1, 5), 8) == 13 + 3 * 15


def test_d_adv_is_used_without_clean_epochs_alone() -> None:
    assert replaces_rows(A2T(), 100) and not replaces_rows(A2T(clean_epochs=0), 100)


def test_loss_is_the_cross_entropy_of_all_rows_alike() -> None:
    network, batch = tiny.classifier(), tiny.batch(5)
    with torch.no_grad():
        expected = cross_entropy(network(batch.texts).logits, batch.labels)
        assert A2T().loss([network], batch) == {"ce": expected}
