"""The attacks built in beside the paper's four, and every recipe of TextAttack by name."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack
from robench.attacking.engine import attack_examples
from robench.attacks.a2t import A2T
from robench.attacks.bae import BAE
from robench.attacks.bert_attack import BERTAttack
from robench.attacks.checklist import CheckList
from robench.attacks.clare import CLARE
from robench.attacks.iga import IGA
from robench.attacks.kuleshov import Kuleshov
from robench.attacks.models import TAGGERS
from robench.attacks.pruthi import Pruthi
from robench.attacks.recipe import RECIPES, Recipe
from robench.errors import RobenchError
from robench.plugins import registry
from robench.resources import language_models
from robench.results.records import Record
from support import small_models
from support.machine import HAS_FLAIR
from support.small_victim import SmallVictim

pytestmark = pytest.mark.usefixtures("bundled_resources", "textattack")

HUB = {"bert-base-uncased": "bert", "distilroberta-base": "bert", "gpt2": "gpt2"}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hub."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def no_taggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the taggers that TextAttack has loaded, before and afterwards."""
    from textattack.shared.utils import strings

    monkeypatch.setattr(strings, "_flair_taggers", {})


class Victim:
    """A victim that is only built upon; its model is itself, as the engine's is."""

    @property
    def model(self) -> Any:
        return self

    def __call__(self, texts: Any) -> Any:
        raise NotImplementedError


def plant_tagger(hub: Path, repository: str) -> str:
    """Put a small tagger into the Hub's cache, and return its pin."""
    commit = "a" * 40
    file = small_models.tagger(small_models.snapshot(hub, f"{repository}@{commit}") / "pytorch_model.bin")
    return f"{commit}:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def fill(hub: Path, models: Path) -> None:
    for name, folder in HUB.items():
        shutil.copytree(models / folder, small_models.snapshot(hub, name), dirs_exist_ok=True)


# --- every recipe of TextAttack


def test_the_names_are_those_of_the_installed_textattack() -> None:
    from textattack import attack_recipes

    found = [
        name
        for name, thing in vars(attack_recipes).items()
        if inspect.isclass(thing) and issubclass(thing, attack_recipes.AttackRecipe)
    ]
    assert Recipe.members() == sorted(set(found) - {"AttackRecipe"})
    assert Recipe.members() == sorted(RECIPES)


PARTS = {
    "stopwords": {"StopwordModification"},
    "wordnet": {"WordSwapWordNet"},
    "tagger": {"PartOfSpeech"},
    "word-vectors": {"WordSwapEmbedding", "WordEmbeddingDistance", "ThoughtVector"},
    "sentence-encoder": {"UniversalSentenceEncoder"},
}


@pytest.mark.parametrize("name", Recipe.members())
def test_what_is_said_of_a_recipe_is_what_its_source_uses(name: str) -> None:
    from textattack import attack_recipes

    tree = ast.parse(inspect.getsource(inspect.getmodule(getattr(attack_recipes, name))))  # type: ignore[arg-type]
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    if name != "ChineseRecipe":  # it brings stopwords of its own
        assert set(RECIPES[name].resources) == {need for need, parts in PARTS.items() if parts & imported}
    if not RECIPES[name].refusal:
        text = inspect.getsource(getattr(attack_recipes, name))
        masked = {"WordSwapMaskedLM", "WordInsertionMaskedLM"} & imported and "bert-base-uncased"
        language_model = ("distilroberta-base" if "distilroberta-base" in text else masked) or (
            "gpt2" if "GPT2" in imported else ""
        )
        assert RECIPES[name].models == ((language_model,) if language_model else ())
        names = "ner" if "WordSwapChangeName" in imported else ""
        tags = "upos-fast" if {"WordMergeMaskedLM", "WordSwapHowNet"} & imported else ""
        assert RECIPES[name].taggers == tuple(filter(None, [names, tags]))


