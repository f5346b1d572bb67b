"""From names to stages: keys that hold exactly what determines a result, samples, pairs, the order of work."""

from __future__ import annotations

import functools
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

from robench.console import Console
from robench.data.load import Example
from robench.defenses.taichi import TaiChi
from robench.errors import RobenchError
from robench.plugins import plugin_files, registry
from robench.progress import PlainReporter, SilentReporter
from robench.report.reproduce import Target
from robench.results.records import Record
from robench.results.store import make_key
from robench.study.estimate import schedule_stage
from robench.study.plan import order_stages
from robench.study.presets import PRESETS
from robench.study.request import Request
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.fuse import FusedModelStage
from robench.study.stages.stage import Stage, sample
from robench.study.stages.train import ModelStage
from robench.study.stages.training_rows import arrange_rows
from robench.study.victim_request import VictimRequest
from support.hand_made import record
from support.tiny_job import TASK, TinyJob, rows, write_rows


def request(job: TinyJob, **changes: Any) -> Request:
    fixed: dict[str, Any] = {"preset": "quick", "encoder": str(job.encoder), "data": job.data, "precision": "fp32"}
    named = {"defense": ["taichi"], "task": [TASK], "attack": ["pwws"], "offline": True}
    return Request(**fixed | named | changes)


def cells(job: TinyJob, **changes: Any) -> list[CellStage]:
    found = request(job, **changes).stages(SilentReporter())
    assert all(isinstance(stage, CellStage) for stage in found)
    return cast(list[CellStage], found)


def cell(job: TinyJob, **changes: Any) -> CellStage:
    (found,) = cells(job, **changes)
    return found


def keys(found: CellStage) -> dict[str, str]:
    """Keys of a cell and of all that it is made with."""
    adversarial = found.model.adversarial
    assert isinstance(adversarial, AdversarialStage)
    stages = {"cell": found, "model": found.model, "D_adv": adversarial, "Base": adversarial.model}
    return {name: stage.key for name, stage in stages.items()}


@pytest.fixture
def copy(tiny_job: TinyJob, tmp_path: Path) -> TinyJob:
    """The tiny job in folders of its own, to be changed."""
    encoder, data = tmp_path / "other encoder", tmp_path / "other data"
    return TinyJob(Path(shutil.copytree(tiny_job.encoder, encoder)), Path(shutil.copytree(tiny_job.data, data)))


def change_row(job: TinyJob, split: str, text: str | None = None) -> None:
    file = job.data / TASK / f"{split}.tsv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[-1] = lines[-1].replace("on day", "on DAY") if text is None else text
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def add_key(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"of_no_use": 1}), encoding="utf-8")


def flip_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


ALL = {"cell", "model", "D_adv", "Base"}


@pytest.mark.parametrize(
    ("change", "options", "differ"),
    [
        pytest.param(lambda job: change_row(job, "train"), {}, ALL, id="letter case of a training row"),
        pytest.param(lambda job: change_row(job, "dev"), {}, ALL, id="a row of dev"),
        pytest.param(lambda job: change_row(job, "test"), {}, ALL, id="a row of test"),
        pytest.param(lambda job: change_row(job, "test", "a new row\t0"), {}, ALL, id="label or text"),
        pytest.param(lambda job: flip_byte(job.encoder / "model.safetensors"), {}, ALL, id="a byte of the weights"),
        pytest.param(lambda job: add_key(job.encoder / "tokenizer_config.json"), {}, ALL, id="tokenizer configuration"),
        pytest.param(None, {"seed": [43]}, ALL, id="seed"),
        pytest.param(None, {"precision": "bf16"}, ALL, id="precision"),
        pytest.param(None, {"train_limit": 19}, ALL, id="training rows"),
        pytest.param(None, {"preset": "laptop"}, ALL, id="learning rate of a preset"),
        pytest.param(None, {"attack_limit": 15}, {"cell"}, id="attacked samples"),
        pytest.param(None, {"split": "dev"}, {"cell"}, id="the split that is attacked"),
        pytest.param(None, {"clean_limit": 15}, ALL, id="rows of clean accuracy"),
        pytest.param(None, {"attack": ["deepwordbug"]}, {"cell", "model", "D_adv"}, id="attack"),
        pytest.param(None, {"settings": {"pwws": {"query_budget": 90}}}, {"cell", "model", "D_adv"}, id="its options"),
        pytest.param(
            None, {"settings": {"taichi": {"temperature": 0.5}}}, {"cell", "model"}, id="a field of a defense"
        ),
        pytest.param(None, {"defense": ["ada"]}, {"cell", "model"}, id="defense"),
    ],
)
def test_whatever_determines_a_result_changes_the_keys_of_what_depends_on_it(
    tiny_job: TinyJob,
    copy: TinyJob,
    change: Callable[[TinyJob], None] | None,
    options: dict[str, Any],
    differ: set[str],
) -> None:
    before = keys(cell(tiny_job))
    if change is not None:
        change(copy)
    after = keys(cell(copy, **options))
    assert {name for name in before if before[name] != after[name]} == differ


