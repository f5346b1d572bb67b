"""TaiChi's training step as its authors' code does it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch.nn import functional

from robench.models.batches import TrainingRow
from robench.models.classifier import Classifier
from robench.models.encoders import EncoderSource, find_encoder
from robench.training.objectives import contrastive, kl_divergence


def networks(encoder: EncoderSource) -> list[Classifier]:
    torch.manual_seed(0)
    return [Classifier(encoder.model(), 2).train() for _ in range(2)]


def steps(rows: list[TrainingRow], size: int, length: int) -> Iterator[float]:
    """Seconds of each step of ``size`` rows, with MiniLM, for ever.

    Padded to ``length``, float32, a forward for each network and text, CE and CTR backward twice each, an optimiser
    for each network.
    """
    encoder = find_encoder("minilm")
    tokenizer, (clean, adv) = encoder.tokenizer(), networks(encoder)
    optimisers = [torch.optim.AdamW(network.parameters(), lr=3e-5) for network in (clean, adv)]
    while True:
        for at in range(0, len(rows), size):
            started = time.perf_counter()
            chosen = rows[at : at + size]
            labels = torch.tensor([row.label for row in chosen])
            x, x_prime = (
                dict(tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt"))
                for texts in ([row.text for row in chosen], [row.adversarial or "" for row in chosen])
            )
            here, there, away, back = clean(x), clean(x_prime), adv(x), adv(x_prime)
            twice = [
                functional.cross_entropy(here.logits, labels),
                functional.cross_entropy(back.logits, labels),
                contrastive(here.representations, there.representations, there.representations),
                contrastive(back.representations, away.representations, away.representations),
            ]
            for loss in twice:
                loss.backward(retain_graph=True)
            kl = kl_divergence(here.logits, away.logits) + kl_divergence(back.logits, there.logits)
            (torch.stack(twice).sum() + kl).backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            yield time.perf_counter() - started
