"""PGD and FGSM with and without the clean loss beside the perturbed one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from robench.defenses.fgsm import FGSM, fgm
from robench.defenses.pgd import PGD
from robench.objectives import cross_entropy
from robench.training.perturbation import VirtualDefense
from support import tiny
from support.passes import gradients, perturbations, run_passes

DEFENSES: dict[str, FGSM | PGD] = {"fgsm": FGSM(), "fgm": fgm, "pgd": PGD()}


def losses_of(defense: VirtualDefense) -> tuple[list[dict[str, float]], list[torch.Tensor], dict[str, torch.Tensor]]:
    """The losses of one batch, the perturbations that the network was called with, and the gradients of its weights."""
    network = tiny.classifier()
    seen = perturbations(network)
    return run_passes(defense, [network], tiny.batch(4)), seen, gradients(network)


@pytest.mark.parametrize("name", DEFENSES)
def test_without_the_clean_loss_the_perturbed_loss_alone_trains(name: str) -> None:
    defense, batch, network = DEFENSES[name], tiny.batch(4), tiny.classifier()
    assert defense.clean_loss, "the default"
    both, alone = losses_of(defense), losses_of(replace(defense, clean_loss=False))
    assert [list(terms) for terms in both[0]] == [["ce_clean"], ["ce_perturbed"]]
    assert alone[0] == both[0][1:], "the same ascent ends at the same loss"
    assert all(torch.equal(*pair) for pair in zip(alone[1], both[1], strict=True))
    cross_entropy(network(batch.texts, alone[1][-1]).logits, batch.labels).backward()
    for parameter, weight in network.named_parameters():
        if weight.grad is not None:
            torch.testing.assert_close(alone[2][parameter], weight.grad, atol=1e-6, rtol=1e-4)
            assert not torch.equal(both[2][parameter], weight.grad)


def test_pgds_ball_changes_nothing_at_its_defaults() -> None:
    _, seen, _ = losses_of(PGD())
    _, free, _ = losses_of(PGD(epsilon=1e6))
    assert all(torch.equal(*pair) for pair in zip(seen, free, strict=True))
    assert seen[-1].flatten(1).norm(dim=1).max() <= 0.9 + 1e-5
