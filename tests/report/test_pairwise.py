"""The comparison of two defenses: its sentences, and the errors of what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.errors import RobenchError
from robench.report.pairwise import compare
from robench.report.submit import write_entry
from robench.results.entry_form import Entry
from robench.results.power import Plan
from robench.results.significance import compare_outcomes, mcnemar
from robench.results.store import Store
from support.hand_made import add_cell, add_on_dev
from support.many_entries import make_entry
from support.tables import SECOND_ENCODER, options_of
from support.tiny_job import robench

GIVEN = {"kind": "Transformers model", "model": "./mine", "command": ["--model", "./mine"], "max_length": 128}
HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"


def fill(store: Store, **failed: list[int]) -> None:
    """Cells of trec under pwws, with a seed for each number."""
    for defense, counts in failed.items():
        for seed, count in enumerate(counts, start=1):
            add_cell(store, defense, "pwws", count, seed=seed)


def test_one_seed_is_about_these_trained_models(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    assert found.found.p == mcnemar(12, 0) and found.found.value == pytest.approx(0.06)
    verdict, reach = found.sentences
    about = "Of these two trained models (seed 1), taichi is better than ada on trec under pwws by 6.0 points"
    assert verdict.startswith(f"{about} (95 % interval")
    assert "p = 0.00049" in verdict and "over 200 samples. Other seeds may say otherwise" in verdict
    assert reach.startswith("The smallest difference that 200 samples find with a chance of 80 %:")


def test_the_second_can_be_the_better_one(store: Store) -> None:
    fill(store, taichi=[100], ada=[112])
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    other = compare("ada", "taichi", task="trec", attack="pwws", runs=store.root)
    assert "ada is better than taichi" in str(found) and found.found.value == -other.found.value
    assert found.sentences == other.sentences


def test_a_small_difference_is_not_told_apart(store: Store) -> None:
    fill(store, taichi=[103], ada=[100])
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root))
    assert "taichi cannot be told from ada on trec under pwws: it is ahead by 1.5 points" in text


def test_compare_of_equal_numbers_says_that_none_is_ahead(store: Store) -> None:
    fill(store, taichi=[100], ada=[100])
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root))
    assert "cannot be told from ada on trec under pwws: there is no difference, 0.0 points (95 %" in text
    assert "ahead" not in text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"low": 0.000093, "p": 0.04957}, "is better than ada on trec under pwws by 1.5 points (95 % interval 0.01 to"),
        ({"low": 0.000093, "p": 0.04957}, ", p = 0.0496)"),
        ({"p": 0.0504}, "cannot be told from ada"),
        ({"p": 0.0504}, ", p = 0.0504)"),
        ({"low": -0.0004, "p": 0.051}, "(95 % interval -0.04 to"),
        ({"p": 0.0996, "level": 0.9}, ", p = 0.0996)"),
        ({"p": 0.0996, "level": 0.9}, "is better than ada"),
        ({"value": 0.0003, "p": 0.9}, "it is ahead by 0.03 points"),
        ({"value": -0.2, "low": -0.3, "high": -0.0, "p": 0.05}, "ada is better than taichi on trec under pwws by 20.0"),
        ({"value": -0.2, "low": -0.3, "high": -0.0, "p": 0.05}, "(95 % interval 0.0 to 30.0, p = 0.05)"),
    ],
)
def test_rounded_numbers_do_not_contradict_the_verdict(store: Store, changes: dict[str, float], shown: str) -> None:
    fill(store, taichi=[103], ada=[100])
    made = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    assert shown in str(replace(made, found=replace(made.found, **changes)))  # type: ignore[arg-type]


def test_two_seeds_that_differ_by_less_than_a_tenth_of_a_point_are_not_said_to_be_level(store: Store) -> None:
    fill(store, taichi=[112, 104], ada=[100, 100])
    made = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    found = replace(made.found, by_seed={1: 0.0002, 2: -0.0002})
    assert "+0.02 with seed 1, -0.02 with seed 2" in str(replace(made, found=found))


def test_two_seeds_give_both_values_and_no_verdict(store: Store) -> None:
    fill(store, taichi=[112, 104], ada=[100, 100])
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=3)
    assert "+6.0 with seed 1, +2.0 with seed 2, over 200 samples. Two seeds say too little" in str(found)
    assert "cannot be planned from two seeds" in str(found) and found.smallest is None


def test_three_seeds_are_about_the_defenses(store: Store) -> None:
    fill(store, taichi=[130, 134, 131], ada=[100, 102, 101])
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=8)
    verdict, reach, made = found.sentences
    assert verdict.startswith("taichi is better than ada on trec under pwws by 15.3 points (95 % interval")
    assert verdict.endswith("over 3 seeds and 200 samples.") and "200 samples and 3 seeds find" in reach
    assert "A difference of 8 points is found with a chance of 80 %" in made
    outcomes = [
        {seed: [row < count for row in range(200)] for seed, count in enumerate(counts)}
        for counts in ([130, 134, 131], [100, 102, 101])
    ]
    expected = compare_outcomes(outcomes[0], outcomes[1])
    assert expected is not None and found.found.p == expected.p and found.found.low == expected.low


def test_plan_whose_only_way_is_that_of_least_work_says_it_once(store: Store) -> None:
    fill(store, taichi=[130, 134, 131], ada=[100, 102, 101])
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=2)
    text = str(replace(found, plan=Plan(None, 44, (44, 200), 500, None)))
    assert "with a chance of 80 % by 44 seeds with 200 samples. The spread" in text


def test_a_difference_that_the_test_split_cannot_show_is_said(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=0.5))
    assert "The test split is too small for 0.5 points even between two trained models: all its 500" in text
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=5))
    assert "A difference of 5 points between two trained models takes" in text and "of the 500 of the test" in text


def test_plan_of_a_part_of_the_test_split_says_so(store: Store) -> None:
    for defense, failed in (("taichi", 112), ("ada", 100)):
        add_cell(store, defense, "pwws", failed, clean=(190, 200), clean_limit=200)
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=0.5))
    assert "The part of the test split that --clean-limit took is too small for 0.5 points" in text


def test_model_under_the_worst_attack_is_named_with_the_one_that_it_was_trained_against(store: Store) -> None:
    for attack in ("pwws", "textfooler"):
        add_cell(store, "ada", attack, 120, trained="pwws" if attack != "pwws" else None)
        add_cell(store, "base", attack, 100)
    found = compare("ada", "base", task="trec", attack="worst", runs=store.root)
    assert found.first == "ada on pwws" and "ada on pwws is better than base on trec under the worst of" in str(found)


def test_errors_leave_pairs_and_are_counted(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 112, errors=4)
    add_cell(store, "ada", "pwws", 100)
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    assert found.found.left_out == 4 and "4 samples without an outcome of both left out" in str(found)


def test_without_an_attack_clean_texts_are_compared() -> None:
    found = compare("taichi", "base", task="mr", runs=HOUSE)
    assert found.attack == "" and "(clean texts)" in str(found) and found.found.n == 30
    assert found.found.value == pytest.approx(26 / 30 - 1)


def test_a_changed_defense_is_named_by_its_label() -> None:
    found = compare("average (weight=0.8)", "taichi", task="mr", attack="pwws", runs=HOUSE)
    assert found.found.value == pytest.approx((4 - 6) / 30)
    with pytest.raises(RobenchError, match=r"several versions of average: .*\(weight=0.3\).*; name one of them"):
        compare("average", "taichi", task="mr", attack="pwws", runs=HOUSE)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("ada", "ada"), {}, "compared with itself"),
        (("ada", "tachi"), {}, "no results in .* of tachi on trec; there are results of ada, ada on pwws, taichi, "),
        (("ada", "taichi"), {"attack": "bae"}, "no results of ada under bae; there are results under pwws"),
        (("ada", "taichi"), {"task": "mr"}, "with task mr; it has trec"),
        (("ada", "taichi"), {"level": 95}, "write 0.95"),
        (("ada", "taichi"), {"difference": 0}, "above 0 and at most 100 percentage points"),
        (("ada", "taichi"), {"attack": ""}, "predictions of ada on clean texts are not stored"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(
    store: Store, names: tuple[str, str], options: dict[str, object], message: str
) -> None:
    fill(store, taichi=[112], ada=[100])
    arguments = {"task": "trec", "attack": "pwws", "runs": store.root, **options}
    with pytest.raises(RobenchError, match=message):
        compare(*names, **arguments)  # type: ignore[arg-type]


def test_results_of_several_settings_have_to_be_chosen_from(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    for defense in ("taichi", "ada"):
        add_cell(store, defense, "pwws", 50, encoder=SECOND_ENCODER, seed=1)
    with pytest.raises(RobenchError, match="several settings: trec, encoder tiny; trec, encoder minilm"):
        compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, encoder="minilm")
    assert found.found.value == pytest.approx(0.06)


def test_development_rows_are_compared_on_request_alone(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    for defense, failed in (("taichi", 90), ("ada", 120)):
        add_cell(store, defense, "pwws", failed, seed=1, split="dev")
    place = {"task": "trec", "attack": "pwws", "runs": store.root}
    assert compare("taichi", "ada", **place).found.value == pytest.approx(0.06)  # type: ignore[arg-type]
    assert compare("taichi", "ada", split="dev", **place).found.value == pytest.approx(-0.15)  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match=r"no results in .* on train rows; there are results on dev, test rows"):
        compare("taichi", "ada", split="train", **place)  # type: ignore[arg-type]


def test_clean_development_rows_are_those_before_an_attack_that_met_all_of_them(store: Store) -> None:
    add_on_dev(store, "taichi", wrong=2)
    add_on_dev(store, "ada", wrong=20)
    found = compare("taichi", "ada", task="trec", split="dev", runs=store.root)
    assert found.found.value == pytest.approx(0.09) and found.found.p == mcnemar(18, 0)
    assert "taichi is better than ada on dev rows of trec (clean texts)" in str(found)
    assert "over 200 samples" in str(found) and found.describe()["split"] == "dev"
    planned = compare("taichi", "ada", task="trec", split="dev", runs=store.root, difference=0.5)
    assert "The dev split is too small for 0.5 points" in str(planned)


def test_clean_development_rows_of_a_smaller_sample_are_refused_with_the_way_out(store: Store) -> None:
    for defense in ("taichi", "ada"):
        add_on_dev(store, defense, wrong=2, n=150)
    with pytest.raises(RobenchError, match=r"taichi predicts for clean dev rows .* --attack-limit 200 .*--split dev"):
        compare("taichi", "ada", task="trec", split="dev", runs=store.root)


def test_models_under_another_attack_than_their_own_take_no_part(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    add_cell(store, "taichi", "pwws", 20, seed=1, trained="deepwordbug")
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root)
    assert found.found.value == pytest.approx(0.06)


def test_a_model_trained_against_one_attack_is_named_and_compared_under_others(store: Store) -> None:
    fill(store, base=[100], taichi=[112])
    for defense, attack, failed in (("base", "textfooler", 90), ("taichi", "pwws", 20), ("ada", "pwws", 30)):
        trained = None if defense == "base" else "textfooler"
        add_cell(store, defense, attack, failed, seed=1, trained=trained)
    place = {"task": "trec", "runs": store.root}
    found = compare("taichi on textfooler", "base", attack="pwws", **place)  # type: ignore[arg-type]
    assert found.found.value == pytest.approx(-0.4) and "base is better than taichi on textfooler" in str(found)
    found = compare("taichi on textfooler", "taichi", attack="pwws", **place)  # type: ignore[arg-type]
    assert found.found.value == pytest.approx(-0.46), "two models of one defense"
    with pytest.raises(RobenchError, match="of ada on trec; there are results of ada on textfooler, base, "):
        compare("ada", "base", attack="pwws", **place)  # type: ignore[arg-type]


def test_the_worst_of_all_attacks_counts_samples_on_which_a_model_survives_each(store: Store) -> None:
    """Hand-made cells fail on the first samples, so those that survive all are those of the weakest attack."""
    for attack, ada, base in (("pwws", 120, 90), ("textfooler", 100, 110), ("deepwordbug", 115, 95)):
        trained = None if attack == "pwws" else "pwws"
        add_cell(store, "ada", attack, ada, seed=1, trained=trained)
        add_cell(store, "base", attack, base, seed=1)
    for name in ("ada", "ada on pwws"):
        found = compare(name, "base", task="trec", attack="worst", runs=store.root)
        assert found.found.value == pytest.approx((100 - 90) / 200) and found.found.n == 200
        assert "on trec under the worst of " in str(found) and "deepwordbug" in found.attack
    add_cell(store, "ada", "textfooler", 100, seed=1)
    with pytest.raises(RobenchError, match="several versions of ada: ada on pwws, ada on textfooler; name one"):
        compare("ada", "base", task="trec", attack="worst", runs=store.root)
    with pytest.raises(RobenchError, match=r"same attacks .*; ada on textfooler met textfooler; base"):
        compare("ada on textfooler", "base", task="trec", attack="worst", runs=store.root)


def test_the_worst_of_all_attacks_leaves_out_one_that_is_made_against_a_defense(store: Store) -> None:
    for attack, failed in (("pwws", 110), ("textfooler", 100)):
        add_cell(store, "freelb", attack, failed, adaptive="pierce")
        add_cell(store, "base", attack, 90)
    add_cell(store, "freelb", "pierce", 10, adaptive="pierce")
    found = compare("freelb", "base", task="trec", attack="worst", runs=store.root)
    assert found.found.value == pytest.approx(0.05) and "pierce" not in found.attack


def test_a_defense_under_an_attack_that_only_another_model_of_it_met_is_told_of_that_model(store: Store) -> None:
    fill(store, base=[100], taichi=[112])
    add_cell(store, "taichi", "textfooler", 20, seed=1, trained="pwws")
    with pytest.raises(RobenchError, match="under textfooler; there are results under pwws, and taichi on pwws met it"):
        compare("taichi", "base", task="trec", attack="textfooler", runs=store.root)
    place = store.root / "none"
    command = f"robench run --defense taichi,base --task trec --attack textfooler --against pwws --runs {place}"
    with pytest.raises(RobenchError, match=f"{command}` makes some"):
        compare("taichi on pwws", "base", task="trec", attack="textfooler", runs=place)


def refusal(*names: str, **options: Any) -> str:
    """The sentence with which a comparison on trec is refused."""
    with pytest.raises(RobenchError) as error:
        compare(names[0], names[1], task="trec", **options)
    return str(error.value)


def test_the_command_that_makes_both_has_all_that_was_asked_for(store: Store) -> None:
    chosen: dict[str, Any] = {"encoder": "tiny", "preset": "quick", "seed": [1, 2], "split": "dev"}
    said = refusal("taichi (temperature=0.5)", "ada", attack="pwws (query_budget=50)", runs=store.root, **chosen)
    options = options_of(said.split("`")[1])
    assert {name: options[name] for name in ("defense", "task", "attack", "encoder", "preset", "seed", "split")} == {
        **{"defense": ["taichi,ada"], "task": ["trec"], "attack": ["pwws"], "encoder": "tiny", "preset": "quick"},
        **{"seed": ["1,2"], "split": "dev"},
    }
    assert options["settings"] == ["taichi.temperature=0.5", "pwws.query_budget=50"]
    assert options["runs"] == store.root


def test_the_command_for_a_split_without_results_names_it(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    assert "--split dev" in refusal("taichi", "ada", attack="pwws", runs=store.root, split="dev").split("`")[1]


def test_the_command_for_the_defense_that_is_missing_has_the_settings_of_the_other(store: Store) -> None:
    for attack in ("pwws", "textfooler"):
        add_cell(store, "ada", attack, 100, n=150, seed=7, encoder=SECOND_ENCODER)
    options = options_of(refusal("base", "ada", attack="pwws", runs=store.root).split("`")[1])
    assert options["defense"] == ["base"] and options["attack"] == ["pwws"] and options["seed"] == ["7"]
    assert options["attack_limit"] == 150 and options["encoder"] == "tiny" and options["runs"] == store.root
    add_cell(store, "base", "pwws", 90, seed=7)
    options = options_of(refusal("ada", "base", attack="pwws", runs=store.root).split("`")[1])
    assert options["defense"] == ["base"] and options["attack_limit"] == 150 and options["encoder"] == "tiny"


def test_the_command_for_clean_texts_of_a_model_that_is_gone_makes_that_model(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    options = options_of(refusal("ada", "taichi", runs=store.root).split("`")[1])
    assert options["defense"] == ["ada"] and options["seed"] == ["1"] and options["runs"] == store.root


def test_seeds_that_are_not_shared_cannot_be_compared(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 112, seed=1)
    add_cell(store, "ada", "pwws", 100, seed=2)
    said = refusal("taichi", "ada", attack="pwws", runs=store.root)
    assert said.startswith("taichi (seed 1) and ada (seed 2) share no seed and sample. ")
    options = options_of(said.split("`")[1])
    assert options["defense"] == ["ada"] and options["seed"] == ["1"] and options["runs"] == store.root


def write_counts(entry: Entry, folder: Path) -> None:
    attacks = tuple(msgspec.structs.replace(one, records=None) for one in entry.attacks)
    write_entry(msgspec.structs.replace(entry, counts_only=True, predictions=None, attacks=attacks), folder)


@pytest.mark.parametrize(
    ("attack", "what"),
    [("pwws", "the outcomes under pwws"), ("", "the predictions on clean texts"), ("worst", "the worst cases")],
)
def test_entries_of_counts_alone_cannot_be_compared_and_the_error_says_so(
    tmp_path: Path, attack: str, what: str
) -> None:
    write_counts(make_entry("base", texts=20), tmp_path)
    write_entry(make_entry("pgd", texts=20), tmp_path)
    said = refusal("base", "pgd", attack=attack, runs=tmp_path)
    assert said == f"{what} of base are not known: its entries have counts alone, no single samples."


def test_entries_of_counts_alone_beside_others_are_left_out(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_entry(make_entry("pgd", seed=seed, texts=20), tmp_path)
    write_counts(make_entry("base", seed=1, texts=20), tmp_path)
    write_entry(make_entry("base", seed=2, texts=20), tmp_path)
    for attack in ("pwws", "", "worst"):
        assert compare("base", "pgd", task="trec", attack=attack, runs=tmp_path).found.seeds == (2,)


def test_samples_that_all_ended_in_errors_are_no_missing_seeds(store: Store) -> None:
    fill(store, taichi=[112])
    add_cell(store, "ada", "pwws", 0, seed=1, errors=200)
    said = refusal("taichi", "ada", attack="pwws", runs=store.root)
    assert said.startswith(
        "taichi and ada share no sample with an outcome of both: of each that they share, the attack"
    )


def test_command_prints_sentences_or_json(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    command = ["compare", "taichi", "ada", "--task", "trec", "--attack", "pwws", "--runs", store.root]
    done = robench(*command, "--difference", 5)
    assert done.exit_code == 0 and done.stdout.count("\n") == 3 and "taichi is better than ada" in done.stdout
    found = json.loads(robench(*command, "--difference", 5, "-f", "json").stdout)
    assert found["difference"] == pytest.approx(6) and found["told_apart"] and found["covers"] == "samples"
    assert found["plan"]["split"] == 500 and found["sentences"] == done.stdout.splitlines()
    assert robench(*command, "-f", "csv").exit_code == 2


def test_samples_too_few_for_any_difference_are_said_to_be(store: Store) -> None:
    for defense, failed in (("taichi", 5), ("ada", 0)):
        add_cell(store, defense, "pwws", failed, n=5, seed=1)
    found = compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=30)
    assert found.sentences[1].startswith("Too few samples: 5 samples find no difference with a chance of 80 %")
    assert found.smallest is None and found.describe()["smallest_difference"] is None


def test_three_seeds_of_one_sample_are_not_said_to_be_two(store: Store) -> None:
    for seed in (1, 2, 3):
        for defense, failed in (("taichi", 1), ("ada", 0)):
            add_cell(store, defense, "pwws", failed, n=1, seed=seed)
    text = str(compare("taichi", "ada", task="trec", attack="pwws", runs=store.root, difference=30))
    assert "One sample says too little" in text and "cannot be planned from one sample" in text


def test_variants_of_an_attack_are_named_as_tables_label_them(store: Store) -> None:
    fill(store, taichi=[112], ada=[100])
    for defense, failed in (("taichi", 120), ("ada", 90)):
        add_cell(store, defense, "pwws", failed, seed=1, attack_changed={"query_budget": 100})
    place = {"task": "trec", "runs": store.root}
    assert compare("taichi", "ada", attack="pwws", **place).found.value == pytest.approx(0.06)  # type: ignore[arg-type]
    changed = compare("taichi", "ada", attack="pwws (query_budget=100)", **place)  # type: ignore[arg-type]
    assert changed.found.value == pytest.approx(0.15) and "under pwws (query_budget=100)" in changed.sentences[0]
    worst = compare("taichi", "ada", attack="worst", **place)  # type: ignore[arg-type]
    assert "the worst of pwws, pwws (query_budget=100)" in worst.sentences[0]


def test_the_command_for_a_model_of_the_user_is_not_run(store: Store) -> None:
    fill(store, ada=[100])
    add_cell(store, "mine", "pwws", 90, n=100, given=GIVEN)
    with pytest.raises(RobenchError, match=r"can be compared.*`robench attack` makes results of a model of yours"):
        compare("mine", "ada", task="trec", attack="pwws", runs=store.root)


def test_an_attack_that_one_met_changed_alone_is_compared_so(store: Store) -> None:
    fill(store, ada=[100])
    for defense, failed in (("base", 90), ("ada", 120)):
        add_cell(store, defense, "pwws", failed, seed=1, attack_changed={"query_budget": 100})
    found = compare("ada", "base", task="trec", attack="pwws", runs=store.root)
    assert found.found.value == pytest.approx(0.15) and "under pwws (query_budget=100)" in found.sentences[0]