@pytest.mark.parametrize(
    ("change", "options"),
    [
        pytest.param(None, {}, id="the folders' paths"),
        pytest.param(lambda job: write_rows(job.data / TASK / "notes.txt", []), {}, id="other files beside the data"),
        pytest.param(lambda job: write_rows(job.encoder / "README.md", []), {}, id="other files beside the encoder"),
        pytest.param(None, {"train_limit": 20}, id="a limit that leaves all rows"),
        pytest.param(None, {"attack_limit": 10_000}, id="a larger sample than there is"),
        pytest.param(None, {"clean_limit": 16, "split": "test"}, id="defaults of the rows, said aloud"),
        pytest.param(None, {"settings": {"taichi": {"temperature": "1"}}}, id="a default, said aloud"),
        pytest.param(None, {"settings": {"ada": {"ratio": 0.5}}}, id="the field of another defense"),
        pytest.param(None, {"device": "cpu"}, id="the name of the device"),
        pytest.param(
            None, {"preset": "laptop", "settings": {"training": asdict(PRESETS["quick"].training)}}, id="preset's name"
        ),
    ],
)
def test_nothing_else_changes_a_key(
    tiny_job: TinyJob, copy: TinyJob, change: Callable[[TinyJob], None] | None, options: dict[str, Any]
) -> None:
    if change is not None:
        change(copy)
    assert keys(cell(copy, **options)) == keys(cell(tiny_job))


def test_the_order_of_names_does_not_change_keys(tiny_job: TinyJob) -> None:
    def found(defenses: list[str], attacks: list[str], seeds: list[int]) -> set[str]:
        cells = request(tiny_job, defense=defenses, attack=attacks, seed=seeds).stages(SilentReporter())
        return {stage.key for stage in cells}

    names = ["base", "ada", "taichi"], ["pwws", "deepwordbug"], [1, 2]
    assert found(*names) == found(*([*part][::-1] for part in names))
    assert len(found(*names)) == 12


def test_the_order_of_keys_in_an_identity_does_not_matter() -> None:
    assert make_key({"a": 1, "b": {"c": 2, "d": 3}}) == make_key({"b": {"d": 3, "c": 2}, "a": 1})
    assert make_key({"a": 1}) != make_key({"a": "1"}) != make_key({"a": None})


ROWS = [Example(text, label) for text, label in rows(60)]


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (20, 20), (59, 59), (60, 60), (900, 60), (None, 60)])
def test_a_smaller_sample_is_a_part_of_a_larger_one_in_order_of_position(limit: int | None, count: int) -> None:
    drawn = sample(ROWS, limit, "test")
    assert len(drawn) == count and drawn == sorted(drawn, key=lambda pair: pair[0])
    assert all(ROWS[i] == row for i, row in drawn)
    assert set(drawn) <= set(sample(ROWS, None if limit is None else limit + 7, "test"))


def test_samples_are_drawn_the_same_everywhere_and_apart_for_each_use() -> None:
    assert [i for i, _ in sample(ROWS, 5, "test")] == [i for i, _ in sample(list(ROWS), 5, "test")]
    assert [i for i, _ in sample(ROWS, 20, "test")] != [i for i, _ in sample(ROWS, 20, "train")]
    assert [i for i, _ in sample(ROWS, 20, "test")] != list(range(20))


