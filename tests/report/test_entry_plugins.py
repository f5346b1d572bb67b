"""Whether names, titles and changed fields in an entry are those that its keys stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.plugins import plugin_files
from robench.report.entry_plugins import PluginChecks
from robench.results.entries import read_entry
from robench.results.entry_form import Entry
from robench.results.entry_parts import FusedPart
from robench.results.info_parts import VictimInfo
from support.published_entries import ENTRIES


def read(name: str) -> Entry:
    """One of the published entries, whose codes are those of this robench."""
    return read_entry(next(file for file in sorted(ENTRIES.glob(f"{name}-*.json")) if "rerun" not in file.name))


def check(entry: Entry) -> list[str]:
    faults, notes = PluginChecks().check(entry)
    assert notes == []
    return faults


def with_defense(entry: Entry, **changes: Any) -> Entry:
    return msgspec.structs.replace(entry, defense=msgspec.structs.replace(entry.defense, **changes))


def with_attack(entry: Entry, **changes: Any) -> Entry:
    """The entry with changes of its textfooler, which is the last of its attacks."""
    (*others, last) = entry.attacks
    met = msgspec.structs.replace(last, attack=msgspec.structs.replace(last.attack, **changes))
    return msgspec.structs.replace(entry, attacks=(*others, met), statistics=())


TEXTFOOLER = "attacks.3.attack"
NOT_TAICHI = (
    "defense has the name taichi, which is that of robench.defenses.taichi:TaiChi, not of robench.defenses.base:Base"
)


@pytest.mark.parametrize("name", ["trec-base-seed42", "trec-taichi-pwws-seed42", "trec-average-pwws-seed42"])
def test_a_published_entry_says_what_its_keys_stand_for(name: str) -> None:
    found = [read_entry(file) for file in ENTRIES.glob(f"{name}-*.json")]
    assert found and [fault for entry in found for fault in check(entry)] == []


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        (
            "trec-base-seed42",
            {"name": "taichi"},
            NOT_TAICHI,
        ),
        (
            "trec-base-seed42",
            {"name": "taichi", "code": "0" * 16},
            NOT_TAICHI,
        ),
        ("trec-freelb-seed42", {"name": "freelb++"}, "defense has changed {}, but its fields mean {'magnitude': 0.6,"),
        ("trec-pgd-seed42", {"changed": {"steps": 3}}, "defense has changed {'steps': 3}, but its fields mean {}"),
        (
            "trec-pgd-seed42",
            {"fields": {"steps": 9, "step_size": 0.3, "epsilon": 1.0, "clean_loss": True}},
            "defense has changed {}, but its fields mean {'steps': 9}",
        ),
        ("trec-base-seed42", {"fields": {"note": 1}}, "defense cannot be made: base has no options"),
        ("trec-base-seed42", {"texts_read": 10}, "defense has texts_read 10, but its fields mean 0"),
        ("trec-base-seed42", {"title": "best"}, "defense has title 'best', but its fields mean ''"),
    ],
)
def test_a_defense_that_its_name_does_not_stand_for_is_a_fault(name: str, changes: dict[str, Any], fault: str) -> None:
    (found,) = check(with_defense(read(name), **changes))
    assert found.startswith(fault)


def test_a_changed_field_that_an_entry_hides_is_a_fault() -> None:
    entries = [read_entry(file) for file in ENTRIES.glob("trec-average-*.json")]
    entry = next(entry for entry in entries if entry.defense.changed == {"weight": 1.0})
    assert check(with_defense(entry, changed={})) == ["defense has changed {}, but its fields mean {'weight': 1.0}"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"title": "textfooler"}, f"{TEXTFOOLER} has title 'textfooler', but its fields mean 'textfooler (bundled 2)'"),
        ({"name": "pwws"}, f"{TEXTFOOLER} has the name pwws, which is that of robench.attacks.pwws:PWWS"),
        ({"base": "pwws"}, f"{TEXTFOOLER} has base 'pwws', but its fields mean ''"),
        (
            {"changed": {"max_candidates": 50}},
            f"{TEXTFOOLER} has changed {{'max_candidates': 50}}, but its fields mean",
        ),
    ],
)
def test_an_attack_that_its_name_does_not_stand_for_is_a_fault(changes: dict[str, Any], fault: str) -> None:
    entry = read("trec-base-seed42")
    assert entry.attacks[3].attack.name == "textfooler"
    (found,) = check(with_attack(entry, **changes))
    assert found.startswith(fault)


def test_resources_that_the_preset_does_not_choose_are_changed_fields() -> None:
    entry = read("trec-base-seed42")
    published = entry.attacks[3].attack.fields | {"resources": "published"}
    own = {"fields": published, "title": "textfooler"}
    assert check(with_attack(entry, **own, changed={"resources": "published"})) == []
    (found,) = check(with_attack(entry, **own))
    assert found == f"{TEXTFOOLER} has changed {{}}, but its fields mean {{'resources': 'published'}}"


def test_training_settings_of_one_defense_are_no_fields_of_it() -> None:
    assert check(with_defense(read("trec-base-seed42"), changed={"training.epochs": 6})) == []


def test_a_preset_that_robench_does_not_have_is_a_fault() -> None:
    entry = msgspec.structs.replace(read("trec-base-seed42"), preset="best", attacks=(), statistics=())
    assert check(entry) == ["defense is of the preset 'best', which robench does not have"]


def test_a_part_may_have_the_choice_of_any_preset() -> None:
    entry = read("trec-taichi-pwws-seed42")
    fields = entry.defense.fields | {"unsuccessful": "perturbed"}
    for changed in ({}, {"unsuccessful": "perturbed"}):
        info = msgspec.structs.replace(entry.defense, fields=fields, changed=changed)
        part = FusedPart(key="0" * 16, label="part", defense=info)
        assert check(msgspec.structs.replace(entry, parts=(part,))) == []


def test_code_of_another_version_is_compared_by_its_class_alone() -> None:
    assert check(with_defense(read("trec-pgd-seed42"), code="0" * 16, changed={"steps": 3})) == []


def test_what_nobody_here_declares_is_left_alone() -> None:
    entry = read("trec-base-seed42")
    assert check(with_defense(entry, name="mine", class_="mine:Mine")) == []
    brought = msgspec.structs.replace(entry, victim=VictimInfo(kind="Python function", model="mine:score"))
    assert check(with_defense(brought, name="taichi", class_="robench.victims.source:Given")) == []


def test_another_name_of_a_built_in_is_noted_until_its_plugin_is_loaded(tmp_path: Path) -> None:
    plugin = tmp_path / "cold.py"
    line = "robench.register('taichi-cold', TaiChi(temperature=0.1))"
    plugin.write_text(f"import robench\nfrom robench.defenses.taichi import TaiChi\n{line}\n", encoding="utf-8")
    entry = read("trec-taichi-pwws-seed42")
    cold = with_defense(entry, name="taichi-cold", fields=entry.defense.fields | {"temperature": 0.1}, changed={})
    faults, notes = PluginChecks().check(cold)
    assert faults == [] and len(notes) == 1
    assert notes[0].startswith("defense has the name taichi-cold, which is none of robench's own for")
    with plugin_files.isolated():
        plugin_files.load_plugin(plugin)
        assert PluginChecks().check(cold) == ([], [])
        hot = with_defense(cold, fields=entry.defense.fields)
        faults, _ = PluginChecks().check(hot)
        assert faults == ["defense has changed {}, but its fields mean {'temperature': 1.0}"]
