"""Run as a script in a fresh process without a network: build both attacks, attack, report what happened as JSON.

The first that imports TextAttack is a plug-in file, at its top.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import NoReturn

attempts: list[str] = []


def refuse(*args: object, **kwargs: object) -> NoReturn:
    attempts.append(repr(args))
    raise OSError("no network in this test")


for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")):
    setattr(owner, name, refuse)


PLUGIN = """
from dataclasses import dataclass

import textattack
from textattack.attack_recipes import Pruthi2019

import robench


@robench.register("early")
@dataclass(frozen=True, kw_only=True)
class Early(robench.Attack):
    '''An attack whose file imports TextAttack at its top.'''

    def build(self, victim):
        return Pruthi2019.build(victim)
"""


def main() -> None:
    # NLTK imports it, and Transformers before version 5: it sets variables of its own, and draws a number for rich.
    import sklearn.feature_extraction  # noqa: F401

    import robench
    from robench.attacking.engine import attack_examples
    from robench.attacks.deepwordbug import DeepWordBug
    from robench.attacks.pwws import PWWS
    from robench.resources.textattack import load_textattack
    from robench.resources.textattack_finder import forbid_fetching
    from support.small_victim import SmallVictim

    environment, state = dict(os.environ), random.getstate()
    plugin = Path(os.environ["ROBENCH_CACHE"], "early.py")
    plugin.write_text(PLUGIN, encoding="utf-8")
    with forbid_fetching(True):
        robench.load_plugin(plugin)
    mark = sys.modules["textattack"].shared.AttackedText.SPLIT_TOKEN
    load_textattack(offline=True)
    report = {
        "plugin": [mark == "<SPLIT>", metadata.version("textattack"), "flair" in sys.modules],
        "environment": dict(set(os.environ.items()) ^ set(environment.items())),
        "random": random.getstate() == state,
    }
    victim = SmallVictim()
    for attack in (DeepWordBug(), PWWS()):
        found = attack_examples(attack, victim, victim.examples(), seed=5, attack_name="a", live=6, offline=True)
        rows = [asdict(record) | {"seconds": 0} for record in found]
        report[type(attack).__name__] = sorted(rows, key=lambda row: row["id"])
    from huggingface_hub.constants import HF_HOME

    report |= {"attempts": attempts, "hf_home": HF_HOME}
    sys.stdout.write(json.dumps(report))


main()
