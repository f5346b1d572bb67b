"""The stand-ins against records of real attacks with the published resources (``real_attacks/`` of the real data).

The procedure was fitted to these files, so a test cannot show how good it is elsewhere; it keeps it from getting worse.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robench import resources
from robench.attacking.attack import Attack
from robench.attacking.engine import attack_examples
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture
def records(real_data: Path) -> Path:
    folder = real_data / "real_attacks"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    return folder


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_fifth_of_the_words_that_real_textfooler_put_are_among_the_neighbours(records: Path) -> None:
    resources.load_textattack()
    vectors: Any = resources.load_word_vectors("bundled")
    swaps: dict[str, set[str]] = defaultdict(set)
    for row in read_rows(records / "sst2_textfooler_swaps.tsv"):
        swaps[row["word"]].add(row["replacement"])
    found, counts = 0, []
    for word, replacements in swaps.items():
        known = word in vectors._word2index
        neighbours = {vectors.index2word(at) for at in vectors.nearest_neighbours(word, 50)} if known else set()
        found += len(replacements & neighbours)
        counts.append(len(neighbours))

    assert found / sum(map(len, swaps.values())) >= 0.21
    assert 20 <= np.median(counts) <= 40
    assert sum(count == 0 for count in counts) / len(counts) <= 0.06


def hash_words(texts: Sequence[str]) -> torch.Tensor:
    """Score texts by hashes of their words, so that nearly any change counts, but the second label always wins."""
    scores = [
        np.mean([int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) for word in text.lower().split() or [""]])
        for text in texts
    ]
    margins = torch.tensor(scores) / 2**31 + 0.3
    return torch.stack([torch.zeros(len(texts)), margins.float()], dim=1)


@pytest.mark.parametrize(
    ("attack", "most"),
    [(TextFooler(), (5, 7, 11.5)), (TextBugger(), (3, 5, 7))],
    ids=["textfooler", "textbugger"],
)
def test_texts_that_cannot_be_fooled_change_in_about_as_many_words_as_in_real_runs(
    attack: Attack, most: tuple[float, ...], records: Path
) -> None:
    name = type(attack).__name__.lower()
    real = [row for row in read_rows(records / f"mr_{name}.tsv") if row["status"] == "failed"]
    examples = [(at, row["original"], 1) for at, row in enumerate(real)]
    found = list(attack_examples(attack, hash_words, examples, seed=1, attack_name=name))

    assert {record.status for record in found} == {"failed"}
    ours, theirs = (
        np.percentile(words, [25, 50, 75])
        for words in ([record.words_changed for record in found], [int(row["words_changed"]) for row in real])
    )
    assert (ours >= theirs - 1).all()
    assert (ours <= most).all()
