"""The example of a classifier behind HTTP, on a server that is slow, fails, and limits the rate."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.classifier_server import ClassifierServer, serve
from support.refusals import told
from support.runs import attacked, cells, comparable
from support.tiny_job import TASK, TinyJob, robench

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClassifierServer]:
    with serve() as server:
        server.key = "sk-secret-of-this-test"
        monkeypatch.setenv("VICTIM_URL", server.url)
        monkeypatch.setenv("VICTIM_KEY", server.key)
        monkeypatch.chdir(EXAMPLES)
        yield server
    sys.modules.pop("http_victim", None)


def command(tiny_job: TinyJob, runs: Path, *more: str, function: str = "scores") -> list[object]:
    return [
        *("attack", "--model", f"http_victim:{function}", "--task", TASK, "--data", tiny_job.data, "--preset", "quick"),
        *("--attack", "deepwordbug", "--attack-limit", "4", "--offline", "--runs", runs, "--concurrency", "4", *more),
    ]


@pytest.mark.slow
def test_the_example_attacks_a_server_that_fails_and_limits_the_rate(
    server: ClassifierServer, tiny_job: TinyJob, tmp_path: Path
) -> None:
    calm = robench(*command(tiny_job, tmp_path / "calm"))
    assert calm.exit_code == 0, calm.output
    server.delay, server.fail_every, server.rate = 0.002, 10, 12
    server.answered.clear()
    done = robench(*command(tiny_job, tmp_path / "shaky", "--texts-per-call", "4"))
    assert done.exit_code == 0, done.output
    assert server.failed and server.refused and server.most > 1
    (expected,), (found,) = (list(cells(tmp_path / name).values()) for name in ("calm", "shaky"))
    assert comparable(attacked(found)) == comparable(attacked(expected))
    assert "texts to send to http_victim:scores: about" in done.stderr
    assert "up to 316 for checks and clean accuracy" in done.stderr  # 16 test texts, and 300
    assert "texts for http_victim:scores:" in done.stderr and " sent" in done.stderr
    stored = [path.read_bytes() for path in (tmp_path / "shaky").rglob("*") if path.is_file()]
    assert stored and not any(server.key.encode() in content for content in stored)


def test_a_run_that_ends_at_its_limit_goes_on_and_pays_for_no_text_twice(
    server: ClassifierServer, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    limited = command(tiny_job, runs, "--max-queries", "70", function="scores_async")
    ends = 0
    while "--max-queries 70: 70 texts were sent" in (done := robench(*limited)).stderr:
        assert done.exit_code == 2 and "the same command goes on from there" in told(done)
        ends += 1
    assert done.exit_code == 0, done.output
    assert ends >= 2
    ((_, cell),) = cells(runs).items()
    tests = (tiny_job.data / TASK / "test.tsv").read_text(encoding="utf-8")
    attacked_texts = {text: count for text, count in server.answered.items() if text not in tests}
    assert len(attacked_texts) > 70 and set(attacked_texts.values()) == {1}
    before = server.calls
    again = robench(*limited)
    assert again.exit_code == 0 and server.calls - before <= 4  # 8 texts, by which a changed model is noticed
    assert len(attacked(cell)) == 4
    anew = robench(*command(tiny_job, runs, "--existing", "always", function="scores_async"))
    assert anew.exit_code == 0, anew.output
    assert {server.answered[text] for text in attacked_texts} == {2}
    assert [path.suffixes for path in (runs / "answers").iterdir()] == [[".sqlite"]]


def test_a_server_that_goes_down_ends_the_run_and_no_text_is_to_blame(
    server: ClassifierServer, tiny_job: TinyJob, tmp_path: Path
) -> None:
    words = command(tiny_job, tmp_path / "runs", "--retries", "0")
    server.down_after = 30
    down = robench(*words)
    assert down.exit_code == 2 and "the same command goes on from there" in told(down), down.output
    server.down_after = 0
    assert robench(*words).exit_code == 0
    ((_, cell),) = cells(tmp_path / "runs").items()
    assert len(attacked(cell)) == 4 and all(record.status != "error" for record in attacked(cell))


def test_a_server_that_is_down_when_always_goes_on_costs_nothing_of_what_was_made_again(
    server: ClassifierServer, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    assert robench(*command(tiny_job, runs)).exit_code == 0
    always = command(tiny_job, runs, "--existing", "always", "--retries", "0")
    server.answered.clear()
    server.down_after = server.calls + 30
    assert robench(*always).exit_code == 2
    (notes,), (answers,) = runs.glob(".redo/*.keys"), runs.glob("answers/*.again.sqlite")
    made, paid = notes.read_bytes(), answers.stat().st_ino
    for key in ("wrong", server.key):  # it lets nobody in, and then it is down
        monkeypatch.setenv("VICTIM_KEY", key)
        assert robench(*always).exit_code == 2
        assert notes.read_bytes() == made and answers.stat().st_ino == paid
    server.down_after = 0
    assert robench(*always).exit_code == 0
    tests = (tiny_job.data / TASK / "test.tsv").read_text(encoding="utf-8")
    assert {count for text, count in server.answered.items() if text not in tests} == {1}
