"""The page on one model: its sentences, and what it says to do next."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from robench.report.evaluation import make_metrics
from robench.report.model_results import ModelResults
from robench.report.pages.parts import Commands, Page, Points, TablePart
from robench.report.pages.victim import make_model_page
from robench.results.store import Store
from support.hand_made import add_cell, record
from support.tables import options_of

GIVEN: dict[str, Any] = {"kind": "Python function", "model": "my:scores", "command": ["--model", "my:scores"]}


def page_of(store: Store, **values: Any) -> Page:
    """Make the page of a model under two attacks."""
    cells = [add_cell(store, "mine", attack, 12, given=GIVEN, **values) for attack in ("pwws", "deepwordbug")]
    return make_model_page(ModelResults(store, cells), [], "robench attack --report page.html")


def next_steps(page: Page) -> tuple[str, list[str]]:
    """Return what the page says to do next, and the commands for it."""
    parts = next(section.parts for section in page.sections if section.name == "next")
    points = next(part for part in parts if isinstance(part, Points))
    commands = next(part for part in parts if isinstance(part, Commands))
    return " ".join(points.sentences), list(commands.lines)


def test_sentences_with_errors_have_plain_numbers_and_tell_of_them_apart(store: Store) -> None:
    cells = [
        add_cell(store, "mine", attack, held, n=20, errors=2, given=GIVEN)
        for attack, held in (("pwws", 12), ("deepwordbug", 13))
    ]
    verdict, strongest, *_ = make_model_page(ModelResults(store, cells), [], "robench attack").answer
    left_out = "; 2 of 20 cases, in which an attack ended in an error, are left out."
    assert "it has 90.0 % right, and of 20 attacked texts 66.7 % stay right under both" in verdict
    assert strongest.startswith("The strongest attack is pwws, which leaves 66.7 %; it asks")
    assert verdict.endswith(left_out) and strongest.endswith(left_out)


def test_attacks_and_classes_that_are_level_are_all_named(store: Store) -> None:
    """The attacks fail on the first 12 of 20 texts, whose classes alternate."""
    cells = [add_cell(store, "mine", attack, 12, n=20, given=GIVEN) for attack in ("pwws", "deepwordbug")]
    _, strongest, weakest = make_model_page(ModelResults(store, cells), [], "robench attack").answer
    assert strongest == "The strongest attacks are deepwordbug and pwws: each leaves 60.0 %."
    assert weakest.startswith(
        "No class is the weakest: ABBR (6 of 10 texts hold) and DESC (6 of 10 texts hold) are level;"
    )


@pytest.mark.parametrize(("errors", "verdict"), [(0, "Mostly: "), (1, "Mostly: "), (8, "Not known: ")])
def test_verdict_is_not_known_if_it_depends_on_what_errors_would_have_been(
    store: Store, errors: int, verdict: str
) -> None:
    """All texts without an error hold; 12 of 20 would be less than 80 % of the clean accuracy."""
    page = page_of(store, n=20 - 8 + errors, errors=errors, clean=(18, 20))
    assert page.answer[0].startswith(verdict)


def test_advice_to_attack_more_texts_replaces_the_limit(store: Store) -> None:
    points, commands = next_steps(page_of(store, n=20))
    (command,) = [one for one in commands if "--attack-limit 200" in one]
    assert "Attack more texts: 20 leave" in points and command.count("--attack-limit") == 1


@pytest.mark.parametrize("limit", [None, 20])
def test_advice_to_attack_more_texts_needs_more_texts(store: Store, limit: int | None) -> None:
    """A limit of clean texts is only stored if there are more."""
    points, _ = next_steps(page_of(store, n=20, clean=(18, 20), clean_limit=limit))
    assert ("Attack more texts" in points) == (limit is not None)


def steps_beside(store: Store, **second: Any) -> tuple[str, list[str]]:
    """Return what to do next, and its commands, for a model under PWWS and under another attack."""
    cells = [add_cell(store, "mine", "pwws", 60, given=GIVEN)]
    cells.append(add_cell(store, "mine", second.pop("attack", "textfooler"), 50, given=GIVEN, **second))
    return next_steps(make_model_page(ModelResults(store, cells), [], "robench attack --report page.html"))


def test_the_command_for_ci_makes_every_attack_whatever_is_set_of_each(store: Store) -> None:
    points, commands = steps_beside(store, attack_changed={"query_budget": 50})
    (command,) = [one for one in commands if "--fail-under" in one]
    options = options_of(command)
    assert options["attack"] == ["pwws,textfooler"] and options["settings"] == ["textfooler.query_budget=50"]
    assert f"--fail-under {options['fail_under']:g} ends" in points


def test_the_threshold_for_ci_is_met_by_the_same_model_though_texts_ended_in_errors(store: Store) -> None:
    """The least is 12 of 20, and the lower end over the 12 texts without an error is 75.7 %."""
    _, commands = next_steps(page_of(store, n=20, errors=8))
    (command,) = [one for one in commands if "--fail-under" in one]
    assert options_of(command)["fail_under"] == 60


@pytest.mark.parametrize("second", [{"attack": "pwws", "attack_changed": {"query_budget": 50}}, {"n": 150}])
def test_no_command_for_ci_is_printed_if_no_single_one_makes_every_attack(store: Store, second: dict[str, Any]) -> None:
    points, commands = steps_beside(store, **second)
    assert "--fail-under" not in " ".join([points, *commands])


def test_the_defenses_to_compare_with_are_trained_and_attacked_like_the_model(store: Store) -> None:
    rows: dict[str, Any] = {
        "split": "dev",
        "clean": (90, 100),
        "clean_limit": 100,
        "data": {"source": "local:/data/trec", "digest": "d"},
    }
    network = {**GIVEN, "max_length": 128}
    cells = [
        add_cell(store, "mine", "pwws", 12, n=30, seed=seed, given=network, attack_changed={"query_budget": 50}, **rows)
        for seed in (7, 8)
    ]
    _, commands = next_steps(make_model_page(ModelResults(store, cells), ["--runs", "r"], "robench attack"))
    (command,) = [one for one in commands if one.startswith("robench run")]
    options = options_of(command)
    assert options["defense"] == ["base,taichi"] and options["task"] == ["trec"] and options["attack"] == ["pwws"]
    expected = {"split": "dev", "attack_limit": 30, "clean_limit": 100, "seed": ["7,8"], "data": Path("/data")}
    expected |= {"precision": "fp32", "preset": "quick", "settings": ["pwws.query_budget=50"], "runs": Path("r")}
    expected |= {"encoder": None, "train_limit": None}
    assert {name: options[name] for name in expected} == expected


def test_advice_and_checks_speak_of_one_as_of_one(store: Store) -> None:
    """Three of the paper's four attacks were made, and ended in one error."""
    attacks = ("pwws", "deepwordbug", "textfooler")
    cells = [add_cell(store, "mine", name, 12, n=20, errors=name == "pwws", given=GIVEN) for name in attacks]
    page = make_model_page(ModelResults(store, cells), [], "robench attack")
    assert "Try other attacks: textbugger was not run." in next_steps(page)[0]
    checks = next(section.parts for section in page.sections if section.name == "checks")
    assert "code and is left out; --retry-errors tries it again." in str(checks)
    points, _ = next_steps(page_of(store, n=30))
    assert "Try other attacks: textfooler, textbugger were not run." in points


