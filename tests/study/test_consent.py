"""Attacks that load files of others which can run any code: without consent they are refused or left out."""

from __future__ import annotations

import re

import pytest

from robench.errors import RobenchError
from robench.progress import SilentReporter
from robench.study.request import Request
from support.refusals import told
from support.tiny_job import TinyJob, robench

PIN = {"checklist": {"tagger_pin": f"{'a' * 40}:{'b' * 64}"}}
REFUSALS = [
    ("checklist", {}, False, r"no pin of it\. Pin .* --set checklist\.tagger_pin=COMMIT:SHA256\..*--trust-remote-code"),
    ("checklist", {}, True, r"which can run any code\. This version of robench has no pin of it"),
    ("checklist", PIN, False, r"which can run any code\. Allow it with --trust-remote-code\."),
    ("textattack:PSOZang2020", {}, True, r"--set textattack:PSOZang2020\.pin=COMMIT:SHA256"),
    ("textattack:GeneticAlgorithmAlzantot2018", {}, True, r"\(a TensorFlow graph\), which can run any code"),
]


@pytest.mark.parametrize(("attack", "settings", "consent", "sentence"), REFUSALS)
def test_attack_with_a_foreign_file_without_pin_or_consent_is_refused(
    attack: str, settings: dict[str, dict[str, str]], consent: bool, sentence: str
) -> None:
    request = Request(defense="base", task="mr", attack=["pwws", attack], settings=settings, trust_remote_code=consent)
    with pytest.raises(RobenchError, match=sentence):
        request._attacks()


def test_attack_with_a_pinned_file_and_consent_is_allowed() -> None:
    request = Request(defense="base", task="mr", attack="checklist", settings=PIN, trust_remote_code=True)
    (attack,) = request._attacks()
    assert attack.attack.pins()["flair/ner-english"] == "b" * 64


def test_all_without_consent_leaves_the_attack_out_and_says_so() -> None:
    request = Request(defense="base", task="mr", attack="all")
    names = [attack.name for attack in request._attacks()]
    assert "checklist" not in names and {"pwws", "clare"} <= set(names)
    said: list[str] = []
    reporter = SilentReporter()
    reporter.warn = said.append  # type: ignore[assignment, method-assign]
    request._announce_foreign_code([], reporter)
    (note,) = said
    assert re.match(r"note: checklist is left out: checklist loads Flair's tagger .* can run any code\.", note)
    allowed = Request(defense="base", task="mr", attack="all", settings=PIN, trust_remote_code=True)
    assert "checklist" in [attack.name for attack in allowed._attacks()]


def test_command_with_such_an_attack_ends_before_anything_is_made(tiny_job: TinyJob) -> None:
    runs = tiny_job.data.parent / "no-runs"
    done = robench(*tiny_job.command(runs, attack="checklist"))
    assert "checklist loads Flair's tagger flair/ner-english (a pickle)" in told(done)
    assert not runs.exists()
