"""Models that a user gives: attacked like trained ones, tried before, refused where they cannot be used."""

from __future__ import annotations

import json
import math
import re
import shlex
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from robench import RobenchError
from robench.api import attack_model
from robench.report.tables import accuracy_table
from robench.results.info import CellInfo, ModelInfo
from robench.results.info_parts import Clean
from robench.results.store import Store
from robench.victims import find_victim
from support import tiny
from support.processes import Processes
from support.refusals import told
from support.runs import TEXTS, attacked, cells, comparable, everything, lines, snapshot
from support.tiny_job import TASK, VERDICTS, TinyJob, robench, write_data

COUNTING = f'''
"""Counts the words that decide; 1.5 for the good ones, so that a text without any is negative."""
import numpy, random, torch
BAD, GOOD = {VERDICTS!r}

def scores(texts):
    words = [text.lower().split() for text in texts]
    return [[sum(w in BAD for w in ws) + 0.25, 1.5 * sum(w in GOOD for w in ws)] for ws in words]

def arrays(texts):
    return numpy.array(scores(texts))

def tensors(texts):
    return torch.tensor(scores(texts), requires_grad=True)

def rows(texts):
    return [torch.tensor(row) for row in scores(texts)]

def probabilities(texts):
    return torch.tensor(scores(texts)).softmax(-1)

def certain(texts):
    return [[1.0, 0.0] if bad > good else [0.0, 1.0] for bad, good in scores(texts)]

def at_random(texts):
    return [[bad + random.random() / 10, good] for bad, good in scores(texts)]

def in_company(texts):
    return [[bad + len(texts) / 1000, good] for bad, good in scores(texts)]

def backwards(texts):
    return [row[::-1] for row in scores(texts)]

def hopeless(texts):
    return [[1.0 - i % 2, i % 2] for i, _ in enumerate(texts)]

def one_class(texts):
    return [row[:1] for row in scores(texts)]

def flat(texts):
    return [row[0] for row in scores(texts)]

def too_few(texts):
    return scores(texts)[1:]

def ragged(texts):
    return [row[: 1 + i % 2] for i, row in enumerate(scores(texts))]

def pipeline(texts):
    return [{{"label": "negative", "score": 0.5}} for _ in texts]

def nothing(texts):
    pass

def not_finite(texts):
    return [[bad, float("nan")] for bad, _ in scores(texts)]

def fails(texts):
    raise KeyError("no such word")

def exits(texts):
    raise SystemExit("bye")

def fails_later(texts):
    if any("day" not in text for text in texts):
        raise ValueError("what day?")
    return scores(texts)

class Scorer:
    def __init__(self):
        self.asked = 0
    def __call__(self, texts):
        return scores(texts)
    def score(self, texts):
        return scores(texts)

scorer = Scorer()
number = 3
'''


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with the module ``counting``."""
    folder = tmp_path_factory.mktemp("counting")
    (folder / "counting.py").write_text(COUNTING, encoding="utf-8")
    (folder / "broken_import.py").write_text("import json, no_such_thing\n", encoding="utf-8")
    (folder / "broken_code.py").write_text("x = 1 / 0\n", encoding="utf-8")
    (folder / "broken_exit.py").write_text("import sys\nsys.exit('usage: ...')\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture
def options(tiny_job: TinyJob, tmp_path: Path) -> list[str]:
    """What every command here has in common."""
    fixed = ["--task", TASK, "--data", tiny_job.data, "--preset", "quick", "--offline", "--runs", tmp_path / "runs"]
    return [*map(str, fixed), "--attack", "pwws"]


def test_a_function_gets_a_cell_a_row_and_a_page(counting: Path, options: list[str], tmp_path: Path) -> None:
    done = robench("attack", "--model", "counting:scores", "--name", "count+1", *options)
    assert done.exit_code == 0, done.output
    assert "warning" not in done.stderr
    ((key, cell),) = cells(tmp_path / "runs").items()
    assert key == ("count+1", "pwws") and cell.info.warnings == ()
    assert cell.info.clean == Clean(correct=16, n=16, majority=8)
    found = attacked(cell)
    assert {record.status for record in found} == {"succeeded", "failed"}
    for record in found:
        bad, good = (sum(w in group for w in record.final.lower().split()) for group in VERDICTS)
        (expected,) = [1 / (1 + math.exp(1.5 * good - bad - 0.25))]
        assert record.probabilities_after == pytest.approx([expected, 1 - expected])
    shown = robench("table", "5", "--runs", tmp_path / "runs").stdout
    assert re.search(r"count\+1 +100\.0 +\d+\.\d", shown), shown
    page = robench("show", cell.key, "--runs", tmp_path / "runs").stdout
    assert "counting:scores (Python function)" in page
    assert "your own model" in robench("show", cell.info.model, "--runs", tmp_path / "runs").stdout


def test_a_second_run_makes_nothing(counting: Path, options: list[str], tmp_path: Path) -> None:
    assert robench("attack", "--model", "counting:scores", *options).exit_code == 0
    before = snapshot(tmp_path / "runs")
    planned = robench("attack", "--model", "counting:scores", *options, "--dry-run")
    assert "nothing to do" in planned.stdout
    again = robench("attack", "--model", "counting:scores", "--name", "other", *options)
    assert again.exit_code == 0 and "[1/" not in again.stderr
    assert "the same model was attacked before as scores, and keeps that name" in again.stderr
    assert snapshot(tmp_path / "runs") == before


def test_a_plan_goes_by_the_pace_of_the_same_model(counting: Path, options: list[str], tmp_path: Path) -> None:
    assert robench("attack", "--model", "counting:scores", *options).exit_code == 0
    for kind, unit in (("models", "texts"), ("cells", "examples")):
        (file,) = (tmp_path / "runs").glob(f"{kind}/*/stage.json")
        info = json.loads(file.read_bytes())
        assert info["timing"][unit] == 16
        file.write_text(json.dumps(info | {"timing": {"seconds": 32.0, unit: 16}}), encoding="utf-8")
    again = robench("attack", "--model", "counting:scores", *options, "--dry-run", "--existing", "always")
    assert re.search(r"2 stages to do, about 1 min", again.stdout), again.stdout


def test_the_commands_of_a_table_make_its_missing_cells(counting: Path, options: list[str], tmp_path: Path) -> None:
    runs, given = tmp_path / "runs", [word for word in options if word not in ("--attack", "pwws")]
    command = ["attack", "--model", "counting:scores", "--name", "count", "--version", "2", *given]
    for attack, seed in (("pwws", "1"), ("deepwordbug", "2")):
        assert robench(*command, "--attack", attack, "--seed", seed, "--attack-limit", "4").exit_code == 0
    table = accuracy_table(Store(runs).stages(CellInfo), command_options=["--runs", str(runs)])
    assert len(table.commands) == 2
    for line in table.commands:
        done = robench(*shlex.split(line)[1:], "--offline")
        assert done.exit_code == 0, done.output
    found = Store(runs).stages(CellInfo)
    assert len(found) == 4 and len(Store(runs).stages(ModelInfo)) == 1 and not accuracy_table(found).commands


def test_a_dry_run_leaves_nothing(counting: Path, options: list[str], tmp_path: Path) -> None:
    done = robench("attack", "--model", "counting:scores", *options, "--dry-run")
    assert done.exit_code == 0 and "unknown" in done.stdout
    assert re.search(r"check scores on the test texts of mr +16 test texts +to do", done.stdout)
    assert re.search(r"attack scores on mr with pwws, seed 42 +16 texts +to do", done.stdout)
    assert not (tmp_path / "runs").exists()
    assert "none of these cells is in" in told(
        robench("attack", "--model", "counting:scores", *options, "--existing", "only-cache")
    )


@pytest.mark.parametrize("function", ["arrays", "tensors", "rows", "scorer", "scorer.score", "probabilities"])
def test_scores_come_in_many_forms(function: str, counting: Path, options: list[str], tmp_path: Path) -> None:
    for name in ("scores", function):
        assert robench("attack", "--model", f"counting:{name}", *options).exit_code == 0
    found = cells(tmp_path / "runs")
    name = function.rpartition(".")[2]
    assert comparable(attacked(found[name, "pwws"])) == comparable(attacked(found["scores", "pwws"]))


WARNINGS = [
    ("probabilities", "its scores are probabilities"),
    ("certain", "its scores are probabilities"),
    ("at_random", "the same text gets different scores when it is scored twice"),
    ("in_company", "depend on the texts beside it in the batch"),
]


@pytest.mark.parametrize(("function", "sentence"), WARNINGS)
def test_what_misleads_is_told_stored_and_shown(
    function: str, sentence: str, counting: Path, options: list[str], tmp_path: Path
) -> None:
    done = robench("attack", "--model", f"counting:{function}", *options)
    assert done.exit_code == 0 and re.search(f"    warning: .*{sentence}", done.stderr), done.output
    (cell,) = cells(tmp_path / "runs").values()
    (warning,) = cell.info.warnings
    assert sentence in warning
    assert sentence[:20] in robench("show", cell.key, "--runs", tmp_path / "runs").stdout
    again = robench("attack", "--model", f"counting:{function}", *options)
    assert warning in again.stderr, "a cached result has its warning, too"
    assert all(math.isfinite(p) for record in attacked(cell) for p in record.probabilities_after)


REFUSED = [
    (
        "backwards",
        r"has 0\.0% of 16 test texts right, fewer than by chance \(50\.0%\): --label-order 1,0 would give 100\.0%",
    ),
    ("one_class", r"gives 1 scores per text; the task has 2 labels \(negative, positive\)"),
    ("flat", r"an array of shape \(16,\) for 16 texts; it should return a row of scores for each text"),
    ("too_few", r"an array of shape \(15, 2\) for 16 texts"),
    ("ragged", r"returned a list that is no table of numbers"),
    ("pipeline", r"returned a list that is no table of numbers"),
    ("nothing", r"returned a NoneType that is no table of numbers"),
    ("not_finite", r"returned NaN or infinity for '"),
    ("fails", r"failed on 16 texts, the first '.*': KeyError: 'no such word'"),
    ("exits", r"failed on 16 texts, the first '.*': SystemExit: bye"),
    ("fails_later", r"counting:fails_later failed on \d+ texts, the first '.*': ValueError: what day\?"),
    ("number", r"number is a int and cannot be called|number is an int"),
    ("Scorer", r"Scorer is a class; name a function, or an instance"),
    ("no_such", r"the module counting has no no_such"),
    ("scorer.no_such", r"the module counting has no scorer\.no_such"),
]


@pytest.mark.parametrize(("function", "sentence"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_function_that_cannot_be_attacked_is_refused(
    function: str, sentence: str, counting: Path, options: list[str], tmp_path: Path
) -> None:
    assert re.search(sentence, told(robench("attack", "--model", f"counting:{function}", *options)))
    assert not cells(tmp_path / "runs")


OPTIONS: list[tuple[list[str], str]] = [
    (["--model", "counting.py:scores"], r"write the module without \.py, as in counting:scores"),
    (["--model", "no_such_module:f"], r"there is no module no_such_module in /"),
    (["--model", "counting.sub:f"], r"there is no module counting\.sub|importing counting\.sub failed"),
    (
        ["--model", "broken_import:f"],
        r"importing broken_import failed: ModuleNotFoundError: No module named 'no_such_th",
    ),
    (["--model", "broken_code:f"], r"importing broken_code failed: ZeroDivisionError: division by zero"),
    (["--model", "broken_exit:f"], r"importing broken_exit failed: SystemExit: usage"),
    (["--model", "./nowhere"], r"the folder \./nowhere does not exist"),
    (["--model", "~nobody_at_all/x"], r"home folder in ~nobody_at_all/x is not known"),
    (["--model", "some-one/no-such-model"], r"is not in the Hub's cache on this machine and --offline is set"),
    (["--model", "no such model"], r"is neither a folder nor module:function nor a model of the Hub"),
    (["--model", "."], r"the folder \. has no config\.json"),
    (["--label-order", "1"], r"--label-order 1: for each of negative, positive it takes the model's column"),
    (["--label-order", "0,0"], r"--label-order 0,0: for each of"),
    (["--label-order", "a,b"], r"--label-order a,b: whole numbers"),
    (["--max-length", "20"], r"--max-length is for models that robench runs itself"),
    (["--precision", "bf16"], r"--precision is for models that robench runs itself"),
    (["--set", "taichi.temperature=1"], r"unknown attack 'taichi'"),
    (["--set", "training.epochs=1"], r"unknown attack 'training'"),
    (["--set", "pwws.nonsense=1"], r"unknown option of pwws 'nonsense'"),
    (["--set", "deepwordbug.nonsense=1"], r"unknown option of deepwordbug 'nonsense'"),
    (["--set", "pwwws.query_budget=1"], r"unknown defense or attack 'pwwws'"),
    (["--name", "base"], r"--name base is the name of a defense"),
    (["--name", "a b"], r"--name 'a b': a name has up to 60"),
    (["--attack", "pwwws"], r"unknown attack 'pwwws'"),
    (["--task", "mrr"], r"unknown task 'mrr'"),
    (["--attack-limit", "0"], r"--attack-limit 0 leaves nothing"),
]


@pytest.mark.parametrize(("more", "sentence"), OPTIONS, ids=[" ".join(case[0]) for case in OPTIONS])
def test_an_option_that_cannot_be_is_refused(
    more: list[str], sentence: str, counting: Path, options: list[str], tmp_path: Path
) -> None:
    given = [word for word in options if word not in ("--attack", "pwws")]
    attack = [] if "--attack" in more else ["--attack", "pwws"]
    model = [] if "--model" in more else ["--model", "counting:scores"]
    assert re.search(sentence, told(robench("attack", *model, *given, *attack, *more)))
    assert not (tmp_path / "runs" / "cells").exists()


def test_a_function_whose_weights_changed_is_not_mistaken_for_what_it_was(
    counting: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["attack", "--model", "counting:scores", *options]
    assert robench(*command).exit_code == 0
    import counting as module  # type: ignore[import-not-found]

    monkeypatch.setattr(module, "GOOD", ("superb",))
    before = snapshot(tmp_path / "runs")
    assert "does not score the test texts as it did" in told(robench(*command))
    assert snapshot(tmp_path / "runs") == before
    assert robench(*command, "--version", "2").exit_code == 0
    assert len(Store(tmp_path / "runs").stages(ModelInfo)) == 2


def given(model: Any, tiny_job: TinyJob, tmp_path: Path, **more: Any) -> Any:
    fixed: dict[str, Any] = {"task": TASK, "attack": "pwws", "data": tiny_job.data, "preset": "quick", "offline": True}
    return attack_model(model, **fixed | more, runs=tmp_path / "runs", attack_limit=4, progress=False)


def by_ending(texts: Sequence[str]) -> Any:
    """Knows the classes by the number of the day."""
    days = [int(match.group(1)) if (match := re.search(r"day (\d+)", text)) else 0 for text in texts]
    return np.array([[1.0, 0.0] if day % 2 == 0 else [0.0, 2.0] for day in days])


def test_attacks_on_one_model_share_what_it_says(tiny_job: TinyJob, tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    def counting(texts: Sequence[str]) -> Any:
        asked.update(texts)
        return by_ending(texts)

    given(counting, tiny_job, tmp_path, attack=["pwws", "deepwordbug"])
    test = {line.split("\t")[0] for line in (tiny_job.data / TASK / "test.tsv").read_text("utf-8").splitlines()}
    searched = {text: times for text, times in asked.items() if text not in test}
    both = [text for text in searched if "[UNK]" in text]  # the words' saliency, which both attacks ask for
    assert both and len(searched) > len(both)
    assert set(searched.values()) == {1}


def test_a_function_in_memory_is_a_model_too(tiny_job: TinyJob, tmp_path: Path) -> None:
    found = given(by_ending, tiny_job, tmp_path)
    assert found[["defense", "clean_accuracy", "encoder"]].values.tolist() == [["by_ending", 1.0, "its own"]]
    with pytest.raises(RobenchError, match=r"a model is a folder, a Hub id, .* not a int"):
        given(3, tiny_job, tmp_path)
    with pytest.raises(RobenchError, match=r"a pair is a Transformers model and its tokenizer, not a str and a int"):
        given(("a", 3), tiny_job, tmp_path)
    with pytest.raises(RobenchError, match=r"a BertModel does not read texts: give a pair of it and its tokenizer"):
        given(tiny.encoder(), tiny_job, tmp_path)
    with pytest.raises(RobenchError, match="does not exist"):
        given(tmp_path / "nowhere", tiny_job, tmp_path)


def test_two_functions_of_one_source_are_not_taken_for_each_other(tiny_job: TinyJob, tmp_path: Path) -> None:
    for sharpness in (1.0, 3.0):

        def scores(texts: list[str], sharpness: float = sharpness) -> Any:
            return sharpness * by_ending(texts)

        if sharpness == 1.0:
            given(scores, tiny_job, tmp_path)
            continue
        with pytest.raises(RobenchError, match=r"does not score the test texts as it did when mr-scores-\w+ was"):
            given(scores, tiny_job, tmp_path)
        given(scores, tiny_job, tmp_path, version="sharp")


def test_a_function_that_was_typed_in_needs_a_version(tiny_job: TinyJob, tmp_path: Path) -> None:
    space: dict[str, Any] = {"by_ending": by_ending, "__name__": "typed"}
    exec("def typed_in(texts):\n    return by_ending(texts)", space)
    with pytest.raises(RobenchError, match=r"typed_in has no source file.*--version TEXT"):
        given(space["typed_in"], tiny_job, tmp_path)
    assert len(given(space["typed_in"], tiny_job, tmp_path, version="1")) == 1
    one, two = (find_victim(space["typed_in"], version=version).digest for version in "12")
    assert one != two


def test_a_digest_follows_the_source_and_the_name(counting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_victim("counting:scores").digest
    assert find_victim("counting:arrays").digest != first == find_victim("counting:scores").digest
    assert find_victim("counting:scores", version="2").digest != first
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, **_: "another source")
    assert find_victim("counting:scores").digest != first


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [(signal.SIGINT, 130, "continues from there"), (signal.SIGKILL, -9, "")],
    ids=["interrupted", "killed"],
)
def test_an_attack_stopped_in_the_middle_goes_on_where_it_stopped(
    number: signal.Signals,
    code: int,
    sentence: str,
    processes: Processes,
    counting: Path,
    tmp_path: Path,
) -> None:
    data = write_data(tmp_path / "data", train=4, dev=4, test=TEXTS)
    fixed = ["attack", "--model", "counting:scores", "--task", TASK, "--data", data, "--preset", "quick", "--offline"]
    fixed += ["--attack", "pwws", "--attack-limit", TEXTS, "--runs"]
    runs = tmp_path / "runs"
    started = processes.start(*fixed, runs, folder=counting)
    assert started.signal_when(lambda: lines(runs) >= TEXTS // 10, number) == code
    assert sentence in started.stderr and "Traceback" not in started.stderr
    assert TEXTS // 10 <= lines(runs) < TEXTS and not Store(runs).stages(CellInfo)
    again = robench(*fixed, runs)
    assert again.exit_code == 0 and "[1/1] attack" in again.stderr, again.output
    assert robench(*fixed, tmp_path / "undisturbed").exit_code == 0
    assert everything(runs) == everything(tmp_path / "undisturbed")


def test_training_mode_is_told(tiny_job: TinyJob, tmp_path: Path) -> None:
    network = nn.Linear(2, 2)

    def scores(texts: Sequence[str]) -> Any:
        assert network.training
        return by_ending(texts)

    given(scores, tiny_job, tmp_path)
    (cell,) = cells(tmp_path / "runs").values()
    (warning,) = cell.info.warnings
    assert warning.startswith("Linear is in training mode")


def test_a_text_meets_the_same_function_alone_and_in_company(tiny_job: TinyJob, tmp_path: Path) -> None:
    """However many texts are asked about, a function sees lists of strings, 32 at most, and each row finds its text."""
    seen: list[int] = []

    def scores(texts: list[str]) -> Any:
        assert type(texts) is list and {type(text) for text in texts} == {str}
        seen.append(len(texts))
        return by_ending(texts)

    job = replace(tiny_job, data=write_data(tmp_path / "data", train=4, dev=2, test=70))
    assert given(scores, job, tmp_path)["clean_accuracy"].tolist() == [1.0]
    assert max(seen) == 32
