"""TaiChi's training step as its authors' code does it, in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import torch
from stepwise import timed
from torch.nn import functional

from robench.batches import TrainingRow
from robench.classifier import Classifier
from robench.encoders import EncoderSource, find_encoder
from robench.objectives import contrastive, kl_divergence


@contextlib.contextmanager
def elsewhere(rows: list[TrainingRow], size: int, length: int) -> Iterator[Callable[[], float]]:
    """What does one step of ``size`` rows, padded to ``length``, with MiniLM, and gives the seconds it took."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, rows, size, length))
    process.start()
    theirs.close()

    def step() -> float:
        ours.send(True)
        return float(ours.recv())

    try:
        yield step
    finally:
        ours.close()
        process.join()


def _serve(connection: Connection, rows: list[TrainingRow], size: int, length: int) -> None:
    schedule = steps(find_encoder("minilm"), rows, size, length)
    with contextlib.suppress(EOFError):
        while connection.recv():
            connection.send(timed(lambda: next(schedule)))


def networks(encoder: EncoderSource) -> list[Classifier]:
    torch.manual_seed(0)
    return [Classifier(encoder.model(), 2).train() for _ in range(2)]


def steps(encoder: EncoderSource, rows: list[TrainingRow], size: int, length: int) -> Iterator[None]:
    """Padded to ``length``, float32, a forward for each network and text, CE and CTR backward twice each, an optimiser
    for each network."""
    tokenizer, (clean, adv) = encoder.tokenizer(), networks(encoder)
    optimisers = [torch.optim.AdamW(network.parameters(), lr=3e-5) for network in (clean, adv)]
    while True:
        for at in range(0, len(rows), size):
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
            yield
