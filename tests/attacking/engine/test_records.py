"""What the engine finds: the same as TextAttack's own loop, and what each record says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack, tolerate_missing_homoglyphs
from robench.attacking.engine import attack_examples
from robench.attacking.engine.streams import RandomStream
from robench.attacking.sentence_constraint import calibrate_threshold
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler
from robench.resources import nltk_data, sentence_encoder, word_vectors
from robench.resources.textattack import load_textattack
from robench.resources.textattack_guard import block_nltk_downloads
from robench.results.records import Record
from support.searches import every_attack, run
from support.small_victim import SmallVictim

pytestmark = pytest.mark.network

RECIPES = {
    DeepWordBug: "DeepWordBugGao2018",
    PWWS: "PWWSRen2019",
    TextFooler: "TextFoolerJin2019",
    TextBugger: "TextBuggerLi2018",
}


def plain_recipe(attack: Attack, logits: Any) -> Any:
    """TextAttack's own recipe on ``logits``, with its own class for the bundled sentence encoder."""
    load_textattack()
    from textattack import attack_recipes
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
    from textattack.models.wrappers import ModelWrapper
    from textattack.shared import utils

    class Wrapper(ModelWrapper):
        model = None

        def __call__(self, texts: list[str]) -> torch.Tensor:
            return logits(texts)

    nltk_data.activate_nltk_data(tagger=True)
    utils.GLOBAL_OBJECTS["textattack_counterfitted_GLOVE_embedding"] = word_vectors.load_bundled_vectors()
    with block_nltk_downloads(), tolerate_missing_homoglyphs():
        plain = getattr(attack_recipes, RECIPES[type(attack)]).build(Wrapper())
    for constraint in plain.constraints:
        if isinstance(constraint, UniversalSentenceEncoder):
            constraint.model = lambda texts: torch.from_numpy(sentence_encoder.load_bundled_encoder().encode(texts))
            constraint.threshold = calibrate_threshold(constraint.threshold, constraint.metric)
    return plain