def test_facts_name_every_number_of_attacked_texts(store: Store) -> None:
    cells = [add_cell(store, "mine", name, 12, n=n, given=GIVEN) for name, n in (("pwws", 100), ("deepwordbug", 20))]
    page = make_model_page(ModelResults(store, cells), [], "robench attack")
    assert ("attacked texts", "20 and 100") in page.facts
    assert ("attacked texts", "200") in page_of(store).facts


def test_strength_under_three_attacks_names_them_as_a_list(store: Store) -> None:
    attacks = ("pwws", "deepwordbug", "textfooler")
    cells = [add_cell(store, "mine", name, 12, n=20, given=GIVEN) for name in attacks]
    strength = ModelResults(store, cells).describe_strength()
    assert "texts of trec withstand deepwordbug, pwws and textfooler (" in strength


def test_checks_name_the_split(store: Store) -> None:
    given = {**GIVEN, "label_order": [0, 1]}
    cell = add_cell(store, "mine", "pwws", 12, given=given, split="dev")
    page = make_model_page(ModelResults(store, [cell]), [], "robench attack")
    checks = next(section.parts for section in page.sections if section.name == "checks")
    assert "as far as dev texts show;" in str(checks) and "test texts" not in str(checks)


def test_worst_accuracy_is_of_the_texts_that_all_attacks_had(store: Store) -> None:
    first = [record(i, "failed" if i < 12 else "succeeded") for i in range(20)]
    second = [record(i, "succeeded" if i < 12 else "failed") for i in range(1, 21)]
    cells = [
        add_cell(store, "mine", attack, 0, n=20, records=rows, given=GIVEN)
        for attack, rows in (("pwws", first), ("deepwordbug", second))
    ]
    found = ModelResults(store, cells)
    assert (found.worst.value, found.worst.n) == (0, 19)
    assert found.describe_strength().startswith("mine: 0.0 % of 19 texts of trec withstand deepwordbug and pwws")
    verdict, *_ = make_model_page(found, [], "robench attack --report page.html").answer
    assert "and of the 19 texts that both attacks had 0.0 % stay right under both attacks (95 %" in verdict
    assert [metric.metric_value for metric in make_metrics(found)][-1] == 0


