"""What an engineer gets of one model: a page, evaluation metadata, and an exit code for CI."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
import pytest
import typer
from huggingface_hub import ModelCard
from typer.testing import Result

from robench.cli.attack import TOO_WEAK, check_strength, group_results
from robench.plugins import plugin_files
from robench.report.evaluation import make_metrics, write_evaluation
from robench.report.model_results import ModelResults
from robench.results.info import CellInfo
from robench.results.info_parts import DataInfo
from robench.results.store import Store
from robench.study.options import StoreOptions
from support.hand_made import add_cell
from support.refusals import told
from support.tiny_job import TASK, TinyJob, robench


@pytest.fixture(scope="module")
def command(counting: Path, tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command whose cells are finished."""
    runs = tmp_path_factory.mktemp("attacked") / "runs"
    fixed = ["attack", "--model", "counting:scores", "--name", "count", "--task", TASK, "--attack", "pwws,deepwordbug"]
    fixed += [
        "--data",
        str(tiny_job.data),
        "--preset",
        "quick",
        "--offline",
        "--attack-limit",
        "12",
        "--runs",
        str(runs),
    ]
    done = robench(*fixed)
    assert done.exit_code == 0, done.output
    return fixed


@pytest.fixture
def found(command: list[str]) -> ModelResults:
    store = Store(Path(command[-1]))
    return ModelResults(store, store.stages(CellInfo))


def accuracy(found: ModelResults) -> float:
    assert found.worst.value is not None
    return float(100 * found.worst.value)


def test_report_of_a_function_says_what_its_records_say(
    command: list[str], found: ModelResults, tmp_path: Path
) -> None:
    done = robench(*command, "--report", tmp_path / "page.html")
    assert done.exit_code == 0 and str(tmp_path / "page.html") in done.stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    survive = [all(r.status == "failed" for r in pair) for pair in zip(*found.records, strict=True)]
    assert f"{100 * sum(survive) / len(survive):.1f}\N{NO-BREAK SPACE}% stay right under both attacks" in page
    changes = {w for rows in found.records for r in rows for w in set(r.final.split()) - set(r.original.split())}
    shown = set(re.findall("<ins>(.*?)</ins>", page))
    assert len(shown) > 5 and shown <= changes
    assert re.search("robench attack --name count .*--model counting:scores", page)


def test_report_on_several_tasks_is_refused_before_anything_runs(command: list[str], tmp_path: Path) -> None:
    done = robench(*command, "--task", "trec", "--report", tmp_path / "page.html", "--runs", tmp_path / "runs")
    assert re.search("--report is about one task, not mr, trec", told(done))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", ["--report", "--model-card"])
