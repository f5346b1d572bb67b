"""Certificates of a trained defense: what is planned and stored, the table, and that no attack contradicts them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from statsmodels.stats.proportion import proportion_confint
from transformers import BertModel

from robench.defenses.ranmask import RanMASK
from robench.models.predictor import Predictor
from robench.plugins import plugin_files
from robench.progress import SilentReporter
from robench.report import tables
from robench.results import certificates, clean_lines, json_lines, records
from robench.results.certificates import Certificate
from robench.results.info import CellInfo, CertificatesInfo, ModelInfo
from robench.results.inspection import inspect_runs
from robench.results.records import Record
from robench.results.store import Store, StoredStage
from robench.study.request import Request
from robench.study.runner import run_requests
from robench.study.stages.certificates import CertificatesStage
from robench.study.stages.trained_model import stored_predictor
from robench.training.reading import LabelCounter
from support import small_bert
from support.runs import comparable, contents
from support.tiny_job import TASK, TinyJob, robench, rows, write_rows

CPU = torch.device("cpu")
DRAWS = 60


def request(job: TinyJob, *defenses: str, **more: Any) -> Request:
    settings = {"certificate": {"draws": DRAWS, "alpha": 0.05}, "ranmask": {"votes": 5}}
    values: dict[str, Any] = {
        **{"defense": defenses, "task": [TASK], "attack": ["pwws"], "preset": "quick", "encoder": str(job.encoder)},
        **{"data": job.data, "offline": True, "precision": "fp32", "device": "cpu", "settings": settings},
    }
    return Request(**(values | {"certificates": True} | more))


def find(runs: Path) -> tuple[StoredStage[CellInfo], StoredStage[CertificatesInfo], list[Certificate]]:
    store = Store(runs)
    (cell,) = [one for one in store.stages(CellInfo) if one.info.defense.name == "ranmask"]
    (stage,) = store.stages(CertificatesInfo)
    return cell, stage, json_lines.read(stage.folder / certificates.CERTIFICATES_FILE, certificates.Certificate)


@pytest.fixture(scope="module")
def runs(finished: Path, tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = Path(shutil.copytree(finished, tmp_path_factory.mktemp("certified") / "runs"))
    run_requests([request(tiny_job, "base", "ranmask")], Store(runs), SilentReporter(), "only-missing")
    return runs


def test_plan_certifies_the_models_of_defenses_that_have_certificates_once(tiny_job: TinyJob) -> None:
    stages = request(tiny_job, "base", "ranmask", attack=["pwws", "deepwordbug"]).stages(SilentReporter())
    assert [stage.kind for stage in stages] == ["cells"] * 4 + ["certificates"]
    stage = stages[-1]
    assert isinstance(stage, CertificatesStage) and stage.label == "mr-ranmask-seed42"
    assert [(need.kind, need.label) for need in stage.needs] == [("models", "mr-ranmask-seed42")]
    other = request(tiny_job, "ranmask", settings={"ranmask": {"votes": 5}}).stages(SilentReporter())[-1]
    assert stage.key != other.key and other.identity["draws"] == 1000
    assert stage.model.key == request(tiny_job, "ranmask", certificates=False).stages(SilentReporter())[0].needs[0].key


@pytest.mark.slow
def test_model_that_is_read_back_scores_as_the_trained_one(runs: Path) -> None:
    cell, _, _ = find(runs)
    model = Store(runs).get("models", cell.info.model)
    assert model is not None and isinstance(model.info, ModelInfo) and model.info.defense.texts_read == 5
    lines = clean_lines.read(model.folder / "clean.jsonl")
    predictor = stored_predictor(Store(runs), cell, CPU)
    texts = {record.id: record.original for record in records.read(cell.folder / "records.jsonl")}
    known = [line for line in lines if line.id in texts]
    found = predictor.logits([texts[line.id] for line in known]).softmax(1)
    assert len(known) > 10
    torch.testing.assert_close(found, torch.tensor([line.probabilities for line in known]), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_certificates_are_what_independent_counts_say(runs: Path) -> None:
    cell, stage, lines = find(runs)
    texts = {record.id: record.original for record in records.read(cell.folder / "records.jsonl")}
    assert [line.id for line in lines] == sorted(texts)
    assert (stage.info.draws, stage.info.alpha, stage.info.n) == (DRAWS, 0.05, len(lines))
    assert stage.info.abstained == sum(line.radius is None for line in lines)
    plain = stored_predictor(Store(runs), cell, CPU)
    reader = LabelCounter(RanMASK(votes=5), 42, "certificate", DRAWS)
    network = Predictor(plain.classifier, plain._tokenizer, max_length=50, precision="fp32", device=CPU)
    for line in lines[:6]:
        votes = network.logits(reader.read(texts[line.id])).argmax(1).tolist().count(line.predicted)
        assert line.votes == votes and line.words == len(texts[line.id].split())
        lower, _ = proportion_confint(votes, DRAWS, alpha=0.1, method="beta")
        shift = [RanMASK().bound_shift(texts[line.id], k) for k in range(1, line.words + 1)]
        radius = next((k for k, one in enumerate(shift) if lower - one <= 0.5), line.words)
        assert line.radius == (radius if lower > 0.5 else None)
        assert line.deployed_radius is None, "five votes need more than sixty draws can show"


@pytest.mark.slow
def test_certificates_that_are_there_are_not_made_again(runs: Path, tiny_job: TinyJob) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.glob("*/*/stage.json")}
    run_requests([request(tiny_job, "ranmask")], Store(runs), SilentReporter(), "only-missing")
    assert {path: path.stat().st_mtime_ns for path in runs.glob("*/*/stage.json")} == before
    assert not inspect_runs(Store(runs)).faults


@pytest.mark.slow
def test_damaged_certificates_are_found_and_their_command_is_named(runs: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(runs, tmp_path / "runs"))
    file = copy / "certificates" / find(runs)[1].folder.name / "certificates.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    shown = robench("verify", "--runs", copy, "--repair")
    words = " ".join(shown.output.split())
    assert shown.exit_code == 1 and "--defense ranmask" in words
    assert f"--table certificates --set certificate.draws={DRAWS} --set certificate.alpha=0.05" in words


@pytest.mark.slow
def test_rescore_reads_texts_as_the_defense_does(runs: Path) -> None:
    shown = robench("verify", "--runs", runs, "--rescore", "4")
    assert shown.exit_code == 0 and "not scored again" not in shown.output, shown.output


PLUGIN = """
import dataclasses
import robench
from robench.defenses.ranmask import RanMASK

