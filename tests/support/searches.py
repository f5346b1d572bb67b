"""Searches of the four attacks of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from robench.attacking.attack import Attack
from robench.attacking.engine import attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler
from robench.results.records import Record

ATTACKS = [DeepWordBug(), PWWS(), TextFooler(), TextBugger()]


every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=["deepwordbug", "pwws", "textfooler", "textbugger"])


def run(attack: Attack, logits: Any, examples: Sequence[tuple[int, str, int]], **options: Any) -> list[Record]:
    """Records by id, without their times."""
    options = {"seed": 5, "attack_name": "a", **options}
    records = attack_examples(attack, logits, examples, **options)
    return sorted((replace(record, seconds=0.0) for record in records), key=lambda record: record.id)