def test_attacks_without_a_text_in_common_have_no_worst_accuracy(store: Store) -> None:
    cells = [
        add_cell(store, "mine", attack, 0, n=5, records=[record(i, "failed") for i in rows], given=GIVEN)
        for attack, rows in (("pwws", range(5)), ("deepwordbug", range(5, 10)))
    ]
    found = ModelResults(store, cells)
    assert found.worst.value is None and len(make_metrics(found)) == 3
    assert found.describe_strength().endswith("is not known: deepwordbug and pwws had no text in common")
    assert make_model_page(found, [], "robench attack --report page.html").answer[0].startswith("Not known: of")


def test_classes_and_lengths_are_of_all_seeds(store: Store) -> None:
    cells = [add_cell(store, "mine", "pwws", held, n=100, seed=seed, given=GIVEN) for seed, held in ((1, 80), (2, 20))]
    page = make_model_page(ModelResults(store, cells), [], "robench attack --report page.html")
    kinds = next(section for section in page.sections if section.name == "kinds")
    (classes, _) = [part.table for part in kinds.parts if isinstance(part, TablePart)]
    under = [row.cells[1].value for block in classes.blocks for row in block.rows]
    assert sum(value or 0 for value in under) / len(under) == Fraction(1, 2)


@pytest.mark.parametrize("failing", [("pwws",), ("pwws", "deepwordbug")])
def test_model_under_an_attack_of_which_every_text_is_an_error_has_no_worst_accuracy(
    store: Store, failing: tuple[str, ...]
) -> None:
    """It is not that under the other attack, which a limit might be compared with."""
    cells = [
        add_cell(
            store, "mine", attack, 0 if attack in failing else 12, n=20, errors=20 * (attack in failing), given=GIVEN
        )
        for attack in ("pwws", "deepwordbug")
    ]
    found = ModelResults(store, cells)
    unknown = f"all samples of {' and '.join(sorted(failing))} are errors"
    assert found.worst.value is None and unknown in found.describe_strength()
    verdict, strongest, *_ = make_model_page(found, [], "robench attack --report page.html").answer
    assert (
        verdict.startswith("Not known: of")
        and "20 of 20 cases, in which an attack ended in an error, are left out" in verdict
    )
    assert ("which leaves 60.0 %" in strongest) == (len(failing) == 1)
