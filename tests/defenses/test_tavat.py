"""TAVAT: one ascent against NumPy, its vocabulary of perturbations, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robench.defenses.tavat import TAVAT
from robench.models.batches import Batch, collate, tokenise
from robench.models.classifier import Classifier
from support import tiny
from support.passes import run_passes

WIDTH = 32


def padded(length: int | None = None) -> Batch:
    rows = tokenise(tiny.tokenizer(), ["the film was superb superb", "dull", "a long quiet scene is awful"], 32)
    return Batch(collate(tiny.tokenizer(), rows, tiny.CPU, length=length), torch.tensor([1, 0, 0]))


def run(defense: TAVAT, network: Classifier, batch: Batch) -> list[Tensor]:
    """The perturbations of each pass."""
    seen: list[Tensor] = []
    hook = network.register_forward_pre_hook(lambda _, given: seen.append(given[1].detach().clone()))
    run_passes(defense, [network], batch)
    hook.remove()
    return seen


def prepared(**values: Any) -> tuple[TAVAT, Classifier]:
    defense, network = TAVAT(**values), tiny.classifier()
    torch.manual_seed(5)
    defense.before_training([network])
    return defense, network


@pytest.mark.parametrize("max_norm", [10.0, 0.05])
def test_an_ascent_is_that_of_numpy(max_norm: float) -> None:
    defense = TAVAT(step_size=0.2, max_norm=max_norm)
    stream = np.random.default_rng(3)
    text, tokens, gradient = (stream.normal(size=(3, 5, 4)) * scale for scale in (0.1, 0.2, 3))
    gradient[1, 3:] = 0
    tokens[1, 3:] = 0
    found = defense.climb(*(torch.tensor(one) for one in (text, tokens, gradient)))
    for b in range(3):
        climbed = text[b] + 0.2 * gradient[b] / np.sqrt((gradient[b] ** 2).sum())
        moved = tokens[b].copy()
        for i in range(5):
            if gradient[b, i].any():
                moved[i] += 0.2 * gradient[b, i] / np.sqrt((gradient[b, i] ** 2).sum())
        norms = [np.sqrt((row**2).sum()) for row in moved]
        for i in range(5):
            moved[i] *= norms[i] / max(norms)
        whole = np.sqrt(((climbed + moved) ** 2).sum())
        factor = min(1, max_norm / whole)
        assert (factor < 1) == (max_norm < 1)
        np.testing.assert_allclose(found[0][b].numpy(), climbed * factor, rtol=1e-9)
        np.testing.assert_allclose(found[1][b].numpy(), moved * factor, rtol=1e-9)


def test_entries_start_small_and_each_tokens_own_grows_by_its_perturbations() -> None:
    defense, network = prepared(steps=1, magnitude=0.4)
    before = defense.training_state()["entries"].clone()
    assert before.shape == (len(tiny.tokenizer()), WIDTH) and before.abs().max() <= 0.4 / WIDTH**0.5
    batch = padded()
    numbers, mask = batch.texts["input_ids"].numpy(), batch.texts["attention_mask"].numpy()
    run(defense, network, batch)
    entries = before.numpy().astype(np.float64)
    there = [n for n, kept in zip(numbers.flat, mask.flat, strict=True) if kept]
    norm = np.sqrt(sum((entries[n] ** 2).sum() for n in there))
    expected = entries.copy()
    for n in there:  # one of them stands there twice
        expected[n] += entries[n] / norm
    np.testing.assert_allclose(defense.training_state()["entries"].numpy(), expected, rtol=1e-4, atol=1e-7)
    changed = {int(n) for n in np.flatnonzero((expected != entries).any(1))}
    assert changed == set(map(int, there)) and len(changed) < len(there)


def test_the_perturbation_is_the_sum_of_a_texts_and_its_tokens_and_stays_within_the_ball() -> None:
    defense, network = prepared(steps=3, max_norm=0.3)
    batch, start = padded(), torch.full((3, 9, WIDTH), 0.01)
    numbers, mask = batch.texts["input_ids"], batch.texts["attention_mask"].unsqueeze(2)
    start = start[:, : numbers.shape[1]] * mask
    tokens = defense.start_tokens(numbers, mask.squeeze(2))
    assert tokens.norm().item() == pytest.approx(1)
    object.__setattr__(defense, "start", lambda shape, mask: start)
    seen = run(defense, network, batch)
    assert len(seen) == 3
    torch.testing.assert_close(seen[0], start + tokens)
    for delta in seen[1:]:
        assert delta.flatten(1).norm(dim=1).max() <= 0.3 + 1e-5
        assert torch.equal(delta.any(2, keepdim=True), mask.bool())


def test_padding_changes_nothing() -> None:
    found = []
    for batch in (padded(), padded(20)):
        defense, network = prepared(steps=3)
        start = torch.full((3, 20, WIDTH), 0.01)
        mask = batch.texts["attention_mask"].unsqueeze(2)
        object.__setattr__(defense, "start", lambda shape, _, start=start, mask=mask: start[:, : shape[1]] * mask)
        seen = run(defense, network, batch)
        found.append((seen[-1][:, : padded().texts["input_ids"].shape[1]], defense.training_state()["entries"]))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)


def test_without_perturbations_the_losses_are_those_of_the_clean_text() -> None:
    """Entries are divided by their norm, so only a ball of size nearly zero leaves nothing of them."""
    defense, network = prepared(steps=2, max_norm=1e-9)
    batch = padded()
    losses = run_passes(defense, [network], batch)
    clean = torch.nn.functional.cross_entropy(network(batch.texts).logits, batch.labels).item()
    assert losses[1]["ce_step2"] == pytest.approx(clean / 2, rel=1e-5)
    assert losses[0]["ce_step1"] != pytest.approx(clean / 2, rel=1e-4)
