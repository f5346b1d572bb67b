"""The small encoder, model, data and runs folder that each input spoils, made once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from torture.case import Place

TASK = "mr"
COMMON = (
    *("--task", TASK, "--data", "data", "--runs", "runs", "--preset", "quick", "--attack-limit", "4"),
    *("--precision", "fp32", "--offline"),
)
RUN = ("run", "--defense", "base", "--attack", "deepwordbug", "--encoder", "encoder", "--set", "training.epochs=1")
ATTACK = ("attack", "--model", "model", "--attack", "deepwordbug")


def run(*more: str) -> tuple[str, ...]:
    """The words of a run on the spoilt folders; ``more`` may say the same options again."""
    return (*RUN, *COMMON, *more)


def attack(*more: str) -> tuple[str, ...]:
    """The words of an attack on the spoilt model; ``more`` may say the same options again."""
    return (*ATTACK, *COMMON, *more)


def make_model(folder: Path) -> None:
    """Train and write a small classifier of two labels."""
    import torch
    from transformers import BertForSequenceClassification

    from support import small_bert
    from support.tiny_job import rows

    some = rows(48)
    words = small_bert.tokenizer(small_bert.words_of(text for text, _ in some), model_max_length=64)
    names: dict[str, Any] = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
    network = small_bert.model(BertForSequenceClassification, words, seed=3, spread=0.1, **names).train()
    batch = words([text for text, _ in some], padding=True, return_tensors="pt")
    labels, optimiser = torch.tensor([label for _, label in some]), torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(40):
        network(**batch, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    small_bert.save(folder, words, network.eval())


def make_workshop(folder: Path) -> None:
    """Write the folders, and run the small jobs that fill ``runs``."""
    from support.tiny_job import robench, write_data, write_encoder

    folder.mkdir(parents=True)
    write_encoder(folder / "encoder")
    write_data(folder / "data", train=12, dev=4, test=6)
    make_model(folder / "model")
    places = ("--data", str(folder / "data"), "--runs", str(folder / "runs"))
    for words in (
        run(*places, "--encoder", str(folder / "encoder"), "--defense", "base,ada"),
        attack(*places, "--model", str(folder / "model")),
    ):
        done = robench(*words)
        if done.exit_code:
            raise RuntimeError(f"the workshop cannot be made: {done.output}")


def furnish(place: Place, workshop: Path) -> None:
    """Copy the workshop to the working directory of an input, and put files of somebody else beside it."""
    shutil.copytree(workshop, place.work)
    place.outside.mkdir()
    for name in ("records.jsonl", "stage.json", "notes.txt"):
        (place.outside / name).write_text(f"{name} of somebody else\n" * 9, encoding="utf-8")