@dataclasses.dataclass(frozen=True, kw_only=True)
class Averaged(RanMASK):
    def combine(self, logits):
        return logits.mean(0)

robench.register("averaged", Averaged(votes=3))
"""


@pytest.mark.slow
def test_defense_of_a_plugin_that_combines_scores_its_own_way_has_certificates_of_all_copies_alone(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    plugin, runs = tmp_path / "averaged.py", tmp_path / "runs"
    plugin.write_text(PLUGIN, encoding="utf-8")
    more = ["--table", "certificates", "--plugin", str(plugin), "--set", "training.learning_rate=0.001"]
    with plugin_files.isolated():
        made = robench(*tiny_job.command(runs, *more, "--set", "training.epochs=3", defense="averaged"))
    assert made.exit_code == 0, made.output
    assert "averaged has no certificates of the deployed vote" in made.output and "deployed, 1" not in made.output
    (stage,) = Store(runs).stages(CertificatesInfo)
    lines = json_lines.read(stage.folder / certificates.CERTIFICATES_FILE, certificates.Certificate)
    assert stage.info.votes == 0 and any(line.radius is not None for line in lines)
    assert {line.deployed_radius for line in lines} == {None}
    shown = robench("verify", "--runs", runs, "--rescore", 2)
    assert "is not registered; name its file with --plugin" in shown.output
    with plugin_files.isolated():
        shown = robench("verify", "--runs", runs, "--rescore", 2, "--plugin", plugin)
        assert shown.exit_code == 0 and "4 texts of 1 stage were scored again" in shown.output, shown.output
    (stage.folder / certificates.CERTIFICATES_FILE).write_bytes(b"")
    with plugin_files.isolated():
        shown = robench("verify", "--runs", runs, "--repair", "--plugin", plugin)
    assert f"--table certificates --plugin {plugin} --runs {runs}" in shown.output


@pytest.mark.slow
def test_table_has_certified_accuracy_beside_accuracy_under_attack(runs: Path) -> None:
    cell, _, lines = find(runs)
    table = tables.make("certificates", Store(runs))
    names = [column.name for column in table.columns]
    assert names[:2] == ["clean%", "certified%, all copies, 0 words"]
    assert names[-2:] == ["certified%, deployed, 1 word", "pwws"]
    (row,) = table.blocks[0].rows
    assert row.name == "ranmask" and cell.info.attacked is not None
    right = [line for line in lines if line.predicted == line.label and line.radius is not None]
    assert row.cells[1].value == pytest.approx(len(right) / len(lines)) and row.cells[1].interval is not None
    assert row.cells[-1].value == cell.info.attacked.accuracy
    assert row.cells[-2].value == 0
    for name, shown in zip(names[2:-2], row.cells[2:-2], strict=True):
        changes = int(name.split()[-2])
        held = sum(line.radius is not None and line.radius >= min(changes, line.words) for line in right)
        assert shown.value == pytest.approx(held / len(lines))
    assert any("any k words, each replaced by any other word" in line for line in table.legend)
    assert any(line.startswith("deployed, ranmask: 5 votes") and "1,000 queries" in line for line in table.legend)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["rich", "md", "csv", "json", "latex", "html"])
def test_table_in_each_format_names_the_row_and_a_column(runs: Path, format: str) -> None:
    shown = robench("table", "certificates", "--runs", runs, "--format", format)
    assert shown.exit_code == 0 and "ranmask" in shown.output and "certified" in shown.output


def test_table_without_certificates_names_the_command(finished: Path) -> None:
    shown = robench("table", "certificates", "--runs", finished)
    assert shown.exit_code == 2 and "`robench run --table certificates --runs " in " ".join(shown.output.split())


def test_run_with_the_table_of_certificates_asks_for_them_of_all_defenses_that_have_some(tiny_job: TinyJob) -> None:
    from robench.report.reproduce import Target

    asked = replace(request(tiny_job), certificates=False)
    (made,) = Target.named(table="certificates").requests(asked)
    assert made.certificates and set(made.defenses) == {"ranmask", "safer"}


@pytest.mark.slow
def test_reading_model_cannot_be_exported_or_drawn_in_a_plane(runs: Path, tmp_path: Path) -> None:
    shown = robench("export", find(runs)[0].key, tmp_path / "out", "--runs", runs)
    assert shown.exit_code == 2 and "reads 5 other texts in place of each text" in " ".join(shown.output.split())
    drawn = robench("figure", "1", "--runs", runs, "--defense", "ranmask", "--task", TASK, "--out", tmp_path)
    assert drawn.exit_code == 2 and "ranmask reads 5 texts in place of one" in " ".join(drawn.output.split())


def test_split_other_than_test_has_no_certificates(tiny_job: TinyJob) -> None:
    with pytest.raises(Exception, match="certificates are about test rows"):
        request(tiny_job, "ranmask", split="dev").check()


@pytest.mark.slow
def test_results_of_a_randomised_defense_are_equal_for_any_number_of_jobs(
    runs: Path, tmp_path: Path, tiny_job: TinyJob
) -> None:
    more = ["--table", "certificates", "--jobs", "2", "--set", f"certificate.draws={DRAWS},certificate.alpha=0.05"]
    settings = ["--set", f"certificate.draws={DRAWS}", "--set", "certificate.alpha=0.05", "--set", "ranmask.votes=5"]
    done = robench(*tiny_job.command(tmp_path / "runs", *more[:4], *settings, defense="ranmask"))
    assert done.exit_code == 0, done.output
    one, other = find(runs), find(tmp_path / "runs")
    assert one[2] == other[2] and one[0].key == other[0].key
    assert comparable(records.read(one[0].folder / "records.jsonl")) == comparable(
        records.read(other[0].folder / "records.jsonl")
    )
    weights = {name: value for name, value in contents(tmp_path / "runs").items() if name.startswith("models/")}
    assert weights.items() <= contents(runs).items()


def write_short_texts(folder: Path) -> TinyJob:
    """Texts of at most a dozen words, and an encoder that knows them: many copies are equal, so this is fast."""
    short = [one for i, one in enumerate(rows(1440)) if i % 4 < 2]
    tokens = small_bert.tokenizer(small_bert.words_of(text for text, _ in short))
    network = small_bert.model(BertModel, tokens, seed=7, spread=0.25)
    for split, first, last in (("train", 0, 200), ("dev", 200, 220), ("test", 220, 720)):
        write_rows(folder / "data" / TASK / f"{split}.tsv", short[first:last])
    return TinyJob(small_bert.save(folder / "encoder", tokens, network), folder / "data")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_no_certificate_contradicts_an_attack_on_500_texts(tmp_path: Path) -> None:
    """The attack changes one word after the other, two at most: first within the certificates of the deployed vote.

    The vote of all copies is estimated by new copies of what the attack made; that of the model is its own word.
    """
    settings: dict[str, Any] = {
        **{"training": {"learning_rate": 1e-3, "epochs": 6}, "ranmask": {"votes": 201, "mask_rate": 0.8}},
        **{"pwws": {"max_words_changed": 0.15}},
    }
    asked = request(write_short_texts(tmp_path), "ranmask", settings=settings, attack_limit=500)
    run_requests([asked], Store(tmp_path / "runs"), SilentReporter(), "only-missing")
    cell, stage, lines = find(tmp_path / "runs")
    assert (stage.info.votes, stage.info.queries) == (201, 1000)
    by_id = {line.id: line for line in lines}
    met = [(by_id[r.id], r) for r in records.read(cell.folder / "records.jsonl")]
    assert len(met) == 500 and all(r.queries <= stage.info.queries for _, r in met)
    right = [(line, r) for line, r in met if line.predicted == line.label and r.words_changed]
    assert sum(line.deployed_radius is not None and line.deployed_radius > 0 for line, _ in right) > 300
    fallen = [(line, r) for line, r in right if r.status == "succeeded"]
    assert not [(line, r) for line, r in fallen if covers(r, line.deployed_radius)]
    certified = [(line, r) for line, r in right if covers(r, line.radius)]
    assert len(certified) > 300 and any(covers(r, line.radius) for line, r in fallen), "few of all copies vote"
    model = stored_predictor(Store(tmp_path / "runs"), cell, CPU)
    counter = LabelCounter(RanMASK(votes=201, mask_rate=0.8), 42, "contradiction", 2000)
    finals = [r.final for _, r in certified]
    for (line, record), counts in zip(certified, model.read_by(counter).logits(finals), strict=True):
        assert counts[line.label] > 1000, (line, record)


def covers(record: Record, radius: int | None) -> bool:
    """Whether the attack changed a text in a way that a certificate of this radius is about."""
    before, after = record.original.split(), record.final.split()
    changed = sum(a != b for a, b in zip(before, after, strict=False))
    return len(before) == len(after) and 0 < changed <= (radius or 0)
