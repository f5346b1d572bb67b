from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack, copy_attack
from robench.attacking.engine import attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler
from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.plugin_files import isolated, load_plugin
from robench.resources import nltk_data
from robench.resources.textattack import load_textattack
from support.caches import fill_cache
from support.fresh import imported
from support.machine import HAS_FLAIR
from support.own_textattack import forget_textattack, write_textattack
from support.small_victim import SmallVictim

pytestmark = pytest.mark.network

TESTS = Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named(Attack):
    words: int = 2

    def build(self, victim: Any) -> Any:
        raise NotImplementedError


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A fresh process with an empty home, no network and string hashes of its own, working while others test."""
    root = tmp_path_factory.mktemp("elsewhere")
    (root / "home").mkdir()
    fill_cache(root / "cache")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HF_", "MPL"))}
    environment |= {
        "HOME": str(root / "home"),
        "ROBENCH_CACHE": str(root / "cache"),
        "PYTHONHASHSEED": "1",
        "PYTHONPATH": str(TESTS),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "support.attack_elsewhere"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process, root
        process.kill()


@pytest.fixture(scope="module")
def report(elsewhere: tuple[subprocess.Popen[bytes], Path]) -> dict[str, Any]:
    process, root = elsewhere
    output, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    home = sorted(str(path) for path in (root / "home").rglob("*"))
    found: dict[str, Any] = json.loads(output)
    return found | {"errors": errors.decode(), "home": home, "root": root}


def test_identity_names_all_that_decides_the_result() -> None:
    identity = Named().identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity["attack"] == f"{__name__}:Named"
    assert identity["fields"] == {
        "query_budget": None,
        "queries_per_word": None,
        "max_words_changed": None,
        "protocol": "recipe",
        "words": 2,
    }
    assert identity["textattack"] == "0.3.11"
    assert set(nltk_data.CORPORA) <= set(identity["resources"])  # type: ignore[call-overload]


def test_identities_differ_by_class_and_by_option() -> None:
    attacks = [Named(), Named(words=3), Named(query_budget=9), DeepWordBug(), DeepWordBug(query_budget=9), PWWS()]
    assert len({json.dumps(attack.identity()) for attack in attacks}) == len(attacks)
    assert Named(words=3).identity() == Named(words=3).identity()


@pytest.mark.parametrize(
    ("attack", "variant"),
    [
        (TextFooler(), "bundled 2"),
        (TextFooler(resources="published"), ""),
        (TextBugger(), "bundled 2"),
        (PWWS(resources="published"), ""),
        (PWWS(protocol="textdefender"), "bundled 2, textdefender"),
        (DeepWordBug(protocol="textdefender", resources="published"), "textdefender"),
    ],
)
def test_what_differs_from_the_published_attack_is_part_of_its_name(attack: Attack, variant: str) -> None:
    assert attack.variant == variant


def test_resources_count_only_where_they_make_a_difference() -> None:
    assert PWWS(resources="published").identity() == PWWS().identity()
    assert TextFooler(resources="published").identity() != TextFooler().identity()
    assert PWWS(resources="published", protocol="textdefender").identity() != PWWS(protocol="textdefender").identity()
    assert {"word-vectors", "sentence_encoder", "tagger"} <= set(TextFooler().pins())
    assert not {"word-vectors", "sentence_encoder", "tagger"} & set(PWWS().pins())


@pytest.mark.parametrize(
    "wrong", [{"query_budget": 0}, {"queries_per_word": -1}, {"max_words_changed": 0}, {"max_words_changed": 1.5}]
)
def test_limits_that_leave_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PWWS(**wrong)


def test_copies_of_an_attack_have_parts_of_their_own_and_share_the_rest() -> None:
    victim = Victim()
    built = build_attack(TextFooler(), victim)
    one, other = copy_attack(built), copy_attack(built)
    for name in ("goal_function", "search_method", "transformation"):
        assert len({id(getattr(attack, name)) for attack in (built, one, other)}) == 3
    assert {id(c) for c in one.constraints}.isdisjoint(id(c) for c in built.constraints)
    assert one.search_method.goal_function is one.goal_function
    assert one.search_method.get_transformations.__self__ is one
    assert one.search_method.get_goal_results.__self__ is one.goal_function
    assert one.goal_function.model is victim
    assert one.transformation.embedding is built.transformation.embedding
    one.transformation_cache["text"] = 1
    one.goal_function._call_model_cache["text"] = 1
    assert not len(built.transformation_cache) and not len(other.goal_function._call_model_cache)
    assert repr(one) == repr(built)


@pytest.mark.parametrize("attack", [DeepWordBug(), PWWS()])
def test_the_exact_recipes_have_no_variant_and_stay_as_they_are(attack: Attack) -> None:
    assert attack.variant == ""
    assert attack.__doc__
    with pytest.raises(dataclasses.FrozenInstanceError):
        attack.query_budget = 3  # type: ignore[misc]


def test_importing_the_attacks_imports_nothing_heavy() -> None:
    assert imported("import robench.attacks.pwws, robench.attacks.deepwordbug") == []


def test_the_example_of_a_plug_in_works(tmp_path: Path) -> None:
    lines = textwrap.dedent(Attack.__doc__.split("plug-in::")[1].split("Attributes:")[0])  # type: ignore[union-attr]
    file = tmp_path / "plugin.py"
    file.write_text(lines, encoding="utf-8")
    with isolated():
        load_plugin(file)
        attack = dataclasses.replace(registry.entry("attacks", "few-typos").load(), max_words=3, query_budget=40)
        built = build_attack(attack, Victim())
    assert built.constraints or built.pre_transformation_constraints
    assert {"max_num_words": 3}.items() <= vars(built.constraints[0]).items()


class Victim:
    model = None

    def __call__(self, texts: Any) -> Any:
        raise NotImplementedError


def test_building_makes_a_fresh_attack_that_takes_whole_requests() -> None:
    one, other = build_attack(PWWS(), Victim()), build_attack(PWWS(), Victim())
    assert one is not other
    assert one.search_method is not other.search_method
    assert one.goal_function.batch_size > 10**6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aiming(Attack):
    """An attack with the goal that an expression gives."""

    goal: str

    def build(self, victim: Any) -> Any:
        from textattack import Attack as TextAttack
        from textattack import goal_functions
        from textattack.goal_functions.classification import hardlabel_classification
        from textattack.search_methods import GreedySearch
        from textattack.transformations import WordSwapQWERTY

        class Own(goal_functions.UntargetedClassification):
            pass

        names = {**vars(goal_functions), **vars(hardlabel_classification), "Own": Own, "Victim": Victim}
        goal = eval(self.goal, names | {"victim": victim})
        return TextAttack(goal, [], WordSwapQWERTY(), GreedySearch())


@pytest.mark.parametrize(
    ("goal", "told"),
    [
        ("UntargetedClassification(victim)", ""),
        ("HardLabelClassification(victim)", ""),
        ("Own(victim)", ""),
        ("TargetedClassification(victim, target_class=0)", "is a TargetedClassification; it has to be Untargeted"),
        ("InputReduction(victim, maximizable=True)", "is an InputReduction; it has to be UntargetedClassification"),
        ("UntargetedClassification(Victim())", "asks another model than `victim`"),
        ("Own(Victim())", "asks another model than `victim`"),
        ("UntargetedClassification(victim, maximizable=True)", "sets maximizable, so that it ends at something else"),
        ("Own(victim, target_max_score=0.2, allow_skip=False)", "sets target_max_score, allow_skip, so that it ends"),
    ],
)
def test_build_attack_accepts_no_goal_but_a_wrong_prediction_of_the_victim(goal: str, told: str) -> None:
    if not told:
        assert build_attack(Aiming(goal=goal), Victim())
        return
    with pytest.raises(RobenchError, match=f"^the goal of the attack Aiming {told}"):
        build_attack(Aiming(goal=goal), Victim())


def test_building_calls_no_download_and_puts_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    def download(*args: object, **kwargs: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setattr(nltk, "download", download)
    build_attack(PWWS(), Victim())
    assert nltk.download is download


def test_a_textattack_that_does_not_import_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nltk_data.prepare_corpora()
    write_textattack(tmp_path, "0.3.11", "import a_package_that_is_not_there\n")
    forget_textattack(monkeypatch)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RobenchError, match="TextAttack cannot be imported: No module named 'a_package_that_is"):
        load_textattack()


def test_importing_textattack_touches_neither_home_nor_network_nor_environment(report: dict[str, Any]) -> None:
    assert report["home"] == []
    assert report["attempts"] == []
    assert report["environment"] == {}
    assert report["random"] is True
    assert report["errors"] == ""
    assert report["hf_home"] == str(report["root"] / "home/.cache/huggingface")


def test_textattack_that_a_plugin_imports_at_its_top_is_the_guarded_one(report: dict[str, Any]) -> None:
    assert report["plugin"] == [False, "0.3.11", HAS_FLAIR]


def test_records_are_the_same_in_every_process(report: dict[str, Any]) -> None:
    victim = SmallVictim()
    for attack in (DeepWordBug(), PWWS()):
        found = attack_examples(attack, victim, victim.examples(), seed=5, attack_name="a", offline=True)
        rows = [dataclasses.asdict(record) | {"seconds": 0} for record in sorted(found, key=lambda record: record.id)]
        assert json.loads(json.dumps(rows)) == report[type(attack).__name__]
        assert {row["status"] for row in rows} == {"succeeded", "failed", "skipped"}
