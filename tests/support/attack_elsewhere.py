"""Run as a script in a fresh process without a network: build both attacks, attack, report what happened as JSON."""

from __future__ import annotations

import json
import os
import random
import socket
import sys
from dataclasses import asdict
from typing import NoReturn

attempts: list[str] = []


def refuse(*args: object, **kwargs: object) -> NoReturn:
    attempts.append(repr(args))
    raise OSError("no network in this test")


for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")):
    setattr(owner, name, refuse)


def main() -> None:
    from robench.attacking.engine import attack_examples
    from robench.attacks.deepwordbug import DeepWordBug
    from robench.attacks.pwws import PWWS
    from robench.resources.textattack import load_textattack
    from support.small_victim import SmallVictim

    environment, state = dict(os.environ), random.getstate()
    load_textattack(offline=True)
    report = {
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