def test_a_sample_draws_accepted_texts_alone_in_the_order_of_the_whole() -> None:
    rows = [Example(f"{'long ' * (i % 3)}row {i}", 0) for i in range(60)]
    accepted = [(i, row) for i, row in sample(rows, None, "test") if row.text.startswith("long")]
    assert sample(rows, None, "test", lambda text: text.startswith("long")) == accepted
    few, more = ({i for i, _ in sample(rows, n, "test", lambda text: text.startswith("long"))} for n in (5, 30))
    assert (len(few), len(more)) == (5, 30) and few < more


def test_the_protocol_of_textdefender_leaves_short_texts_out_of_the_sample_and_says_so(copy: TinyJob) -> None:
    short = [("so very bright indeed", 1), ("dull", 0)]
    write_rows(copy.data / TASK / "test.tsv", [*rows(6), *short])
    settings = {"pwws": {"protocol": "textdefender"}}
    plain, bounded = cell(copy), cell(copy, settings=settings)
    assert [i for i, _ in plain.examples()] == list(range(8))
    assert [i for i, _ in bounded.examples()] == list(range(6))
    assert len(cell(copy, settings=settings, attack_limit=4).examples()) == 4
    assert plain.left_out == ""
    assert bounded.left_out == (
        "pwws (bundled 2, textdefender): 2 of 8 test texts are not attacked: those of fewer than 5 words are no part of"
        " the sample (protocol textdefender)"
    )
    assert bounded.left_out in bounded.notes
    assert bounded.left_out not in plain.notes
    assert len(bounded.training_rows()) == len(plain.training_rows())


def test_a_fused_model_takes_no_step_and_comes_after_its_parts(tiny_job: TinyJob) -> None:
    model = cell(tiny_job, defense=["average"]).model
    assert isinstance(model, FusedModelStage)
    assert model.title == "fuse average against pwws on mr, seed 42"
    assert [part.title for part in model.needs] == [
        f"train {name} against pwws on mr, seed 42" for name in ("clean", "adversarial")
    ]
    assert model.identity["parts"] == [part.key for part in model.parts]
    assert (model.size.count, model.count_threads(8)) == (0, 1)


FUSED = """
from dataclasses import dataclass, field
from typing import ClassVar
import robench
from robench.training import FusedDefense

class Soup(FusedDefense):
    def fuse(self, states):
        return dict(states[0])

@robench.register("soup-of-clean")
@dataclass(frozen=True, kw_only=True)
class Clean(Soup):
    parts: ClassVar[tuple[str, ...]] = ("base", "r-drop")

@robench.register("soup-of-both")
@dataclass(frozen=True, kw_only=True)
class Both(Soup):
    parts: ClassVar[tuple[str, ...]] = ("base", "ada")

@robench.register("soup-of-soups")
@dataclass(frozen=True, kw_only=True)
class Soups(Soup):
    parts: ClassVar[tuple[str, ...]] = ("base", "average")
"""


def test_parts_of_a_fused_defense_are_trained_on_d_adv_only_if_they_need_it(tiny_job: TinyJob, tmp_path: Path) -> None:
    file = tmp_path / "fused.py"
    file.write_text(FUSED, encoding="utf-8")
    with plugin_files.isolated():
        plugin_files.load_plugin(file)
        attacks = ["pwws", "deepwordbug"]

        def models(name: str) -> Counter[str]:
            stages = order_stages(request(tiny_job, defense=[name], attack=attacks).stages(SilentReporter()))
            return Counter(stage.title for stage in stages if isinstance(stage, ModelStage))

        assert list(models("soup-of-clean")) == [
            f"{one} on mr, seed 42" for one in ("train base", "train r-drop", "fuse soup-of-clean")
        ]
        trained = ["train base", "train ada against pwws", "train ada against deepwordbug"]
        fused = [f"fuse soup-of-both against {attack}" for attack in attacks]
        assert models("soup-of-both") == Counter(f"{one} on mr, seed 42" for one in (*trained, *fused))
        with pytest.raises(RobenchError, match=r"the defense soup-of-soups cannot be made: its part average trains no"):
            cells(tiny_job, defense=["soup-of-soups"])


