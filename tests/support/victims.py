"""Functions that stand for a user's model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robench.api import attack_model
from support.tiny_job import TASK, VERDICTS, TinyJob

COUNTING = f'''
"""Counts the words that decide; 1.5 for the good ones, so that a text without any is negative."""
import numpy, random, torch
BAD, GOOD = {VERDICTS!r}

def scores(texts):
    words = [text.lower().split() for text in texts]
    return [[sum(w in BAD for w in ws) + 0.25, 1.5 * sum(w in GOOD for w in ws)] for ws in words]

def arrays(texts):
    return numpy.array(scores(texts))

def tensors(texts):
    return torch.tensor(scores(texts), requires_grad=True)

def rows(texts):
    return [torch.tensor(row) for row in scores(texts)]

def probabilities(texts):
    return torch.tensor(scores(texts)).softmax(-1)

def percentages(texts):
    return 100 * probabilities(texts)

def rounded(texts):
    graded = torch.tensor([[bad + len(text) / 2000, good] for text, (bad, good) in zip(texts, scores(texts))])
    return (20 * graded).softmax(-1).round(decimals=2)

def certain(texts):
    return [[1.0, 0.0] if bad > good else [0.0, 1.0] for bad, good in scores(texts)]

def at_random(texts):
    return [[bad + random.random() / 10, good] for bad, good in scores(texts)]

def in_company(texts):
    return [[bad + len(texts) / 1000, good] for bad, good in scores(texts)]

def backwards(texts):
    return [row[::-1] for row in scores(texts)]

def hopeless(texts):
    return [[1.0 - i % 2, i % 2] for i, _ in enumerate(texts)]

def one_class(texts):
    return [row[:1] for row in scores(texts)]

def flat(texts):
    return [row[0] for row in scores(texts)]

def too_few(texts):
    return scores(texts)[1:]

def ragged(texts):
    return [row[: 1 + i % 2] for i, row in enumerate(scores(texts))]

def pipeline(texts):
    return [{{"label": "negative", "score": 0.5}} for _ in texts]

def nothing(texts):
    pass

def not_finite(texts):
    return [[bad, float("nan")] for bad, _ in scores(texts)]

def fails(texts):
    raise KeyError("no such word")

def exits(texts):
    raise SystemExit("bye")

def fails_later(texts):
    if any("day" not in text for text in texts):
        raise ValueError("what day?")
    return scores(texts)

def fails_on_one(texts):
    if any("day 30 " in text for text in texts):
        raise ValueError("not day 30")
    return scores(texts)

class Scorer:
    def __init__(self):
        self.asked = 0
    def __call__(self, texts):
        return scores(texts)
    def score(self, texts):
        return scores(texts)

scorer = Scorer()
number = 3
'''


def given(model: Any, tiny_job: TinyJob, tmp_path: Path, **more: Any) -> Any:
    fixed: dict[str, Any] = {"task": TASK, "attack": "pwws", "data": tiny_job.data, "preset": "quick", "offline": True}
    return attack_model(model, **fixed | more, runs=tmp_path / "runs", attack_limit=4, progress=False)


def by_ending(texts: Sequence[str]) -> Any:
    """Knows the classes by the number of the day."""
    days = [int(match.group(1)) if (match := re.search(r"day (\d+)", text)) else 0 for text in texts]
    return np.array([[1.0, 0.0] if day % 2 == 0 else [0.0, 2.0] for day in days])
