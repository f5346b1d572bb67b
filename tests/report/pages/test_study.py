"""The answer of a study, word by word, and what a page says of that for which there is nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robench.report import tables
from robench.report.pages.parts import Bars, Examples, Page, Paragraph, Section, TablePart, write_page
from robench.report.pages.study import make_study_page
from robench.report.submit import write_entry
from robench.report.tables import TableOptions
from robench.results.store import Store
from support.hand_made import add_adversarial, add_cell, add_model
from support.many_entries import make_entry
from support.refusals import told
from support.tiny_job import robench

pytestmark = pytest.mark.usefixtures("quick_by_hand")


def page_of(store: Store, **options: object) -> Page:
    given = TableOptions(runs="runs", offline=True, **options)  # type: ignore[typeddict-item]
    return make_study_page(store, "paper", given, "robench report")


def text_of(section: Section) -> str:
    return " ".join(part.text for part in section.parts if isinstance(part, Paragraph))


def test_answer_with_one_seed_names_the_highest_and_what_is_not_known(store: Store) -> None:
    for defense, held in (("base", 80), ("ada", 86), ("taichi", 90)):
        add_cell(store, defense, "pwws", held)
    who, sure, price = page_of(store).answer
    assert who == (
        "taichi has the highest number: of 200 attacked texts 45.0 % stay right under pwws, against 40.0 % of base."
    )
    assert sure.startswith(
        "How sure: its lead of 2.0 points over the best other defense that is compared may be chance (p = "
    )
    assert sure.endswith("one seed was run, so this is about these trained models, and not yet about the methods.")
    assert price.startswith("The price of taichi: ")


def test_answer_with_a_clear_winner_says_so(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 60), ("taichi", 150)):
        add_cell(store, defense, "pwws", held)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi holds best: of 200 attacked texts 75.0 %")
    assert (
        "its lead of 45.0 points over the best other defense that is compared is more than chance (p < 0.0001" in sure
    )


def test_answer_if_the_named_defense_is_behind_tells_of_both(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 150), ("taichi", 60)):
        add_cell(store, defense, "pwws", held)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("ada holds best")
    assert "a paired test tells it from every other" in sure
    behind = "is 45.0 points behind the best other defense that is compared, more than chance"
    assert f"taichi, which was named for comparison, {behind}" in sure
    assert page_of(store, compare="ada").answer[1].startswith("How sure: its lead of 45.0 points over the best")


def test_answer_goes_by_the_attack_that_most_defenses_met(store: Store) -> None:
    add_cell(store, "base", "deepwordbug", 96)
    for defense, held in (("base", 104), ("ada", 134), ("taichi", 136)):
        add_cell(store, defense, "pwws", held)
    assert page_of(store).answer[0].startswith("taichi has the highest number: of 200 attacked texts 68.0 % stay right")


def test_answer_where_each_defense_met_another_attack_names_the_attack_of_the_one_that_it_tells_of(
    store: Store,
) -> None:
    add_cell(store, "base", "deepwordbug", 96)
    add_cell(store, "ada", "pwws", 134)
    assert page_of(store).answer[0] == (
        "Nobody can tell yet which defense holds best: only base was attacked by deepwordbug, and 48.0 % of its texts"
        " stay right under deepwordbug, the hardest of 2 attacks."
    )


def test_answer_where_the_highest_mean_is_of_seeds_that_others_lack_tells_who_is_ahead_on_those_that_both_have(
    store: Store,
) -> None:
    for seed, held in ((1, 100), (2, 132), (3, 132)):
        add_cell(store, "taichi", "pwws", held, seed=seed)
    add_cell(store, "ada", "pwws", 116, seed=1)
    add_cell(store, "base", "pwws", 40, seed=1)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi has the highest number: of 200 attacked texts 60.7 %")
    assert "taichi, which was named for comparison, is 8.0 points behind the best other defense" in sure
    who, sure, *_ = page_of(store, compare="base").answer
    assert who.startswith("taichi has the highest number")
    assert sure.startswith("How sure: of the seeds that both have ada is the better by a paired test; base, which was")


def test_answer_over_three_seeds_is_about_the_methods(store: Store) -> None:
    for seed, more in ((1, 0), (2, 2), (3, 4)):
        for defense, held in (("base", 40), ("taichi", 150)):
            add_cell(store, defense, "pwws", held + more, seed=seed)
    assert page_of(store).answer[1].endswith("; 3 seeds were run, so this is about the methods.")


def test_answer_ranks_defenses_of_three_seeds_and_names_the_models_of_one(store: Store) -> None:
    for seed in (1, 2, 3):
        for defense, held in (("base", 80), ("taichi", 90)):
            add_cell(store, defense, "pwws", held + seed, seed=seed)
    add_cell(store, "pgd", "pwws", 120)
    page = page_of(store)
    assert (
        page.answer[0].startswith("taichi ")
        and "46.0 % stay right under pwws, against 41.0 % of base" in page.answer[0]
    )
    assert (
        "1 row of fewer than 3 seeds was not compared; 3 seeds were run, so this is about the methods" in page.answer[1]
    )
    bars, *_ = (part for part in page.front if isinstance(part, Bars))
    assert [bar.label for bar in bars.bars] == ["taichi", "base"]
    assert any("Not shown: pgd; too few seeds." in part.text for part in page.front if isinstance(part, Paragraph))


def test_answer_says_if_the_defense_named_for_comparison_has_too_few_seeds(store: Store) -> None:
    for seed in (1, 2, 3):
        for defense, held in (("base", 80), ("ada", 90)):
            add_cell(store, defense, "pwws", held + seed, seed=seed)
    add_cell(store, "pgd", "pwws", 120)
    few = "pgd, which was named for comparison, has fewer than 3 seeds and was not compared; --seed 42 compares it"
    assert few in page_of(store, compare="pgd").answer[1]
    assert "named for comparison" not in page_of(store).answer[1]


def test_answer_about_the_defense_named_for_comparison_is_about_its_plain_form(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 80), ("taichi", 84)):
        add_cell(store, defense, "pwws", held)
    add_cell(store, "taichi", "pwws", 100, changed={"temperature": 2.0})
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi (temperature=2.0) ")
    assert "taichi, which was named for comparison, is 2.0 points ahead of the best other defense" in sure


def test_answer_about_the_worst_of_all_attacks_names_the_plain_form_of_a_model_that_knows_an_attack(
    store: Store,
) -> None:
    for defense, held, changed in (("base", 40, {}), ("taichi", 84, {}), ("taichi", 100, {"temperature": 2.0})):
        for attack in ("pwws", "deepwordbug"):
            trained = "pwws" if (defense, attack) == ("taichi", "deepwordbug") else None
            add_cell(store, defense, attack, held, changed=changed, trained=trained)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi on pwws (temperature=2.0) ") and "under each of deepwordbug and pwws" in who
    assert "taichi on pwws, which was named for comparison, is 22.0 points ahead of the best other defense" in sure


def test_answer_if_an_ablation_is_highest_compares_the_others_alone(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 60), ("taichi", 90), ("taichi-no-adv", 100)):
        add_cell(store, defense, "pwws", held)
    who, sure, _ = page_of(store).answer
    assert who.startswith("taichi-no-adv, an ablation of taichi and not compared, has the highest number: of 200")
    assert "taichi, which was named for comparison, is 15.0 points ahead of the best other defense that is comp" in sure
    assert "taichi-no-adv" not in sure
    assert page_of(store, compare="ada").answer[0].startswith("taichi-no-adv holds best"), "no ablation of that"


def test_answer_if_an_ablation_is_next_says_that_it_was_not_compared(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 60), ("taichi", 100), ("taichi-no-adv", 98)):
        add_cell(store, defense, "pwws", held)
    who, sure, _ = page_of(store).answer
    assert who.startswith("taichi holds best") and "its lead of 20.0 points over the best other defense that" in sure
    assert "the ablations of taichi were not compared" in sure


def test_answer_compares_ablations_of_a_defense_of_too_few_seeds(store: Store) -> None:
    for seed in (1, 2, 3):
        for defense, held in (("base", 80), ("taichi-no-adv", 120)):
            add_cell(store, defense, "pwws", held, seed=seed)
    for seed in (1, 2, 3):
        add_cell(store, "pgd", "pwws", 90, seed=seed)
    add_cell(store, "taichi", "pwws", 100, seed=1)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi-no-adv holds best: ")
    assert "a paired test tells it from every other" in sure and "ablation" not in who + sure


def test_answer_of_an_ablation_and_its_defense_alone_tests_nothing(store: Store) -> None:
    for defense, held in (("taichi", 150), ("taichi-no-adv", 40)):
        add_cell(store, defense, "pwws", held)
    who, sure = page_of(store).answer
    assert who.startswith("taichi has the highest number") and "nothing was tested" in sure


def test_answer_if_no_seed_is_shared_claims_no_test(store: Store) -> None:
    add_cell(store, "base", "pwws", 40, seed=4)
    for seed in (1, 2, 3):
        add_cell(store, "pgd", "pwws", 150, seed=seed)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("pgd has the highest number")
    assert sure == (
        "How sure: base could not be tested against it, for want of outcomes of the same seeds and texts; no seed is"
        " common to all that are compared, so this is about these trained models, and not yet about the methods."
    )


def test_answer_with_errors_has_plain_numbers_and_tells_of_them_apart(store: Store) -> None:
    add_cell(store, "base", "pwws", 40, errors=1)
    (alone,) = page_of(store).answer
    assert (
        "20.1 % of its texts stay right under pwws; 1 of 200 cases, in which an attack ended in an error, is left"
        in alone
    )
    add_cell(store, "taichi", "pwws", 90, errors=4)
    assert page_of(store).answer[0] == (
        "taichi holds best: of 200 attacked texts 45.9 % stay right under pwws, against 20.1 % of base; 4 of 200"
        " cases of taichi, in which an attack ended in an error, are left out; 1 of 200 cases of base, in which an"
        " attack ended in an error, is left out."
    )


def test_bars_say_what_stands_in_parentheses_for_each_number_of_seeds(store: Store) -> None:
    for seed in (1, 2):
        for defense, held in (("base", 40), ("taichi", 90)):
            add_cell(store, defense, "pwws", held + seed, seed=seed)
    notes = [part.text for part in page_of(store).front if isinstance(part, Paragraph)]
    assert notes == ["In parentheses, of two seeds: the values of both, which are too few for an interval."]
    add_cell(store, "pgd", "pwws", 30, seed=1)
    (note,) = (part.text for part in page_of(store).front if isinstance(part, Paragraph))
    assert note == f"In parentheses and as a thin line: the 95 % interval of the samples; seeds not covered. {notes[0]}"


def test_price_is_that_of_the_best_variant_in_its_own_setting(store: Store) -> None:
    seconds = {"base": 100.0, "taichi": 200.0}
    for rows, more in ((1000, 0.0), (20, 7000.0)):
        for name, held, changed in (("base", 40, {}), ("taichi", 60, {}), ("taichi", 90, {"temperature": 2.0})):
            cell = add_cell(store, name, "pwws", held, changed=changed, train_rows=rows)
            add_model(store, cell, timing={"seconds": seconds[name] + 300 * len(changed) + more, "examples": 10})
            if name == "taichi" and not changed:
                add_adversarial(store, cell, seconds=350.0)
    add_cell(store, "ada", "pwws", 50)  # its block has most numbers
    price = page_of(store).answer[-1]
    assert price.startswith("The price of taichi (temperature=2.0)")
    assert "training takes 8.5 times as long" in price


def test_answer_of_two_attacks_is_about_the_hardest(store: Store) -> None:
    for defense, held in (("base", 40), ("taichi", 60)):
        add_cell(store, defense, "pwws", held)
        add_cell(store, defense, "deepwordbug", held + 50)
    assert "under pwws, the hardest of 2 attacks" in page_of(store).answer[0]


def test_answer_of_the_worst_of_all_attacks_goes_before_the_hardest(store: Store) -> None:
    for defense, held in (("base", 40), ("fgsm", 60)):
        for attack in ("pwws", "deepwordbug"):
            add_cell(store, defense, attack, held, n=100, adversarial=None)
    answer = page_of(store).answer
    assert answer[0].endswith("60.0 % stay right under each of deepwordbug and pwws, against 40.0 % of base.")


def test_answer_of_the_worst_of_all_attacks_compares_what_the_table_of_accuracies_compares(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.hand_made.PER_ATTACK", ())
    for defense, held in (("base", 40), ("ada", 60), ("taichi", 90), ("taichi-no-adv", 100)):
        for attack in ("pwws", "deepwordbug"):
            add_cell(store, defense, attack, held)
    who, sure, *_ = page_of(store).answer
    assert who.startswith("taichi-no-adv, an ablation of taichi and not compared, has the highest number: of 200")
    assert "under each of deepwordbug and pwws" in who
    assert "taichi, which was named for comparison, is 15.0 points ahead of the best other defense that is comp" in sure


@pytest.mark.parametrize(
    ("base", "taichi", "text"),
    [
        ((100, 150), (720, 1080), "about 7.2 times as long"),
        ((100, 100), (100, 220), "about 1.6 times as long"),
        ((100, 100), (1180, 1800), "about 15 times as long"),
        ((100, 100), (80, 121), "about as long"),
        ((100, 100), (100, 101), "about as long"),
        ((100, 100), (720, 721), "7.2 times as long"),
    ],
)
def test_price_has_two_digits_and_an_about_if_the_times_or_the_seconds_of_the_reference_differ_by_seed(
    store: Store, monkeypatch: pytest.MonkeyPatch, base: tuple[int, int], taichi: tuple[int, int], text: str
) -> None:
    monkeypatch.setattr("support.hand_made.PER_ATTACK", ())
    for seed in (0, 1):
        for name, held, seconds in (("base", 40, base), ("taichi", 90, taichi)):
            cell = add_cell(store, name, "pwws", held, seed=seed + 1)
            add_model(store, cell, timing={"seconds": float(seconds[seed]), "examples": 10})
    assert f"training takes {text}, the making" in page_of(store).answer[-1]


def test_answer_of_one_defense_says_that_nobody_can_tell(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    (sentence,) = page_of(store).answer
    assert sentence.startswith("Nobody can tell yet which defense holds best: only base was attacked, and 20.0 %")


def test_sections_without_results_name_the_command_that_makes_them(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    sections = {section.name: section for section in page_of(store).sections}
    assert "`robench run --table 7` makes them" in text_of(sections["statistics"])
    assert re.search(r"Nothing here yet: .*`robench run .*`", text_of(sections["matrix"]))
    assert "`robench run --table differences` makes them" in text_of(sections["differences"])
    assert {"accuracy", "trade-off", "matrix", "price", "statistics", "examples"} < set(sections)
    assert {"settings", "provenance", "reproduce"} < set(sections)


@pytest.mark.parametrize("compare", [None, "ada"])
def test_differences_are_from_the_undefended_model_whichever_defense_is_compared(
    store: Store, compare: str | None
) -> None:
    for defense, held in (("base", 40), ("ada", 60), ("taichi", 150)):
        add_cell(store, defense, "pwws", held)
        add_cell(store, defense, "deepwordbug", held)
    sections = {section.name: section for section in page_of(store, compare=compare).sections}
    (table,) = (part.table for part in sections["differences"].parts if isinstance(part, TablePart))
    assert [row.label for row in table.blocks[0].rows] == ["ada on deepwordbug", "taichi on deepwordbug"]


def test_page_has_no_differences_without_the_undefended_model_and_is_made_if_two_have_its_name(store: Store) -> None:
    add_cell(store, "pgd", "pwws", 60)
    assert "differences" not in {section.name for section in page_of(store).sections}
    for code in ("", "x"):
        add_cell(store, "base", "pwws", 40, code=code)
    sections = {section.name: section for section in page_of(store).sections}
    assert "base is the name of several models" in text_of(sections["differences"])


def test_facts_about_models_trained_elsewhere_have_no_encoder_and_no_training_rows(store: Store) -> None:
    add_cell(store, "mine", "pwws", 40, given={"kind": "Python function", "model": "scores"})
    assert not {"encoder", "training rows"} & dict(page_of(store).facts).keys()
    add_cell(store, "base", "pwws", 40)
    add_cell(store, "base", "deepwordbug", 40)
    facts = dict(page_of(store).facts)
    assert (facts["encoder"], facts["training rows"]) == ("minilm", "1,000")


def test_results_that_no_command_makes_are_counted_in_plain_words(store: Store) -> None:
    for defense, why in (
        ("mine", "1 of the results: it is of another"),
        ("ours", "2 of the results: they are of other"),
    ):
        add_cell(store, defense, "pwws", 40, given={"kind": "Python function", "model": "scores"})
        section = next(section for section in page_of(store).sections if section.name == "reproduce")
        assert f"No command makes {why} version" in text_of(section)


def test_commands_that_check_and_show_results_name_the_folder(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    page = page_of(store, command_options=["--runs", "elsewhere"])
    text = text_of(next(section for section in page.sections if section.name == "provenance"))
    assert "`robench verify --runs elsewhere`" in text and "`robench show KEY --runs elsewhere`" in text


def test_page_of_several_settings_warns_that_they_are_not_compared(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    add_cell(store, "base", "pwws", 40, train_rows=20)
    assert any("2 settings that cannot be compared" in warning for warning in page_of(store).warnings)


def test_answer_names_the_attacks_of_its_own_setting_alone(store: Store) -> None:
    for defense, held in (("base", 40), ("pgd", 60)):
        for attack in ("pwws", "textfooler"):
            add_cell(store, defense, attack, held)
        add_cell(store, defense, "deepwordbug", 99, n=100)
    page = page_of(store)
    assert "of 200 attacked texts 30.0 % stay right under each of pwws and textfooler, against" in page.answer[0]
    assert dict(page.facts)["attacks"] == "2" and any("200 attacked samples" in warning for warning in page.warnings)
    (worst,) = (line for line in tables.make("worst", store).legend if line.startswith("lowest%"))
    assert "deepwordbug" not in worst
    headings = [block.heading for block in tables.make("worst", store).blocks]
    assert headings == [
        "trec, 100 attacked samples, under deepwordbug",
        "trec, 200 attacked samples, under pwws, textfooler",
    ]


def test_answer_facts_and_examples_are_of_test_rows_though_more_attacks_met_development_rows(store: Store) -> None:
    for defense, held in (("base", 40), ("pgd", 60)):
        add_cell(store, defense, "pwws", held)
        for attack in ("pwws", "textfooler", "deepwordbug"):
            add_cell(store, defense, attack, held + 30, split="dev", n=199)
    page = page_of(store)
    assert "of 200 attacked texts 30.0 % stay right under pwws, against 20.0 % of base" in page.answer[0]
    assert dict(page.facts)["attacked texts"] == "200" and "rows" not in dict(page.facts)
    (examples,) = (part for section in page.sections for part in section.parts if isinstance(part, Examples))
    assert examples.examples and all("pwws" in example.heading for example in examples.examples)


def test_answer_about_development_rows_says_so(store: Store) -> None:
    for defense, held in (("base", 40), ("pgd", 60)):
        add_cell(store, defense, "pwws", held, split="dev")
    page = page_of(store)
    assert "of 200 attacked dev texts 30.0 % stay right" in page.answer[0] and dict(page.facts)["rows"] == "dev"


def test_command_that_makes_the_page_again_has_all_its_options(tmp_path: Path) -> None:
    for defense in ("base", "pgd"):
        write_entry(make_entry(defense, number=len(defense), texts=20), tmp_path / "entries")
    given = "--attack pwws --seed 42 --defense base,pgd --plain --compare pgd --level 0.9".split()
    done = robench("report", "--runs", tmp_path / "entries", "--out", tmp_path / "x.html", *given)
    assert done.exit_code == 0, done.output
    (command,) = re.findall("robench report [^<\n]*", (tmp_path / "x.html").read_text(encoding="utf-8"))
    assert command == (
        "robench report --task trec --defense base,pgd --attack pwws --seed 42 --plain --compare pgd --level 0.9 --out"
        " x.html --runs entries"
    )


def test_page_is_the_same_each_time(store: Store) -> None:
    for defense in ("base", "ada"):
        add_cell(store, defense, "pwws", 40)
    assert write_page(page_of(store)) == write_page(page_of(store))


def test_report_without_results_is_refused_with_a_command(tmp_path: Path) -> None:
    done = robench("report", "--runs", tmp_path, "--out", tmp_path / "x.html")
    assert "`robench run" in told(done) and not (tmp_path / "x.html").exists()


def test_report_of_entries_has_all_but_examples(tmp_path: Path) -> None:
    for defense in ("base", "pgd", "fgsm", "freelb", "smart"):
        write_entry(make_entry(defense, number=len(defense), texts=20), tmp_path / "entries")
    out = tmp_path / "x.html"
    done = robench("report", "--runs", tmp_path / "entries", "--out", out)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert "Entries hold no texts" in text and "robench validate" in text and "robench verify" not in text
    made = re.findall(r"robench run [^<\n`]*", text)
    assert made and not any("--runs" in command for command in made), "results of a run do not go to entries"
    assert 'id="trade-off"' in text and 'id="price"' in text


def test_report_of_several_tasks_is_refused_by_name(store: Store) -> None:
    for task in ("mr", "trec"):
        add_cell(store, "base", "pwws", 40, task=task)
    done = robench("report", "--runs", store.root)
    assert "has results of mr, trec; name one with --task" in told(done)
    assert "write one for each" in told(robench("report", "--runs", store.root, "--task", "mr,trec"))


def test_answer_does_not_praise_a_model_that_learned_nothing_and_so_cannot_be_fooled(store: Store) -> None:
    for defense, held in (("base", 40), ("ada", 60)):
        add_cell(store, defense, "pwws", held)
    add_cell(store, "pgd", "pwws", 150, clean=(250, 500, 250))
    page = page_of(store)
    assert page.answer[0].startswith("ada holds best: of 200 attacked texts 30.0 %")
    bars = next(part for part in page.front if isinstance(part, Bars))
    assert [bar.label for bar in bars.bars] == ["ada", "base", "pgd"] and "†" in bars.bars[-1].text
    assert any("†: cannot be told from naming" in part.text for part in page.front if isinstance(part, Paragraph))


def test_answer_if_one_or_no_defense_has_learned_says_so(store: Store) -> None:
    add_cell(store, "pgd", "pwws", 150, clean=(250, 500, 250))
    assert "none is sure to have learned the task" in page_of(store).answer[0]
    add_cell(store, "base", "pwws", 40)
    assert (
        page_of(store).answer[0].startswith("Nobody can tell yet which defense holds best: only base has learned the")
    )


@pytest.mark.parametrize("correct", [250, 450])
def test_price_is_told_only_if_two_defenses_have_learned(store: Store, correct: int) -> None:
    """Both answer with the same label always; of those that did not learn, the one with more texts right is first."""
    add_cell(store, "base", "pwws", 40, clean=(250, 500, 250))
    add_cell(store, "pgd", "pwws", 150, clean=(correct, 500, 250))
    answer = " ".join(page_of(store).answer)
    assert "Nobody can tell yet" in answer and "The price of" not in answer


def test_answer_about_a_claim_is_about_the_seeds_of_the_two_that_it_compares(store: Store) -> None:
    for seed in (1, 2, 3):
        add_cell(store, "base", "pwws", 40, seed=seed)
        add_cell(store, "taichi", "pwws", 90, seed=seed)
    add_cell(store, "pgd", "pwws", 30, seed=1)
    assert "its lead of 25.0 points" in page_of(store).answer[1] and "3 seeds were run" in page_of(store).answer[1]


def test_answer_of_a_tie_names_all_that_share_the_number(store: Store) -> None:
    for defense, held in (("base", 60), ("ada", 80), ("pgd", 80), ("smart", 79)):
        add_cell(store, defense, "pwws", held)
    who, sure, *price = page_of(store).answer
    assert who == (
        "pgd and ada share the highest number: of 200 attacked texts 40.0 % stay right under pwws, against 30.0 % of"
        " base."
    )
    assert sure.startswith("How sure: no test tells pgd and ada apart; smart cannot be told from pgd, and less than ")
    assert not price, "there is no best defense that it would be the price of"


def test_answer_of_a_tie_with_the_reference_has_no_other_number(store: Store) -> None:
    for defense in ("base", "ada"):
        add_cell(store, defense, "pwws", 60)
    who, sure = page_of(store).answer
    assert who == "base and ada share the highest number: of 200 attacked texts 30.0 % stay right under pwws."
    assert sure.startswith("How sure: no test tells base and ada apart")


def test_answer_of_a_tie_has_no_size(store: Store) -> None:
    for defense in ("base", "taichi"):
        add_cell(store, defense, "pwws", 60)
    assert "level with the best other defense that is compared; one seed" in page_of(store).answer[1]
