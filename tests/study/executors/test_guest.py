"""What a worker on another machine checks, and where it finds the models that a stage names."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import torch

from robench.errors import RobenchError
from robench.models.encoders import EncoderSource
from robench.study.environment import record_environment
from robench.study.executors.guest import Guest, check_likeness
from robench.study.executors.messages import Begin, Origin
from robench.study.executors.transport import dump_stage, find_model_sources
from robench.study.setting import NamedDefense
from robench.study.stages.stage import Stage
from robench.study.stages.victim import VictimStage
from robench.victims.source import Given, PretrainedSource
from support.tiny_stage import SETTING, data, tiny

CPU = torch.device("cpu")


@pytest.fixture
def guest() -> Guest:
    return Guest(Origin(record_environment(CPU), False), CPU, offline=True)


def load(guest: Guest, stage: Stage, *places: tuple[str, str]) -> Stage:
    content, sent = dump_stage(stage)
    return guest.load_stage(Begin(content, "nowhere", 1, False, places), sent)


def test_results_of_a_node_with_another_version_or_processor_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = record_environment(CPU)
    check_likeness(Origin(own, False), CPU)
    newer = msgspec.structs.replace(own, versions=own.versions | {"torch": "99.0"})
    for accepts in (False, True):
        with pytest.raises(RobenchError, match=r"has torch .*, and the machine that runs robench has 99\.0"):
            check_likeness(Origin(newer, accepts), CPU)
    commits = {"robench": "0.1.0 (0123456789)"}, {"robench": "0.1.0"}, {"robench": "9.1.0"}
    unknown, installed, wrong = (msgspec.structs.replace(own, versions=own.versions | one) for one in commits)
    for one in (unknown, installed):
        monkeypatch.setattr("robench.study.executors.guest.record_environment", lambda device, one=one: one)
        check_likeness(Origin(installed, False), CPU)
        with pytest.raises(RobenchError, match=r"has robench 0\.1\.0.*, and the machine that runs robench has 9\.1\.0"):
            check_likeness(Origin(wrong, False), CPU)
    monkeypatch.undo()
    other = msgspec.structs.replace(own, processor="Abacus", instructions="beads")
    with pytest.raises(RobenchError, match=r"robench on Abacus \(beads, cpu\).*--ray-any-processor"):
        check_likeness(Origin(other, False), CPU)
    check_likeness(Origin(other, True), CPU)


def test_models_are_found_where_their_copies_are_and_those_of_the_hub_stay(guest: Guest) -> None:
    source = PretrainedSource("mine", "/home/user/mine", "0" * 64, location="/home/user/mine")
    stage = VictimStage(SETTING, data(), 1, NamedDefense("mine", defense=Given(digest="0" * 64)), source=source)
    assert find_model_sources(stage) == [SETTING.encoder, source]
    found = load(guest, stage, ("/home/user/mine", "/copies/1"))
    assert isinstance(found, VictimStage) and isinstance(found.source, PretrainedSource)
    assert (found.source.location, found.source.shown) == ("/copies/1", "/home/user/mine")
    assert found.setting == stage.setting and found.key == stage.key


@pytest.mark.network
def test_bundled_encoder_is_the_one_of_this_machine_if_it_is_the_same(shared_cache: object) -> None:
    from robench.models.encoders import find_encoder

    guest = Guest(Origin(record_environment(CPU), False), CPU, offline=False)
    here = find_encoder("minilm")
    there = replace(here, location="/another/place/of/minilm")
    assert load(guest, replace(tiny("same"), setting=replace(SETTING, encoder=there))).setting.encoder == here
    other = replace(tiny("other"), setting=replace(SETTING, encoder=EncoderSource("minilm", "/another", "f" * 64)))
    with pytest.raises(RobenchError, match="the encoder minilm has other files on the node"):
        load(guest, other)


def test_stage_whose_resources_are_others_here_is_refused(guest: Guest) -> None:
    stage = tiny("stage")
    vars(stage)["key"] = "f" * 16
    with pytest.raises(RobenchError, match=r"^stage: the node .* has other resources of the attack"):
        load(guest, stage)