OFFLINE = {
    "": "DeepWordBugGao2018 IGAWang2019 LEAP2023 PWWSRen2019 Pruthi2019 TextBuggerLi2018 TextFoolerJin2019",
    "language model .* is not in the Hub's cache .* --offline": "BAEGarg2019 BERTAttackLi2020 CLARE2020 Kuleshov2017",
    "Flair's tagger .* is a pickle, which can run any code, and is not pinned": "CheckList2020 PSOZang2020",
    "needs .* from TextAttack's server|needs the package tensorflow": "FasterGeneticAlgorithmJia2019 "
    "GeneticAlgorithmAlzantot2018",
    "gradient of the victim": "A2TYoo2021 HotFlipEbrahimi2017",
    "its goal is the output of a model that writes": "MorpheusTan2020 Seq2SickCheng2018BlackBox",
    "attacks (French|Spanish|Chinese) texts": "FrenchRecipe SpanishRecipe ChineseRecipe",
    "no goal of its own": "BadCharacters2021",
    "shortens a text": "InputReductionFeng2018",
}
CASES = [(name, told) for told, names in OFFLINE.items() for name in names.split()]


def test_every_recipe_has_its_case() -> None:
    assert sorted(name for name, _ in CASES) == Recipe.members()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "told"), CASES)
def test_without_a_network_a_recipe_is_built_or_says_what_it_lacks(name: str, told: str) -> None:
    attack = registry.entry("attacks", f"textattack:{name}").load()
    assert json.loads(json.dumps(attack.identity()))["fields"]["recipe"] == name
    if told:
        with pytest.raises(RobenchError, match=rf"textattack:{name}.*({told})"):
            attack.prepare(offline=True)
    else:
        attack.prepare(offline=True)
        assert type(build_attack(attack, Victim(), offline=True).goal_function).__name__ == "UntargetedClassification"


def test_what_textattack_raises_while_it_builds_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "A2TYoo2021", dataclasses.replace(RECIPES["A2TYoo2021"], refusal="", resources=()))
    monkeypatch.setitem(RECIPES, "MorpheusTan2020", dataclasses.replace(RECIPES["MorpheusTan2020"], refusal=""))
    with pytest.raises(RobenchError, match=r"textattack:A2TYoo2021 cannot be built: .+"):
        build_attack(Recipe(recipe="A2TYoo2021"), Victim(), offline=True)
    with pytest.raises(RobenchError, match=r"textattack:MorpheusTan2020 does not attack classifiers: MinimizeBleu"):
        build_attack(Recipe(recipe="MorpheusTan2020"), Victim(), offline=True)


@pytest.mark.flair
def test_a_recipe_takes_its_model_from_the_hub_s_cache_at_the_pinned_commit(
    hub: Path, models: Path, no_taggers: None
) -> None:
    fill(hub, models)
    pin = plant_tagger(hub, "flair/upos-english-fast")
    here = Path.cwd()
    for name in ("BAEGarg2019", "BERTAttackLi2020", "CLARE2020", "Kuleshov2017"):
        build_attack(Recipe(recipe=name, pin=pin if name == "CLARE2020" else ""), Victim(), offline=True)
    assert Path.cwd() == here


