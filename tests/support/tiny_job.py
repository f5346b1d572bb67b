"""A job that takes seconds: an encoder with random weights, rows of our own, and the command line on both."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from robench.cli import app

# A runner would build the tree of commands at every call, which takes longer than most of what the tests ask for.
vars(testing)["_get_command"] = functools.cache(get_command)

TASK = "mr"
SUBJECTS = (
    *("the film", "her second novel", "this little cafe", "the new phone", "our hotel room", "the school play"),
    *("his garden", "that long speech", "the late train"),
)
VERDICTS = (
    ("dull", "broken", "noisy", "awful", "slow", "ugly"),
    ("bright", "superb", "clever", "pleasant", "quick", "lovely"),
)
ENDINGS = (
    ".",
    "and everybody noticed.",
    "from the first minute to the last one.",
    "but nobody in the whole village would ever admit such a thing to a stranger.",
)


def rows(count: int, start: int = 0) -> list[tuple[str, int]]:
    """Different sentences of many lengths, so that their searches end at different times."""
    found = []
    for i in range(start, start + count):
        label = i % 2
        verdict = VERDICTS[label][i // 2 % 6]
        text = f"{SUBJECTS[i % 9]} was {verdict} on day {i} {ENDINGS[i % 4]}"
        found.append((text, label))
    return found


def write_rows(file: Path, some: list[tuple[str, int]]) -> None:
    lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in some)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_data(folder: Path, train: int = 20, dev: int = 6, test: int = 16, task: str = TASK) -> Path:
    """A data folder as ``--data`` takes it; give the folder."""
    start = 0
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        write_rows(folder / task / f"{split}.tsv", rows(count, start))
        start += count
    return folder


def write_encoder(folder: Path, **settings: int) -> Path:
    """A two-layer BERT over letters and a few words, its weights large enough for texts to differ; give the folder."""
    from transformers import BertModel

    from support import small_bert

    words = sorted({word for text, _ in rows(60) for word in text.strip(".").split() if len(word) > 1})
    tokenizer = small_bert.tokenizer(words[::2])
    return small_bert.save(folder, tokenizer, small_bert.model(BertModel, tokenizer, seed=7, spread=0.25, **settings))


@dataclass(frozen=True)
class TinyJob:
    """An encoder folder and a data folder."""

    encoder: Path
    data: Path

    def command(self, runs: Path, *more: str, defense: str = "base", attack: str = "pwws") -> list[str]:
        """Arguments of ``robench`` for a run on this job; ``more`` may say the same options again."""
        fixed = ["--task", TASK, "--data", self.data, "--encoder", self.encoder, "--runs", runs, "--preset", "quick"]
        if not {"--jobs", "--executor", "--dry-run"} & set(more):
            fixed += ["--jobs", "1"]  # on a busy machine, workers would seem worth their start
        return [
            "run",
            "--defense",
            defense,
            "--attack",
            attack,
            *map(str, fixed),
            "--precision",
            "fp32",
            "--offline",
            *more,
        ]


def robench(*arguments: object) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
