"""`robench run --table N` and `--figure N`: exactly the cells that are needed, and what is shown of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.report.reproduce import Target
from robench.results import papers
from robench.results.info import StatisticsInfo
from robench.results.store import Store
from robench.study.options import runs_options
from robench.study.request import Request
from support.tiny_job import TinyJob, robench


@pytest.mark.parametrize(
    ("target", "given", "tasks", "defenses", "attacks"),
    [
        ({"table": "4"}, {}, ["sst2"], ["base", "base-adv", "base-adv-soft"], ["pwws"]),
        ({"table": "5"}, {"task": ["mr"], "attack": ["pwws"]}, ["mr"], None, ["pwws"]),
        ({"table": "5"}, {"defense": ["base"]}, ["sst2", "trec", "ag"], ["base"], list(papers.find_paper().attacks)),
        ({"figure": "1"}, {}, ["sst2"], ["base"], ["pwws"]),
        ({}, {"task": ["bbc"], "defense": ["ada"], "attack": ["pwws"]}, ["bbc"], ["ada"], ["pwws"]),
    ],
)
def test_a_target_names_what_it_needs_and_options_narrow_it(
    target: dict[str, str],
    given: dict[str, Any],
    tasks: list[str],
    defenses: list[str] | None,
    attacks: list[str],
) -> None:
    named = Target.named(table=target.get("table"), figure=target.get("figure"))
    (request,) = named.requests(Request(**{"defense": (), "task": (), **given}))
    assert list(request.tasks) == tasks and list(request.attacks) == attacks
    paper = ["base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi"]
    assert list(request.defenses) == (defenses or paper)


def test_correlations_need_statistics_of_all_models_under_all_attacks() -> None:
    (request,) = Target.named(table="correlation").requests(Request(defense=(), task=("trec",)))
    assert request.statistics and request.crossed and len(request.defenses) == 7 and len(request.attacks) == 4


def test_table_6_is_run_for_each_of_the_papers_encoders() -> None:
    requests = Target.named(table="6").requests(Request(defense=(), task=()))
    assert [request.encoder for request in requests] == ["bert-large-uncased", "microsoft/deberta-base"]
    one = Target.named(table="6").requests(Request(defense=(), task=(), encoder="minilm"))
    assert [request.encoder for request in one] == ["minilm"]


@pytest.mark.parametrize(
    ("table", "figure", "message"),
    [
        ("5", "1", "exclude each other"),
        ("2", None, "nothing has to be run for table 2; `robench table 2` shows it"),
        ("3", None, "nothing"),
        ("8", None, "unknown table '8'"),
        (None, "3", "drawings"),
    ],
)
def test_targets_that_are_none_are_refused(table: str | None, figure: str | None, message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        Target.named(table=table, figure=figure)


def test_table_7_is_run_measured_and_shown(tiny_job: TinyJob, tmp_path: Path) -> None:
    few = ("--train-limit", "8", "--attack-limit", "6", "--set", "training.epochs=1")
    result = robench(*tiny_job.command(tmp_path, "--table", "7", *few, defense="base,clean", attack="deepwordbug"))
    assert result.exit_code == 0, result.output
    stored = Store(tmp_path).stages(StatisticsInfo)
    assert sorted(stage.info.defense.name for stage in stored) == ["base", "before", "clean"]
    assert "Table 7" in result.output and "before" in result.output


@pytest.mark.parametrize(("target", "named"), [({"table": "5"}, "table 5"), ({"figure": "4"}, "figure 4")])
def test_a_target_says_which_preset_it_takes_and_how_to_take_another(target: dict[str, str], named: str) -> None:
    line = Target.named(**target).describe_preset("laptop")
    assert line.startswith(f"{named} with the preset laptop: a real study on a CPU")
    assert line.endswith("--preset takes another: quick and paper.")


def test_a_run_without_a_target_says_nothing_of_the_preset() -> None:
    assert Target().describe_preset("laptop") == ""


def test_what_to_do_next_finds_the_runs_folder() -> None:
    assert Target().describe_next([]) == "`robench table 5` shows all, `robench show CELL` one of them"
    assert (
        Target().describe_next(["--runs", "my runs"])
        == "`robench table 5 --runs 'my runs'` shows all, `robench show CELL --runs 'my runs'` one of them"
    )
    assert Target.named(figure="5").describe_next(["--runs", "r"]) == "`robench figure 5 --runs r` draws them"


def test_commands_name_the_runs_folder_unless_they_find_it_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBENCH_RUNS", raising=False)
    assert runs_options("runs") == [] and runs_options("other") == ["--runs", "other"]
    monkeypatch.setenv("ROBENCH_RUNS", "other")
    assert runs_options("runs") == ["--runs", "runs"] and runs_options("other") == []


def test_run_of_a_table_names_its_preset_first(tmp_path: Path) -> None:
    done = robench("run", "--table", "5", "--encoder", tmp_path / "none", "--runs", tmp_path / "runs", "--dry-run")
    assert done.exit_code == 2 and done.stderr.startswith("table 5 with the preset laptop: ")