def test_every_stage_says_what_kind_of_work_it_is(tiny_job: TinyJob) -> None:
    planned = request(tiny_job, defense=["average"], statistics=True).stages(SilentReporter())
    works = [schedule_stage(stage, 1.0, 8) for stage in order_stages(planned)]
    assert Counter(work.kind for work in works) == {"train": 3, "fuse": 1, "attack": 3, "measure": 2}
    assert {work.kind for work in works if work.rows} == {"attack"}
    assert {(work.kind, work.threads) for work in works} == {
        ("train", 8), ("fuse", 1), ("attack", 1), ("measure", 1)
    }  # fmt: skip


def test_a_sample_without_a_text_is_a_sentence(copy: TinyJob) -> None:
    write_rows(copy.data / TASK / "test.tsv", [("dull", 0)])
    with pytest.raises(RobenchError, match=r"1 of 1 test texts are not attacked.*Nothing of mr is left to attack"):
        cell(copy, settings={"pwws": {"protocol": "textdefender"}}).prepare(offline=True)


def test_every_seed_and_defense_meets_the_same_rows(tiny_job: TinyJob) -> None:
    found = cells(tiny_job, defense=["base", "taichi"], seed=[1, 2], train_limit=7, attack_limit=5)
    assert len(found) == 4
    assert len({tuple(stage.examples()) for stage in found}) == 1
    assert len({tuple(stage.training_rows()) for stage in found}) == 1
    assert [len(found[0].examples()), len(found[0].training_rows())] == [5, 7]


def kind(stage: Stage) -> str:
    return {ModelStage: "model", AdversarialStage: "D_adv", CellStage: "cell"}[type(stage)]


@pytest.mark.parametrize(
    ("defenses", "attacks", "counts"),
    [
        (["base"], ["pwws", "deepwordbug"], {"model": 1, "cell": 2}),
        (["ada"], ["pwws"], {"model": 2, "D_adv": 1, "cell": 1}),
        (["base", "ada", "taichi"], ["pwws", "deepwordbug"], {"model": 5, "D_adv": 2, "cell": 6}),
        (["base", "base"], ["pwws", "pwws"], {"model": 1, "cell": 1}),
    ],
)
def test_stages_are_made_once_and_after_what_they_need(
    tiny_job: TinyJob, defenses: list[str], attacks: list[str], counts: dict[str, int]
) -> None:
    stages = order_stages(request(tiny_job, defense=defenses, attack=attacks).stages(SilentReporter()))
    assert Counter(map(kind, stages)) == counts
    at = {stage.key: place for place, stage in enumerate(stages)}
    assert len(at) == len(stages)
    assert all(at[needed.key] < at[stage.key] for stage in stages for needed in stage.needs)


def is_one_of(keys: set[str], stage: Stage) -> bool:
    return stage.key in keys


def test_what_only_a_finished_stage_needs_is_not_made(tiny_job: TinyJob) -> None:
    found = cell(tiny_job)
    everything = order_stages([found])
    assert [kind(stage) for stage in everything] == ["model", "D_adv", "model", "cell"]
    for done, left in (
        (everything, []),
        (everything[:1], ["D_adv", "model", "cell"]),
        (everything[1:2], ["model", "cell"]),
        (everything[2:3], ["cell"]),
        (everything[3:], []),
    ):
        keys = {stage.key for stage in done}
        assert [kind(stage) for stage in order_stages([found], done=functools.partial(is_one_of, keys))] == left


def attacked(i: int, example: Example, status: str) -> Record:
    changed = example.text if status == "skipped" else f"{example.text} ({status})"
    return record(i, status, label=example.label, original=example.text, final=changed)


@pytest.mark.parametrize(
    ("unsuccessful", "pairs_left"), [("original", 30), ("perturbed", 30), ("drop", 10)], ids=lambda value: str(value)
)
def test_adversarial_rows_stand_beside_the_rows_they_were_made_of(unsuccessful: str, pairs_left: int) -> None:
    clean = sample(ROWS, 30, "train")
    statuses = {i: ("succeeded", "failed", "skipped")[n % 3] for n, (i, _) in enumerate(clean)}
    records = [attacked(i, example, statuses[i]) for i, example in clean]
    made_rows, counts = arrange_rows(replace(TaiChi(), unsuccessful=unsuccessful), clean, records[::-1], seed=1)
    assert sorted(row.text for row in made_rows) == sorted(example.text for _, example in clean)
    pairs = [row for row in made_rows if row.adversarial is not None]
    assert len(pairs) == pairs_left and counts.succeeded == counts.failed == counts.skipped == 10
    by_text = {example.text: (i, example.label) for i, example in clean}
    for pair in pairs:
        i, label = by_text[pair.text]
        made = f"{pair.text} ({statuses[i]})"
        unchanged = statuses[i] == "skipped" or (statuses[i] == "failed" and unsuccessful == "original")
        assert pair.adversarial == (pair.text if unchanged else made) and pair.label == label