@pytest.mark.parametrize(
    ("place", "words"), [("", "is a folder; name a file in it"), ("file/page.html", "cannot write .*/file")]
)
def test_page_that_cannot_be_written_is_refused_before_anything_runs(
    command: list[str], tmp_path: Path, option: str, place: str, words: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert re.search(words, told(robench(*command, option, tmp_path / place, "--runs", tmp_path / "runs")))
    assert not (tmp_path / "runs").exists()


BROKEN = """
from dataclasses import dataclass
import robench
from robench.attacks.deepwordbug import DeepWordBug

@robench.register("broken")
@dataclass(frozen=True, kw_only=True)
class Broken(DeepWordBug):
    def build(self, victim):
        raise KeyError("w")
"""


def test_page_and_verdict_that_a_failed_attack_prevents_are_named(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    page = tmp_path / "page.html"
    at = command.index("pwws,deepwordbug")

    def attack(names: str, *more: object) -> Result:
        return robench(*command[:at], names, *command[at + 1 :], "--report", page, "--fail-under", "1", *more)

    with plugin_files.isolated():
        done, alone = (attack(names, "--plugin", tmp_path / "broken.py") for names in ("broken,pwws", "broken"))
    assert (done.exit_code, alone.exit_code) == (2, 2) and not page.exists()
    sentence = "note: left out, because not every attack was made: --report, --fail-under. The same command without"
    assert sentence in done.stderr and "pwws" in done.stdout
    assert "left out" not in alone.stderr, "nothing is finished"
    assert attack("pwws").exit_code == 0 and page.exists()


def fail_under(command: list[str], limit: float) -> Result:
    return robench(*command, "--fail-under", limit)


def test_fail_under_more_than_the_worst_accuracy_ends_with_1(command: list[str], found: ModelResults) -> None:
    done = fail_under(command, accuracy(found) + 0.5)
    assert done.exit_code == TOO_WEAK == 1
    sentence = done.stderr.strip().splitlines()[-1]
    assert re.fullmatch(
        rf"robench: count: {accuracy(found):.1f} % of 12 texts of mr withstand \w+ and \w+"
        r" \(95 % interval \d+\.\d to \d+\.\d\), less than --fail-under [\d.]+\.",
        sentence,
    )


def test_fail_under_the_worst_accuracy_itself_ends_with_0(command: list[str], found: ModelResults) -> None:
    assert fail_under(command, accuracy(found)).exit_code == 0
    assert fail_under(command, 100.5).exit_code == 2


def test_fail_under_does_not_accept_a_model_that_learned_nothing(command: list[str], tmp_path: Path) -> None:
    Path("constant.py").write_text("def scores(texts):\n    return [[1.0, 0.0]] * len(texts)\n", encoding="utf-8")
    place = command.index("counting:scores")
    words = [*command[:place], "constant:scores", *command[place + 1 : -1], str(tmp_path / "runs")]
    words[words.index("count")] = "constant"
    done = fail_under(words, 10)
    assert done.exit_code == TOO_WEAK, done.output
    assert "which --fail-under does not accept: the model cannot be told from naming" in done.stderr


def test_fail_under_tells_of_warnings_about_a_model_that_holds(tmp_path: Path, command: list[str]) -> None:
    code = (
        "import counting\n\ndef scores(texts):\n"
        "    return [[float(a > b), float(a <= b)] for a, b in counting.scores(texts)]\n"
    )
    Path("hard.py").write_text(code, encoding="utf-8")
    place = command.index("counting:scores")
    words = [*command[:place], "hard:scores", *command[place + 1 : -1], str(tmp_path / "runs")]
    words[words.index("count")] = "hard"
    done = fail_under(words, 0)
    assert (
        done.exit_code == 0 and "--fail-under is met, with a warning: the model's scores are hard labels" in done.stderr
    )


def test_model_card_has_the_accuracies_and_keeps_what_was_there(
    command: list[str], found: ModelResults, tmp_path: Path
) -> None:
    card = tmp_path / "README.md"
    other = "model-index:\n- name: mine\n  results:\n  - task:\n      type: text-classification\n    dataset:\n"
    other += "      name: x\n      type: x\n    metrics:\n    - type: f1\n      value: 0.5\n"
    card.write_text(f"---\nlicense: mit\n{other}---\n\n# My model\n", encoding="utf-8")
    for _ in range(2):  # the second time it replaces its own metrics
        done = robench(*command, "--model-card", card)
        assert done.exit_code == 0 and str(card) in done.stdout
    read = ModelCard.load(card)
    assert read.text == "\n# My model\n" and read.data.license == "mit" and read.data.model_name == "mine"
    results = read.data.eval_results or []
    assert (results[0].metric_type, results[0].metric_value) == ("f1", 0.5)
    ours = {one.metric_name: one for one in results[1:]}
    assert len(results) == 5 and ours["Accuracy on clean texts"].metric_value == 1.0
    worst = ours["Accuracy under every attack"]
    assert worst.metric_value == pytest.approx(accuracy(found) / 100, abs=1e-4)
    assert worst.dataset_type == "mr" and worst.dataset_split == "test"
    assert worst.metric_args is not None and worst.metric_args["samples"] == 12
    low, high = worst.metric_args["interval"]
    assert low < worst.metric_value < high


def test_model_card_without_a_file_is_made(found: ModelResults, tmp_path: Path) -> None:
    write_evaluation(tmp_path / "new" / "README.md", [found])
    whole = (tmp_path / "new" / "README.md").read_text(encoding="utf-8")
    assert whole.startswith("---\nmodel-index:\n") and whole.count("---\n") == 2 and whole.endswith("---\n")
    read = ModelCard.load(tmp_path / "new" / "README.md")
    assert read.data.model_name == "count"
    assert [one.metric_value for one in read.data.eval_results or []] == [m.metric_value for m in make_metrics(found)]


@pytest.mark.parametrize("head", ["", "---\n---\n", "---\n\n---\n"])
def test_model_card_of_a_file_without_metadata_gets_one_head(found: ModelResults, tmp_path: Path, head: str) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"{head}# My model\n\nText.\n", encoding="utf-8")
    write_evaluation(card, [found])
    whole = card.read_text(encoding="utf-8")
    assert whole.count("---\n") == 2 and whole.endswith("\n---\n# My model\n\nText.\n")


def on_rows(found: ModelResults, task: str, source: str, digest: str, split: str = "test") -> ModelResults:
    """The same numbers, as if they were of other rows."""
    data = DataInfo(source=source, digest=digest)
    infos = [msgspec.structs.replace(cell.info, task=task, data=data, split=split) for cell in found.cells]
    pairs = zip(found.cells, infos, strict=True)
    return ModelResults(found.store, [dataclasses.replace(cell, info=info) for cell, info in pairs])


def test_group_results_separates_data_sets_of_one_name(found: ModelResults) -> None:
    other = on_rows(found, TASK, "local:/elsewhere", "d" * 64)
    grouped = group_results(StoreOptions(runs=found.store.root), [*found.cells, *other.cells])
    assert [list(one.cells) for one in grouped] == [list(found.cells), list(other.cells)]


def test_strength_that_is_not_known_is_not_less(found: ModelResults, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = ModelResults(found.store, found.cells)
    unknown.__dict__["worst"] = dataclasses.replace(found.worst, value=None, least=None)
    with pytest.raises(typer.Exit):
        check_strength([unknown], 40)
    assert capsys.readouterr().err.strip().endswith("had no text in common.")


@pytest.mark.parametrize(("limit", "code"), [(60, 0), (60.5, TOO_WEAK)])
def test_fail_under_counts_texts_that_ended_in_an_error_as_wrong(
    store: Store, capsys: pytest.CaptureFixture[str], limit: float, code: int
) -> None:
    """All 12 texts without an error hold; the model may have crashed on just the 8 that would have fooled it."""
    model = ModelResults(store, [add_cell(store, "mine", "pwws", 12, n=20, errors=8, clean=(18, 20))])
    ended = 0
    try:
        check_strength([model], limit)
    except typer.Exit as ending:
        ended = ending.exit_code
    told = capsys.readouterr().err.strip()
    assert ended == code
    if code:
        assert told.startswith("robench: mine: 100.0 % of 20 texts of trec withstand pwws (95 % interval ")
        assert told.endswith(
            "; 8 of 20 cases, in which an attack ended in an error, are left out; if they count as wrong it is 60.0 %,"
            " less than --fail-under 60.5. --retry-errors attacks what ended in an error again."
        )
    else:
        assert told == (
            "note: --fail-under is met, with a warning: 8 of 20 texts ended in an error. --retry-errors attacks what"
            " ended in an error again."
        )


SHA = "0123456789abcdef0123456789abcdef01234567"


def test_model_card_names_configuration_and_split_on_the_hub(found: ModelResults, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    glue = [("glue-sst2", f"hf:nyu/glue@{SHA}/sst2:validation"), ("glue-cola", f"hf:nyu/glue@{SHA}/cola:validation")]
    for task, source in [*glue, glue[0]]:  # the third time it replaces the first
        write_evaluation(card, [on_rows(found, task, source, task)])
    read = ModelCard.load(card).data.eval_results or []
    places = {(m.dataset_type, m.dataset_config, m.dataset_split, m.dataset_revision) for m in read}
    assert places == {("nyu/glue", config, "validation", SHA) for config in ("sst2", "cola")}
    assert len(read) == 2 * len(make_metrics(found))


def test_model_card_keeps_what_is_known_of_other_rows_of_the_same_name(found: ModelResults, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    for digest, split in (("a", "test"), ("b", "test"), ("b", "dev"), ("b", "test")):
        write_evaluation(card, [on_rows(found, "films", f"local:/{digest}/films.tsv", digest, split)])
    assert len(ModelCard.load(card).data.eval_results or []) == 3 * len(make_metrics(found))


def test_model_card_names_the_split_of_a_task_as_the_hub_does(found: ModelResults) -> None:
    for split, name in (("test", "test"), ("dev", "validation")):
        metrics = make_metrics(on_rows(found, "sst2", f"hub:SetFit/sst2@{SHA}", "d", split))
        places = {(m.dataset_type, m.dataset_config, m.dataset_split, m.dataset_revision) for m in metrics}
        assert places == {("SetFit/sst2", None, name, SHA)}


@pytest.mark.parametrize("head", ["---\n[1]\n---\n", "---\na: [\n---\n", "---\nmodel-index: 3\n---\n"])
def test_model_card_with_another_head_is_refused(command: list[str], tmp_path: Path, head: str) -> None:
    card = tmp_path / "README.md"
    card.write_text(head, encoding="utf-8")
    assert re.search(r"--model-card .*README.md begins with a head", told(robench(*command, "--model-card", card)))
    assert card.read_text(encoding="utf-8") == head
