from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack, tolerate_missing_homoglyphs
from robench.attacking.engine import BatchStatistics, LogitsCache, attack_examples
from robench.attacking.engine.streams import RandomStream
from robench.attacking.sentence_constraint import calibrate_threshold
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler
from robench.errors import RobenchError
from robench.resources import nltk_data, sentence_encoder, word_vectors
from robench.resources.textattack import block_nltk_downloads, load_textattack
from robench.results.records import Record
from support.small_victim import SENTENCES, SmallVictim

ATTACKS = [DeepWordBug(), PWWS(), TextFooler(), TextBugger()]
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=["deepwordbug", "pwws", "textfooler", "textbugger"])

RECIPES = {
    DeepWordBug: "DeepWordBugGao2018",
    PWWS: "PWWSRen2019",
    TextFooler: "TextFoolerJin2019",
    TextBugger: "TextBuggerLi2018",
}


@pytest.fixture(scope="module")
def found(victim: SmallVictim) -> dict[Attack, list[Record]]:
    return {attack: run(attack, victim, victim.examples()) for attack in ATTACKS}


def run(attack: Attack, logits: Any, examples: Sequence[tuple[int, str, int]], **options: Any) -> list[Record]:
    """Records by id, without their times."""
    options = {"seed": 5, "attack_name": "a", **options}
    records = attack_examples(attack, logits, examples, **options)
    return sorted((replace(record, seconds=0.0) for record in records), key=lambda record: record.id)


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
@pytest.mark.parametrize(("live", "shuffled"), [(1, False), (7, True), (64, True)])
def test_records_depend_neither_on_the_live_examples_nor_on_their_order(
    attack: Attack, live: int, shuffled: bool, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    examples = victim.examples()
    if shuffled:
        random.Random(1).shuffle(examples)
    assert run(attack, victim, examples, live=live) == found[attack]


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
        a, b = (np.asarray(vectors[word], dtype=np.float64) for word in (one, other))
        assert sum(x * y for x, y in zip(a, b, strict=True)) >= 0.5 * (a @ a) ** 0.5 * (b @ b) ** 0.5
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


@every_attack
@pytest.mark.parametrize(
    "text", ["", " ", "a", ".", "?! ...", "the of and", "\u2028", "nul \x00 end", "É", "🙂 🙂", "你好"]
)
def test_texts_with_little_to_attack_give_a_record(attack: Attack, text: str, victim: SmallVictim) -> None:
    label = int(victim([text]).argmax())
    examples = [(0, text, label), (1, text, (label + 1) % 3)]
    first, second = run(attack, victim, examples)
    assert first.original == second.original == second.final == text
    assert first.status in ("failed", "succeeded")
    assert second.status == "skipped"


def test_logits_that_look_like_probabilities_are_not_taken_for_them(victim: SmallVictim) -> None:
    def deceiving(texts: Sequence[str]) -> torch.Tensor:
        return torch.softmax(victim(texts), dim=1)

    record, *_ = run(PWWS(), deceiving, victim.examples()[:4])
    expected = torch.softmax(deceiving([record.original]), dim=1)[0]
    assert record.probabilities_before == pytest.approx(expected.tolist(), abs=1e-6)


@every_attack
def test_queries_for_each_word_are_a_budget_of_the_text(attack: Attack, victim: SmallVictim) -> None:
    records = run(replace(attack, queries_per_word=2), victim, victim.examples())
    assert all(record.queries <= 2 * record.words for record in records)
    assert any(record.queries == 2 * record.words for record in records)
    both = run(replace(attack, queries_per_word=2, query_budget=5), victim, victim.examples())
    assert max(record.queries for record in both) == 5


@every_attack
def test_the_share_of_words_that_may_change_is_kept(attack: Attack, victim: SmallVictim) -> None:
    records = run(replace(attack, max_words_changed=0.2), victim, victim.examples())
    assert max(record.words_changed / record.words for record in records if record.words > 4) <= 0.4
    assert all(record.words_changed <= np.ceil(0.2 * record.words) for record in records)


@every_attack
def test_the_protocol_of_textdefender_bounds_every_attack(attack: Attack, victim: SmallVictim) -> None:
    bounded = replace(attack, protocol="textdefender")
    records = run(bounded, victim, victim.examples())
    for record in records:
        assert record.queries <= 50 * record.words
        assert record.words_changed <= np.ceil(0.3 * record.words)
    assert bounded.variant == "bundled, textdefender"
    assert records != run(attack, victim, victim.examples())


@every_attack
@pytest.mark.parametrize("budget", [1, 2, 9])
def test_a_query_budget_is_kept(attack: Attack, budget: int, victim: SmallVictim) -> None:
    records = run(replace(attack, query_budget=budget), victim, victim.examples()[:6])
    assert max(record.queries for record in records) == budget


def test_a_text_is_sent_to_the_model_once(victim: SmallVictim) -> None:
    text, label = next(e for e in victim.examples() if e[1].startswith("The committee"))[1:]
    alone, together, later, forgetful = BatchStatistics(), BatchStatistics(), BatchStatistics(), BatchStatistics()
    run(PWWS(), victim, [(0, text, label)], statistics=alone)
    twice = [(0, text, label), (1, text, label)]
    victim.asked = 0
    run(PWWS(), victim, twice, statistics=together)
    assert together.computed_texts == alone.computed_texts == victim.asked
    run(PWWS(), victim, twice, live=1, statistics=later)
    run(PWWS(), victim, twice, live=1, cache=LogitsCache(0), statistics=forgetful)
    assert later.computed_texts == alone.computed_texts
    assert together.requested_texts == later.requested_texts == forgetful.computed_texts == 2 * alone.requested_texts
    assert together.batches == alone.batches


def test_a_tiny_cache_changes_nothing(victim: SmallVictim, found: dict[Attack, list[Record]]) -> None:
    assert run(PWWS(), victim, victim.examples()[:9], live=7, cache=LogitsCache(3)) == found[PWWS()][:9]


def test_seconds_add_up_to_the_time_of_the_whole(victim: SmallVictim) -> None:
    statistics = BatchStatistics()
    records = list(
        attack_examples(PWWS(), victim, victim.examples()[:6], seed=1, attack_name="a", statistics=statistics)
    )
    assert sum(record.seconds for record in records) > statistics.forward_seconds > 0
    assert all(record.seconds > 0 for record in records)


@pytest.fixture
def random_state_stays() -> Iterator[None]:
    random.seed(3)
    np.random.seed(3)
    expected = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    yield
    assert (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()) == expected


@every_attack
@pytest.mark.usefixtures("random_state_stays")
def test_the_callers_random_numbers_are_left_alone_at_every_step(attack: Attack, victim: SmallVictim) -> None:
    expected = random.getstate()

    def watched(texts: Sequence[str]) -> torch.Tensor:
        assert random.getstate() == expected
        return victim(texts)

    for _ in attack_examples(attack, watched, victim.examples()[:12], seed=1, attack_name="a", live=5):
        assert random.getstate() == expected


@dataclass(frozen=True, kw_only=True)
class Watched(DeepWordBug):
    """Notes which searches began and which were unwound or ended; breaks on the word "breaks"."""

    began: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    breaks: str = ""
    error: type[BaseException] = ZeroDivisionError

    def build(self, victim: Any) -> Any:
        from textattack import Attack as TextAttack

        outer, built = self, super().build(victim)

        class WatchedAttack(TextAttack):
            def attack(self, example: str, ground_truth_output: int) -> Any:
                outer.began.append(example)
                try:
                    return super().attack(example, ground_truth_output)
                finally:
                    outer.ended.append(example)

        built.__class__ = WatchedAttack
        transform = built.transformation.transformations[0]._get_replacement_words

        def breaking(word: str) -> Any:
            if word == self.breaks:
                raise self.error("on purpose")
            return transform(word)

        built.transformation.transformations[0]._get_replacement_words = breaking
        return built


@pytest.mark.usefixtures("random_state_stays")
def test_closing_the_generator_unwinds_all_searches(victim: SmallVictim) -> None:
    attack = Watched()
    records = attack_examples(attack, victim, victim.examples(), seed=1, attack_name="a", live=9)
    next(records)
    assert len(attack.began) > len(attack.ended)
    records.close()
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.usefixtures("random_state_stays")
@pytest.mark.parametrize("error", [KeyboardInterrupt, torch.OutOfMemoryError])
def test_an_interrupt_in_the_model_unwinds_all_searches(error: type[BaseException], victim: SmallVictim) -> None:
    attack, calls = Watched(), iter(range(3))

    def interrupted(texts: Sequence[str]) -> torch.Tensor:
        if next(calls, None) is None:
            raise error
        return victim(texts)

    with pytest.raises(error):
        run(attack, interrupted, victim.examples(), live=9)
    assert len(attack.began) >= 9
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.usefixtures("random_state_stays")
@pytest.mark.parametrize(
    ("error", "becomes", "says"),
    [
        (ZeroDivisionError, RobenchError, r"odd failed on example 11, 'The mayor .*ZeroDivisionError: on purpose"),
        (KeyboardInterrupt, KeyboardInterrupt, "on purpose"),
    ],
)
def test_an_error_in_a_search_names_the_example_and_unwinds_the_others(
    error: type[BaseException], becomes: type[BaseException], says: str, victim: SmallVictim
) -> None:
    attack = Watched(breaks="buses", error=error)
    # A model that never changes its mind makes every search go through all its words.
    examples = [(number, text, 0) for number, text in enumerate(SENTENCES)]
    with pytest.raises(becomes, match=says) as caught:
        run(attack, lambda texts: torch.tensor([[1.0, 0.0]] * len(texts)), examples, attack_name="odd")
    if becomes is RobenchError:
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda texts: torch.full((len(texts), 3), float("nan")), "NaN or infinity for 'The tea"),
        (lambda texts: torch.zeros(1, 3), r"logits of shape \(1, 3\) for 24 texts"),
        (lambda texts: torch.zeros(len(texts)), r"logits of shape \(24,\) for 24 texts"),
    ],
)
def test_unusable_logits_are_an_error(bad: Any, says: str, victim: SmallVictim) -> None:
    with pytest.raises(RobenchError, match=says):
        run(DeepWordBug(), bad, victim.examples())


def test_no_examples_and_no_room_for_them(victim: SmallVictim) -> None:
    assert run(DeepWordBug(), victim, []) == []
    with pytest.raises(RobenchError, match="must be at least 1"):
        run(DeepWordBug(), victim, victim.examples(), live=0)


def test_a_recipe_may_ask_the_model_while_it_is_built(victim: SmallVictim) -> None:
    asked = []

    class Asking(DeepWordBug):
        def build(self, victim: Any) -> Any:
            asked.append(victim(["How many classes?"]).shape)
            return super().build(victim)

    assert run(Asking(), victim, victim.examples()[:1])
    assert asked == [(1, 3)]