def test_folder_as_task_is_the_same_data_as_the_task_with_a_data_folder(tiny_job: TinyJob) -> None:
    own = cell(tiny_job, task=[str(tiny_job.data / TASK)], data=None, labels=["negative", "positive"])
    assert keys(own) == keys(cell(tiny_job))
    assert own.data.task == f"{TASK}-own"
    assert own.data.options == ("--task", str(tiny_job.data / TASK), "--labels", "negative,positive")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"defense": []}, "no defense was named: --defense takes one or several, such as .*, or all"),
        ({"task": ["mrr"]}, "unknown task 'mrr': did you mean mr"),
        (
            {"task": ["./no-such-folder"], "data": None},
            "the folder ./no-such-folder does not exist; --task takes a task",
        ),
        ({"split": "train"}, "unknown --split 'train': there are test, dev"),
        ({"executor": "proceses"}, "unknown --executor 'proceses': there are auto, serial, processes, ray"),
        (
            {"split": "dev", "transfer": True},
            "--split dev is for attacks; statistics, transfers and certificates are about test",
        ),
        ({"attack": ["all", "pwvs"]}, "unknown attack 'pwvs'"),
        ({"preset": "quik"}, "unknown preset 'quik': did you mean quick"),
        ({"attack_limit": 0}, "--attack-limit 0 leaves nothing"),
        ({"train_limit": -3}, "--train-limit -3 leaves nothing"),
        ({"seed": [-1]}, "--seed -1 is out of range"),
        ({"seed": [2**32]}, "--seed 4294967296 is out of range"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"device": "abacus"}, "device 'abacus' cannot be used here"),
        ({"settings": {"taichy": {"temperature": 1}}}, "unknown defense or attack 'taichy': did you mean taichi"),
        (
            {"settings": {"taichi": {"temprature": 1}}},
            "unknown option of taichi 'temprature': did you mean temperature",
        ),
        ({"settings": {"taichi": {"temperature": "hot"}}}, "taichi.temperature is a number, above 0, not 'hot'"),
        ({"settings": {"taichi": {"temperature": "0"}}}, "taichi: temperature must be above 0"),
    ],
)
def test_a_request_that_makes_no_sense_is_a_sentence(tiny_job: TinyJob, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RobenchError, match=told):
        request(tiny_job, **changes).stages(SilentReporter())


def test_check_of_a_victim_request_refuses_an_unknown_rule_of_label_words(tiny_job: TinyJob) -> None:
    asked = VictimRequest(model="./a-model", task=[TASK], data=tiny_job.data, prompt="{text}:", label_score="median")  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match=r"^unknown --label-score 'median': there are sum, mean\.$"):
        asked.check()


def test_all_means_every_registered_name_and_no_attack_means_those_of_the_paper(tiny_job: TinyJob) -> None:
    from robench.results import papers

    everything = cells(tiny_job, defense=["all"], attack=["all"])
    attacks = [name for name in registry.names("attacks") if not registry.entry("attacks", name).load().foreign_files]
    names = registry.names("defenses"), attacks
    assert len(attacks) == len(registry.names("attacks")) - 1, "one would unpickle what strangers wrote"
    assert Counter(stage.model.defense.name for stage in everything) == dict.fromkeys(names[0], len(names[1]))
    assert Counter(stage.attack.name for stage in everything) == dict.fromkeys(names[1], len(names[0]))
    ours = cells(tiny_job, attack=[])
    assert [stage.attack.name for stage in ours] == [name for name in papers.find_paper().attacks if name in names[1]]


def test_plan_with_a_changed_attack_takes_the_models_trained_against_the_attack_itself(tiny_job: TinyJob) -> None:
    settings = {"pwws": {"query_budget": 90}}
    own, changed = cells(tiny_job, attack=["pwws", "random-order:pwws"], settings=settings)
    assert own.model.key == changed.model.key and own.key != changed.key
    assert changed.attack.base is not None and changed.attack.base.identity == own.attack.identity
    assert changed.attack.attack.query_budget == 90
    assert changed.attack.changed == (("query_budget", 90),)


