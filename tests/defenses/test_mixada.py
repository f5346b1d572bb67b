"""MixADA's loss against a calculation of its own, and what it wants attacked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robench.defenses.mixada import MixADA
from robench.training.reattack import Reattack
from support import tiny


@pytest.mark.parametrize(("layers", "expected"), [("7,9,12", [4, 5, 6]), ("1,12", [1, 6]), (" 3", [2])])
def test_layers_are_as_deep_in_an_encoder_of_six(layers: str, expected: list[int]) -> None:
    assert MixADA(layers=layers).choose_layers(6) == expected
    assert MixADA().choose_layers(12) == [7, 9, 12]


@pytest.mark.parametrize("layers", ["0", "13", "7;9", "", "7,"])
def test_layers_that_are_none_are_rejected(layers: str) -> None:
    with pytest.raises(ValueError, match="layers are numbers from 1 to 12 with commas between them"):
        MixADA(layers=layers)


def test_loss_is_that_of_the_texts_and_that_of_mixtures_of_their_last_states() -> None:
    """The draws are repeated; the rest is computed from the states that the encoder itself returns."""
    network, batch = tiny.classifier(), tiny.batch(5)
    torch.manual_seed(4)
    with torch.no_grad():
        found = MixADA(layers="12", alpha=2.0, mix_weight=0.5).loss([network], batch)
        states = network.encoder(**batch.texts).last_hidden_state.numpy().astype(np.float64)
    torch.manual_seed(4)
    torch.randint(1, ())
    share = torch.distributions.Beta(torch.tensor(2.0), torch.tensor(2.0)).sample().item()
    order = torch.randperm(5).numpy()
    assert 0.05 < share < 0.95 and (order != np.arange(5)).any()

    labels, mask = np.eye(2)[batch.labels.numpy()], batch.texts["attention_mask"].numpy()
    assert not mask.all()
    mixed, targets = share * states + (1 - share) * states[order], share * labels + (1 - share) * labels[order]
    assert found["ce"].item() == pytest.approx(entropy(states, labels, mask, network), rel=1e-5)
    assert found["mix"].item() == pytest.approx(0.5 * entropy(mixed, targets, mask, network), rel=1e-5)


def entropy(states: np.ndarray, targets: np.ndarray, mask: np.ndarray, network: torch.nn.Module) -> float:
    """The cross-entropy of the head's predictions from the mean of each text's own tokens."""
    means = (states * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    head = network.get_submodule("head")
    weight, bias = (value.detach().numpy().astype(np.float64) for value in head.parameters())
    logits = means @ weight.T + bias
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return float(-(targets * logs).sum(1).mean())


def test_mixture_at_a_lower_layer_goes_through_the_layers_above() -> None:
    network, batch = tiny.classifier(), tiny.batch(5)
    losses = []
    for layers in ("1", "12"):
        torch.manual_seed(4)
        losses.append(MixADA(layers=layers).loss([network], batch)["mix"].item())
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_iterative_form_adds_rows_before_each_epoch_but_the_first() -> None:
    wanted = [MixADA(renewed=300).reattack(epoch, 1000) for epoch in (1, 2, 3)]
    assert wanted == [None, *[Reattack(rows=300, keeps_rows=True)] * 2]
    assert MixADA().reattack(2, 1000) is None
    assert MixADA(ratio=0.5).adversarial_share == 0.5
