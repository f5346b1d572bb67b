"""InfoBERT: its two bounds against NumPy, the choice of stable tokens by hand, and one update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from robench.defenses.freelb import FreeLB
from robench.defenses.infobert import InfoBERT, bottleneck, contrast, select_stable
from robench.models.classifier import Classifier
from support import tiny
from support.passes import gradients, run_passes


def test_the_bottleneck_is_half_the_mean_squared_distance_to_random_tokens() -> None:
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(4)
    found = bottleneck(features).item()
    torch.manual_seed(4)
    others = torch.randint(40, (40,)).tolist()
    values = features.numpy().astype(np.float64)
    expected = np.mean([((values[i] - values[other]) ** 2).sum() / 2 for i, other in enumerate(others)])
    assert found == pytest.approx(expected, rel=1e-5)
    assert bottleneck(torch.ones(40, 6)).item() == 0


def test_stable_tokens_are_neither_the_least_nor_the_most_hurt_of_their_text() -> None:
    norms = torch.tensor(
        [[3.0, 1.0, 10.0, 2.0, 5.0, 4.0, 9.0, 7.0, 8.0, 6.0], [2.0, 3.0, 1.0, 9.0, 9.0, 0, 0, 0, 0, 0]]
    )
    mask = torch.tensor([[1] * 10, [1] * 3 + [0] * 7])
    gradient = torch.stack([norms * 0.6, -norms * 0.8], dim=2)
    found = select_stable(gradient, mask, 0.5, 0.9)
    # Of ten tokens ranks 5 to 8, which have the norms 6 to 9; of three, ceil(1.5) = 2 to ceil(2.7) - 1 = 2.
    assert norms[0][found[0]].sort().values.tolist() == [6, 7, 8, 9]
    assert found[1].tolist() == [False, True, *[False] * 8]
    assert select_stable(gradient, mask, 0, 1).equal(mask.bool())
    assert not select_stable(gradient, mask, 0.7, 0.7).any()


@pytest.mark.parametrize("count", [1, 2, 7])
def test_contrast_is_infonce(count: int) -> None:
    torch.manual_seed(2)
    critic: Any = nn.Sequential(nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 1), nn.Softplus())
    features, wholes = torch.randn(count, 4), torch.randn(count, 5)
    first, second = (
        (critic[i].weight.detach().numpy().astype(np.float64), critic[i].bias.detach().numpy()) for i in (0, 2)
    )

    def score(token: Any, text: Any) -> float:
        hidden = np.maximum(first[0] @ np.concatenate([token, text]) + first[1], 0)
        return float(np.log1p(np.exp(second[0] @ hidden + second[1]))[0])

    terms = []
    for i in range(count):
        own = score(features[i].numpy(), wholes[i].numpy())
        every = [np.exp(score(features[j].numpy(), wholes[i].numpy())) for j in range(count)]
        terms.append(own - np.log(np.mean(every)))
    assert contrast(critic, features, wholes).item() == pytest.approx(np.mean(terms), rel=1e-4, abs=1e-6)
    assert contrast(critic, features[:0], wholes[:0]).item() == 0


def prepared(**values: Any) -> tuple[InfoBERT, Classifier]:
    defense, network = InfoBERT(**values), tiny.classifier()
    torch.manual_seed(5)
    defense.before_training([network])
    return defense, network


def test_without_its_regularisers_infobert_is_freelb() -> None:
    batch, plain = tiny.batch(6), tiny.classifier()
    defense, network = prepared(alpha=0, beta=0, magnitude=0, step_size=0.3)
    losses = run_passes(defense, [network], batch)
    expected = run_passes(FreeLB(steps=3, magnitude=0, step_size=0.3), [plain], batch)
    assert [list(terms) for terms in losses] == [
        [f"{n}_step{i}" for n in ("ce", "bottleneck", "anchored")] for i in (1, 2, 3)
    ]
    for step, (found, due) in enumerate(zip(losses, expected, strict=True), 1):
        assert found[f"ce_step{step}"] == pytest.approx(due[f"ce_step{step}"], rel=1e-5)
    for name, gradient in gradients(plain).items():
        # Rounding: with the instructions of an old processor, an element of 0.003 is off by 1.5e-6.
        torch.testing.assert_close(gradients(network)[name], gradient, atol=1e-5, rtol=1e-4)


def test_both_regularisers_are_weighted_and_train_the_network_and_the_critic() -> None:
    batch = tiny.batch(6)
    mask = batch.texts["attention_mask"]
    defense, network = prepared(steps=1, magnitude=0, alpha=0.5, beta=0.25)
    critic = defense._kept["critic"]
    before = {name: one.clone() for name, one in critic.state_dict().items()}
    torch.manual_seed(6)
    (found,) = run_passes(defense, [network], batch)
    defense.after_step([network])

    twin = nn.Sequential(nn.Linear(2 * 32, 300), nn.ReLU(), nn.Linear(300, 1), nn.Softplus())
    twin.load_state_dict(before)
    other = tiny.classifier()
    delta = torch.zeros(*mask.shape, other.embedding_width, requires_grad=True)
    outputs, tokens = other(batch.texts, delta), other.embed(batch.texts)
    ce = nn.functional.cross_entropy(outputs.logits, batch.labels)
    (gradient,) = torch.autograd.grad(ce, delta, retain_graph=True)
    torch.manual_seed(6)
    torch.rand(delta.shape)  # the start, which has magnitude 0
    places = select_stable(gradient, mask, 0.5, 0.9).nonzero().tolist()
    assert 6 <= len(places) < mask.sum()
    order = torch.randperm(len(places)).tolist()
    bounds = []
    for at in range(0, len(order), 6):
        group = [places[i] for i in order[at : at + 6]]
        features = torch.stack([tokens[b, i] for b, i in group])
        bounds.append(contrast(twin, features, torch.stack([outputs.representations[b] for b, _ in group])))
    spread = bottleneck(tokens[mask.bool()])
    terms = {"ce_step1": ce, "bottleneck_step1": spread / 4, "anchored_step1": -torch.stack(bounds).mean() / 2}
    assert found == pytest.approx({name: term.item() for name, term in terms.items()}, rel=1e-4)
    torch.stack(list(terms.values())).sum().backward()
    for name, due in gradients(other).items():
        torch.testing.assert_close(gradients(network)[name], due, atol=1e-5, rtol=1e-3)
    torch.optim.AdamW(twin.parameters(), 2e-5).step()
    for name, one in twin.state_dict().items():
        torch.testing.assert_close(critic.state_dict()[name], one)
        assert not torch.equal(one, before[name])
    assert all(p.grad is None for p in critic.parameters())