@pytest.mark.parametrize(("defense", "notes"), [("base", 1), ("taichi", 0)])
def test_plan_says_that_against_has_no_effect_if_nothing_trains_on_adversarial_texts(
    tiny_job: TinyJob, capsys: pytest.CaptureFixture[str], defense: str, notes: int
) -> None:
    found = request(tiny_job, defense=[defense], against=["deepwordbug"]).stages(PlainReporter(Console(width=200)))
    assert [stage.attack.name for stage in cast(list[CellStage], found)] == ["pwws"]
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("--against has no effect") == notes


def test_plan_says_which_settings_are_of_nothing_in_the_run(
    tiny_job: TinyJob, capsys: pytest.CaptureFixture[str]
) -> None:
    used = {"taichi-no-ctr": {"temperature": 0.5}, "pwws": {"query_budget": 90}, "base": {"training.epochs": 1}}
    unused = {"taichi": {"temperature": 0.5}, "textfooler": {"query_budget": 5}}
    for settings, note in ((used, ""), ({**used, **unused}, "settings of taichi, textfooler have no effect")):
        job = request(tiny_job, defense=["taichi-no-ctr"], attack=["random-order:pwws"], settings=settings)
        job.stages(PlainReporter(Console(width=200)))
        shown = capsys.readouterr()
        assert ("have no effect" in shown.out + shown.err) == bool(note) and note in shown.out + shown.err


DEFENSE_WITH_AN_ATTACK = """
import robench
from typing import ClassVar
from robench.attacks.deepwordbug import DeepWordBug
from robench.defenses.base import Base

@robench.register("pierce")
class Pierce(DeepWordBug):
    '''An attack of our own.'''

@robench.register("shield")
class Shield(Base):
    '''A defense of our own.'''
    adaptive_attack: ClassVar[str] = "pierce"
"""


@pytest.fixture
def shield(tmp_path: Path, forget_plugins: None) -> Path:
    file = tmp_path / "shield.py"
    file.write_text(DEFENSE_WITH_AN_ATTACK)
    plugin_files.load_plugin(file)
    return file


def test_plan_of_table_5_attacks_a_defense_with_the_attack_that_it_names(tiny_job: TinyJob, shield: Path) -> None:
    asked = request(tiny_job, defense=["base", "shield"])
    (planned,) = Target.named(table="5").requests(asked)
    found = cast(list[CellStage], planned.stages(SilentReporter()))
    names = [(stage.model.defense.name, stage.attack.name) for stage in found]
    assert names == [("base", "pwws"), ("shield", "pwws"), ("shield", "pierce")]
    assert found[1].model.key == found[2].model.key
    assert found[2].model.defense.info.adaptive_attack == "pierce"
    assert [stage.key for stage in cells(tiny_job, defense=["base", "shield"])] == [stage.key for stage in found[:2]]


def test_adaptive_attack_is_no_part_of_keys(tiny_job: TinyJob, tmp_path: Path) -> None:
    file, keys = tmp_path / "shield.py", {}
    for attack in ("pierce", "pwws"):
        file.write_text(DEFENSE_WITH_AN_ATTACK.replace('[str] = "pierce"', f'[str] = "{attack}"'))
        with plugin_files.isolated():
            plugin_files.load_plugin(file)
            found = cell(tiny_job, defense=["shield"])
        keys[found.model.defense.info.adaptive_attack] = found.model.key
    assert keys["pierce"] == keys["pwws"]


def test_plan_with_an_unknown_adaptive_attack_names_the_defense(
    tiny_job: TinyJob, tmp_path: Path, forget_plugins: None
) -> None:
    file = tmp_path / "shield.py"
    file.write_text(DEFENSE_WITH_AN_ATTACK.replace('[str] = "pierce"', '[str] = "peirce"'))
    plugin_files.load_plugin(file)
    asked = replace(request(tiny_job, defense=["shield"]), adaptive=True)
    with pytest.raises(RobenchError, match="shield names the adaptive attack peirce: unknown attack 'peirce': did you"):
        asked.stages(SilentReporter())