class Harmful:
    """Leaves a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Path, no_taggers: None) -> Path:
    """Pickles that leave a file, wherever an attack could find one that it loads; the file that they leave."""
    folder = tmp_path / "textattack"
    pickles = [small_models.snapshot(hub, name) / "pytorch_model.bin" for name in TAGGERS.values()]
    pickles += [folder / "transformations/hownet/word_candidates_sense.pkl"]
    for file in pickles:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(Harmful(tmp_path / "ran")))
    monkeypatch.setattr("robench.attacks.recipe.textattack_folder", lambda: folder)
    monkeypatch.setattr("textattack.shared.utils.download_from_s3", lambda path: str(folder / path))
    return tmp_path / "ran"


@pytest.mark.parametrize(
    "attack", [CheckList(), *map(lambda name: Recipe(recipe=name), ("CheckList2020", "PSOZang2020"))]
)
def test_a_planted_pickle_is_not_run(attack: Attack, planted: Path) -> None:
    with pytest.raises(RobenchError, match=r"is a pickle, which can run any code, and is not pinned"):
        build_attack(attack, Victim(), offline=True)
    assert not planted.exists()


@pytest.mark.skipif(HAS_FLAIR, reason="flair is installed")
def test_attack_that_tags_with_flair_without_it_says_so_before_anything_is_trained() -> None:
    pin = f"{'a' * 40}:{'b' * 64}"
    told = r"needs flair, which is not installed: `pip install 'flair>=[0-9.]+' 'transformers<5'`"
    for attack in (CheckList(tagger_pin=pin), Recipe(recipe="PSOZang2020", pin=pin)):
        with pytest.raises(RobenchError, match=told):
            attack.prepare(offline=True)


@pytest.mark.flair
def test_a_pickle_of_textattacks_server_is_read_plainly(planted: Path, hub: Path) -> None:
    attack = Recipe(recipe="PSOZang2020", pin=plant_tagger(hub, "flair/upos-english-fast"))
    with pytest.raises(RobenchError, match=r"word_candidates_sense\.pkl is not a plain pickle"):
        build_attack(attack, Victim(), offline=True)
    assert not planted.exists()
    file = planted.with_name("textattack") / "transformations/hownet/word_candidates_sense.pkl"
    file.write_bytes(pickle.dumps({"soup": {"noun": ["broth"]}}))
    built = build_attack(attack, Victim(), offline=True)
    assert built.transformation.candidates_bank == {"soup": {"noun": ["broth"]}}


# --- the eight


def parts(built: Any, *but: str) -> dict[str, Any]:
    """What a ``textattack.Attack`` consists of, as text."""
    constraints = [*built.constraints, *built.pre_transformation_constraints]
    found = {"goal": built.goal_function, "search": built.search_method, "transformation": built.transformation}
    said = [repr(one).replace("MeanWordVector", "ThoughtVector") for one in constraints]
    texts = {part: repr(thing) for part, thing in found.items()} | {"constraints": sorted(said)}
    return {part: text for part, text in texts.items() if part not in but}


@pytest.mark.parametrize(
    ("attack", "recipe", "but"),
    [
        (Pruthi(), "Pruthi2019", ()),
        (IGA(), "IGAWang2019", ()),
        (BAE(), "BAEGarg2019", ("transformation",)),
        (BERTAttack(), "BERTAttackLi2020", ("transformation",)),
        (Kuleshov(), "Kuleshov2017", ()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Attack) else "",
)
def test_by_default_it_is_textattack_s_recipe(
    attack: Attack, recipe: str, but: tuple[str, ...], hub: Path, models: Path
) -> None:
    fill(hub, models)
    ours = build_attack(attack, Victim(), offline=True)
    theirs = build_attack(Recipe(recipe=recipe), Victim(), offline=True)
    assert parts(ours, *but) == parts(theirs, *but)
    if but:
        numbers = ("method", "max_candidates", "min_confidence", "masked_lm_name")
        for number in numbers:
            assert getattr(ours.transformation, number) == getattr(theirs.transformation, number)
        assert ours.transformation.max_length <= theirs.transformation.max_length == 512


def test_clare_has_the_numbers_of_the_paper_s_recipe(models: Path) -> None:
    built = build_attack(CLARE(language_model=str(models / "bert")), Victim(), offline=True)
    assert [
        (type(one).__name__, one.max_candidates, one.min_confidence) for one in built.transformation.transformations
    ] == [("WordSwapMaskedLM", 50, 5e-4), ("WordInsertionMaskedLM", 50, 0.0), ("WordMerge", 50, 5e-3)]
    names = sorted(type(one).__name__ for one in built.pre_transformation_constraints)
    assert names == ["RepeatModification", "StopwordModification"]


def test_a2t_has_the_numbers_of_the_paper_s_recipe(models: Path) -> None:
    attack = A2T(sentence_model=str(models / "bert"), resources="published")
    built = build_attack(dataclasses.replace(attack, resources="bundled"), Victim(), offline=True)
    assert built.transformation.max_candidates == 20
    assert built.search_method.wir_method == "delete"
    said = {type(one).__name__: vars(one) for one in (*built.constraints, *built.pre_transformation_constraints)}
    assert said["PartOfSpeech"]["allow_verb_noun_swap"] is False
    assert (said["MaxModificationRate"]["max_rate"], said["MaxModificationRate"]["min_threshold"]) == (0.1, 4)
    assert said["WordEmbeddingDistance"]["min_cos_sim"] == 0.8
    assert said["SentenceSimilarity"]["threshold"] == 0.9
    free = build_attack(A2T(sentence_model=str(models / "bert"), min_word_similarity=0), Victim(), offline=True)
    assert -1e-300 < free.constraints[-1].min_cos_sim < 0, "TextAttack takes 0 for no limit, and then wants another"
    assert attack.variant == "ranked by deletion"
    assert dataclasses.replace(attack, resources="bundled", ranking="random").variant == "bundled 2, ranked at random"


ATTACKS = {
    "pruthi": lambda models: Pruthi(max_words=2),
    "iga": lambda models: IGA(population=6, iterations=3, max_candidates=8),
    "checklist": lambda models: CheckList(entities="none"),
    "kuleshov": lambda models: Kuleshov(language_model=str(models / "gpt2"), max_candidates=5),
    "a2t": lambda models: A2T(sentence_model=str(models / "bert"), min_sentence_similarity=0.5),
    "bae": lambda models: BAE(language_model=str(models / "bert"), max_candidates=8),
    "bert-attack": lambda models: BERTAttack(language_model=str(models / "bert"), max_candidates=3),
    "clare": lambda models: CLARE(language_model=str(models / "bert"), max_candidates=4, max_actions=2),
    "textattack:LEAP2023": lambda models: Recipe(recipe="LEAP2023", query_budget=100),
}
NUMBERS = ["I don't doubt that 12 cats won.", "They are not here, we are 7."]


def run(attack: Attack, victim: SmallVictim, live: int) -> list[Record]:
    examples = victim.examples()[:8]
    examples += [(90 + at, text, int(victim([text]).argmax())) for at, text in enumerate(NUMBERS)]
    found = attack_examples(attack, victim, examples, seed=5, attack_name="a", live=live, offline=True)
    return sorted((dataclasses.replace(record, seconds=0.0) for record in found), key=lambda record: record.id)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_it_attacks_and_the_live_examples_do_not_matter(name: str, models: Path, victim: SmallVictim) -> None:
    attack = ATTACKS[name](models)
    records = run(attack, victim, 1)
    assert records == run(attack, victim, 7)
    assert any(record.final != record.original for record in records)
    for record in records:
        assert json.loads(json.dumps(dataclasses.asdict(record))) == dataclasses.asdict(record)
        before, after = victim([record.original, record.final]).argmax(dim=1).tolist()
        assert record.status == (
            "skipped" if before != record.label else "failed" if after == record.label else "succeeded"
        )


class Steady:
    """A victim that nothing moves."""

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]]).repeat(len(texts), 1)


def test_clare_ends_on_a_short_text_that_it_cannot_break(models: Path) -> None:
    attack = CLARE(language_model=str(models / "bert"), max_candidates=2)
    record = next(iter(attack_examples(attack, Steady(), [(0, "Good soup", 0)], seed=1, attack_name="a", offline=True)))
    assert record.status == "failed"


@pytest.mark.flair
def test_checklist_asks_the_tagger_in_the_hub_s_cache(hub: Path, victim: SmallVictim, no_taggers: None) -> None:
    attack = CheckList(tagger_pin=plant_tagger(hub, "flair/ner-english"))
    records = run(attack, victim, 1)
    assert records == run(attack, victim, 7)
    without = run(CheckList(entities="none"), victim, 7)
    assert sum(record.queries for record in records) > sum(record.queries for record in without)


def test_kuleshov_asks_its_language_model_as_textattack_does(hub: Path, models: Path) -> None:
    fill(hub, models)
    from textattack.shared import AttackedText

    texts = [AttackedText(f"the tea was {word} and the waiter left") for word in ("cold", "warm", "xyz")]
    built = [build_attack(attack, Victim(), offline=True) for attack in (Kuleshov(), Recipe(recipe="Kuleshov2017"))]
    ours, theirs = (one.constraints[-1] for one in built)
    for index in (0, 2, 3, 2):
        found, expected = (one.get_log_probs_at_index(texts, index) for one in (ours, theirs))
        assert [float(value) for value in found] == [float(value) for value in expected]


def test_kuleshov_takes_a_text_without_a_known_word(models: Path) -> None:
    attack = Kuleshov(language_model=str(models / "gpt2"))
    examples = [(0, "Qxzzv", 0), (1, "Wxyyq zzqj!", 0)]
    found = attack_examples(attack, Steady(), examples, seed=1, attack_name="a", offline=True)
    assert {record.status for record in found} == {"failed"}


def test_bert_attack_leaves_words_of_too_many_pieces(models: Path) -> None:
    def asked(**options: Any) -> int:
        attack = BERTAttack(language_model=str(models / "bert"), max_candidates=2, **options)
        found = attack_examples(attack, Steady(), [(0, "qzj xxyyzz", 0)], seed=1, attack_name="a", offline=True)
        return next(iter(found)).queries

    assert asked(max_pieces=2) < asked(max_pieces=4) < asked(max_pieces=None)


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (Pruthi, {"max_words": 0}, "max_words must be 1 or more, not 0"),
        (IGA, {"population": 0}, "population must be 1 or more"),
        (BAE, {"max_candidates": 0}, "max_candidates must be 1 or more"),
        (CLARE, {"max_actions": 0}, "max_actions must be 1 or more"),
        (Recipe, {"recipe": "Nope"}, "no recipe 'Nope'; there are A2TYoo2021"),
        (Recipe, {}, "no recipe ''"),
        (CheckList, {"tagger_pin": "0" * 64}, "tagger_pin must be COMMIT:SHA256, 40 and 64 hexadecimal digits"),
        (Recipe, {"recipe": "PSOZang2020", "pin": "main"}, "pin must be COMMIT:SHA256"),
        (Recipe, {"recipe": "PWWSRen2019", "pin": "0" * 64}, "there is nothing to pin"),
    ],
)
def test_options_that_leave_nothing_are_refused(kind: type[Attack], options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        kind(**options)


@pytest.mark.parametrize("kind", [BAE, BERTAttack, CLARE, Kuleshov])
def test_a_folder_stands_in_the_key_as_what_it_holds(kind: Any, models: Path, tmp_path: Path) -> None:
    def key(folder: Path) -> str:
        return json.dumps(kind(language_model=str(folder)).identity())

    there = models / ("gpt2" if kind is Kuleshov else "bert")
    copy = shutil.copytree(there, tmp_path / "copy")
    assert key(copy) == key(there)
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    assert key(copy) != key(there)
    fields = kind().identity()["fields"]
    assert fields["language_model"] == language_models.identify_language_model(kind().language_model, kind.commits)
    assert "@" in fields["language_model"]


def test_names_and_places_that_stay_are_told() -> None:
    assert CheckList().variant == ""
    assert CheckList(entities="none").variant == "no names or places"
    assert CheckList().identity() != CheckList(entities="none").identity()
    with pytest.raises(RobenchError, match=r"flair/ner-english is .* not pinned.*--set checklist\.entities=none"):
        CheckList().prepare(offline=True)


def test_pin_of_a_foreign_file_stands_in_the_key_once() -> None:
    pin = f"{'a' * 40}:{'b' * 64}"
    for one, other in (
        (CheckList(), CheckList(tagger_pin=pin)),
        (Recipe(recipe="PSOZang2020"), Recipe(recipe="PSOZang2020", pin=pin)),
    ):
        assert one.identity() != other.identity()
        assert one.identity()["fields"] == other.identity()["fields"]
        assert ["b" * 64] == [file.pin.sha256 for file in other.foreign_files]
