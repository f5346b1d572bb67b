"""Labels of defenses whose rows of D_adv a preset chose."""

from __future__ import annotations

from typing import Any

from robench.results.info_parts import PluginInfo
from robench.results.labels import Label, defense_source, make_labels, plain_attack

Changes = dict[str, Any]


def labels(*variants: tuple[str, Changes]) -> list[Label]:
    """Label variants of ada by the value of ``unsuccessful`` and the fields that the user changed."""
    sources = [
        defense_source(
            f"identity of {value} {sorted(changed.items())}",
            PluginInfo(name="ada", fields={"unsuccessful": value, "ratio": 1.0, **changed}, changed=changed),
            f"{number}" * 16,
        )
        for number, (value, changed) in enumerate(variants)
    ]
    return list(make_labels(sources).values())


def test_a_presets_choice_alone_is_not_part_of_a_label() -> None:
    assert labels(("perturbed", {})) == [Label("ada", False, "ada")]
    assert [label.text for label in labels(("perturbed", {}), ("original", {"unsuccessful": "original"}))] == [
        "ada",
        "ada (unsuccessful=original)",
    ]


def test_two_presets_choices_are_told_apart_by_the_field_and_not_by_a_key() -> None:
    assert labels(("original", {}), ("perturbed", {})) == [
        Label("ada (unsuccessful=original)", False, "ada"),
        Label("ada (unsuccessful=perturbed)", False, "ada"),
    ]
    changed = labels(("original", {"ratio": 0.5}), ("perturbed", {"ratio": 0.5}), ("perturbed", {}))
    assert [label.text for label in changed] == [
        "ada (ratio=0.5, unsuccessful=original)",
        "ada (ratio=0.5, unsuccessful=perturbed)",
        "ada",
    ]
    assert [label.plain for label in changed] == ["", "", "ada"]


def test_what_no_field_distinguishes_has_a_key() -> None:
    info = PluginInfo(name="ada", fields={"unsuccessful": "original"})
    found = make_labels([defense_source("one", info, "1" * 16), defense_source("other", info, "2" * 16)])
    assert list(found.values()) == [Label("ada [11111111]", True), Label("ada [22222222]", True)]


def test_an_attack_is_the_registered_one_whichever_form_its_resources_have() -> None:
    changes: list[Changes] = [{}, {"resources": "bundled"}, {"resources": "bundled", "max_candidates": 20}]
    attacks = [PluginInfo(name="textfooler", title="textfooler (bundled)", changed=changed) for changed in changes]
    assert [plain_attack(attack) for attack in attacks] == ["textfooler", "textfooler", ""]