@every_attack
def test_the_pool_finds_what_textattack_finds_one_example_at_a_time(
    attack: Attack, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    plain = plain_recipe(attack, victim)
    names = {"SuccessfulAttackResult": "succeeded", "FailedAttackResult": "failed", "SkippedAttackResult": "skipped"}
    statuses = set()
    for (number, text, label), record in zip(victim.examples(), found[attack], strict=True):
        with RandomStream(5, "a", number).swap_in():
            result = plain.attack(text, label)
        assert (record.id, record.label, record.original) == (number, label, text)
        assert record.final == result.perturbed_result.attacked_text.text
        assert record.status == names[type(result).__name__]
        assert record.queries == result.num_queries
        assert record.probabilities_before == result.original_result.raw_output.tolist()
        assert record.probabilities_after == result.perturbed_result.raw_output.tolist()
        statuses.add(record.status)
    assert statuses == {"succeeded", "failed", "skipped"}


@every_attack
@pytest.mark.parametrize(("live", "shuffled"), [(1, False), (7, True)])
def test_records_depend_neither_on_the_live_examples_nor_on_their_order(
    attack: Attack, live: int, shuffled: bool, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    examples = victim.examples()
    if shuffled:
        random.Random(1).shuffle(examples)
    assert run(attack, victim, examples, live=live) == found[attack]


def test_examples_that_come_after_other_records_are_attacked_too(
    victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    examples, known = victim.examples(), list[Record]()

    def come() -> Iterator[tuple[int, str, int] | None]:
        for count in (2, 5, len(examples)):
            yield from examples[len(known) : count]
            while len(known) < count:
                yield None

    for record in attack_examples(PWWS(), victim, come(), seed=5, attack_name="a"):
        known.append(replace(record, seconds=0.0))
    assert sorted(known, key=lambda record: record.id) == found[PWWS()]


def test_seed_name_and_id_each_give_other_random_edits(victim: SmallVictim) -> None:
    example = next(e for e in victim.examples() if e[1].startswith("The committee"))
    finals = {
        tuple(record.final for record in run(DeepWordBug(), victim, [(number, *example[1:])], seed=s, attack_name=name))
        for s, name, number in [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1)]
    }
    assert len(finals) == 4


@every_attack
def test_what_a_record_says_holds_for_the_model(
    attack: Attack, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    for record in found[attack]:
        before, after = torch.softmax(victim([record.original, record.final]), dim=1).tolist()
        assert record.probabilities_before == before
        assert record.probabilities_after == after
        right_before, right_after = (int(np.argmax(p)) == record.label for p in (before, after))
        assert (right_before, right_after) == {
            "succeeded": (True, False),
            "failed": (True, True),
            "skipped": (False, False),
        }[record.status]
        assert after[record.label] <= before[record.label]
        assert (record.final == record.original) == (record.words_changed == 0)
        if record.status == "skipped":
            assert (record.final, record.queries) == (record.original, 1)


def test_a_failed_search_gives_the_best_text_it_found(found: dict[Attack, list[Record]]) -> None:
    failed = [record for record in found[DeepWordBug()] if record.status == "failed" and record.words_changed]
    assert failed
    assert all(r.probabilities_after[r.label] < r.probabilities_before[r.label] for r in failed)


def edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@pytest.mark.parametrize("attack", [DeepWordBug(), PWWS(), TextFooler()], ids=["deepwordbug", "pwws", "textfooler"])
def test_stopwords_stay_and_the_count_of_changed_words_is_right(
    attack: Attack, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    stopwords = set((nltk_data.prepare_corpora() / "corpora/stopwords/english").read_text(encoding="utf-8").split())
    if isinstance(attack, TextFooler):
        _, stop, *_ = build_attack(attack, victim).pre_transformation_constraints
        stopwords = stop.stopwords
    for record in found[attack]:
        before, after = words(record.original), words(record.final)
        changed = [one for one, other in zip(before, after, strict=True) if one != other]
        assert not set(changed) & stopwords
        assert (record.words, record.words_changed) == (len(before), len(changed))


def words(text: str) -> list[str]:
    return [word.strip(".,;!?") for word in text.split()]


def test_textfooler_puts_near_neighbours_in_place_of_words(found: dict[Attack, list[Record]]) -> None:
    vectors = word_vectors.load_bundled_vectors()
    pairs = {
        (one.lower(), other.lower())
        for record in found[TextFooler()]
        for one, other in zip(words(record.original), words(record.final), strict=True)
        if one != other
    }
    assert pairs
    for one, other in pairs:
        assert vectors.get_cos_sim(one, other) >= 0.5
        assert vectors.word2index(other) in vectors.nearest_neighbours(vectors.word2index(one), 50)


def test_textbugger_plants_one_bug_in_a_word(found: dict[Attack, list[Record]]) -> None:
    kinds = set()
    for record in found[TextBugger()]:
        rest = words(record.final)
        for word in words(record.original):
            split = len(rest) > 1 and rest[0] != word and rest[0] + rest[1] == word
            after = " ".join([rest.pop(0), *([rest.pop(0)] if split else [])])
            kinds.add(kind := bug(word, after))
            assert kind, (word, after)
        assert not rest
    assert len(kinds - {"none"}) >= 3


def bug(word: str, after: str) -> str:
    """What TextBugger did to a word; empty if it is nothing that it does."""
    if after == word:
        return "none"
    if after.replace(" ", "", 1) == word and 0 < after.index(" ") < len(word):
        return "space"
    if any(after == word[:i] + word[i + 1 :] for i in range(1, len(word) - 1)):
        return "deletion"
    if any(after == word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 2)):
        return "swap"
    if len(after) == len(word) and sum(a != b for a, b in zip(word, after, strict=True)) == 1:
        (planted,) = [b for a, b in zip(word, after, strict=True) if a != b]
        if not planted.isascii():
            return "look-alike"
    vectors = word_vectors.load_bundled_vectors()
    near = vectors.nearest_neighbours(vectors.word2index(word.lower()), 5) if vectors[word.lower()] is not None else []
    return "neighbour" if after.lower() in [vectors.index2word(i) for i in near] else ""


def test_deepwordbug_stays_within_thirty_edits_and_two_per_word(found: dict[Attack, list[Record]]) -> None:
    for record in found[DeepWordBug()]:
        assert edit_distance(record.original, record.final) <= min(30, 2 * record.words_changed)


@dataclass(frozen=True, kw_only=True)
class Splitting(Attack):
    """Cuts words in two, as a third party's attack might."""

    def build(self, victim: Any) -> Any:
        from textattack import Attack as TextAttack
        from textattack.constraints.pre_transformation import RepeatModification
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedyWordSwapWIR
        from textattack.transformations import WordSwap

        class Split(WordSwap):
            def _get_replacement_words(self, word: str) -> list[str]:
                return [f"{word[:2]} {word[2:]}"] if len(word) > 3 and word.isalpha() else []

        goal = UntargetedClassification(victim)
        return TextAttack(goal, [RepeatModification()], Split(), GreedyWordSwapWIR("delete"))


def test_a_word_cut_in_two_counts_as_one_changed_word(victim: SmallVictim) -> None:
    records = run(Splitting(), victim, [e for e in victim.examples() if len(e[1].split()) > 6])
    once = [r for r in records if len(r.final.split()) == len(r.original.split()) + 1]
    assert once
    assert all(record.words_changed == 1 for record in once)


@dataclass(frozen=True, kw_only=True)
class Boasting(Attack):
    """Says of each original text that it has the status that a field names."""

    claims: str

    def build(self, victim: Any) -> Any:
        from textattack import Attack as TextAttack
        from textattack.goal_function_results import GoalFunctionResultStatus
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import SearchMethod
        from textattack.transformations import WordSwapQWERTY

        class Boast(SearchMethod):
            is_black_box = True

            def perform_search(search, initial_result: Any) -> Any:  # noqa: N805
                initial_result.goal_status = getattr(GoalFunctionResultStatus, self.claims)
                return initial_result

        return TextAttack(UntargetedClassification(victim), [], WordSwapQWERTY(), Boast())


@pytest.mark.parametrize(("claims", "status"), [("SEARCHING", "failed"), ("SUCCEEDED", "error")])
def test_a_status_that_contradicts_the_predictions_is_an_error_of_the_text(
    claims: str, status: str, victim: SmallVictim
) -> None:
    right, wrong = run(Boasting(claims=claims), victim, [one for one in victim.examples() if one[0] in (5, 6)])
    assert (right.status, wrong.status) == (status, "skipped")
    assert (right.final, len(right.probabilities_after)) == (right.original, 3)
    reason = "the attack's code gives it the status succeeded, the model's predictions failed"
    assert right.reason == (reason if status == "error" else "")
