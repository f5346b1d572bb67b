"""What misleads about a user's function is told; what cannot be attacked is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from support.refusals import told
from support.runs import attacked, cells
from support.tiny_job import robench

WARNINGS = [
    ("probabilities", "the model's scores are probabilities"),
    ("percentages", "the model's scores are probabilities or percentages"),
    ("certain", "the model's scores are hard labels"),
    ("rounded", "the model's scores are rounded or saturated: in 7 of 8 texts"),
    ("at_random", "the same text gets different scores when it is scored twice"),
    ("in_company", "depend on the texts beside it in the batch"),
]


@pytest.mark.parametrize(("function", "sentence"), WARNINGS)
def test_a_misleading_function_is_warned_about_stored_and_shown(
    function: str, sentence: str, counting: Path, options: list[str], tmp_path: Path
) -> None:
    done = robench("attack", "--model", f"counting:{function}", *options)
    assert done.exit_code == 0 and re.search(f"warning: .*{sentence}", done.stderr), done.output
    (cell,) = cells(tmp_path / "runs").values()
    *others, warning = cell.info.warnings
    assert sentence in warning and len(others) == (function in ("certain", "rounded"))
    assert sentence in " ".join(done.stdout.split()), "the table has its warning"
    assert sentence[:20] in robench("show", cell.key, "--runs", tmp_path / "runs").stdout
    again = robench("attack", "--model", f"counting:{function}", *options)
    assert warning in again.stderr, "a cached result has its warning, too"
    assert all(math.isfinite(p) for record in attacked(cell) for p in record.probabilities_after)


REFUSED = [
    (
        "backwards",
        r"has 0\.0% of 16 test texts right, fewer than by chance \(50\.0%\): --label-order 1,0 would give 100\.0%",
    ),
    ("one_class", r"gives 1 score per text; the task has 2 labels \(negative, positive\)"),
    ("flat", r"an array of shape \(16,\) for 16 texts; it should return a row of scores for each text"),
    ("too_few", r"an array of shape \(15, 2\) for 16 texts"),
    ("ragged", r"returned a list that is no table of numbers"),
    ("pipeline", r"returned a list that is no table of numbers"),
    ("nothing", r"returned a NoneType that is no table of numbers"),
    ("not_finite", r"returned NaN or infinity for '"),
    ("fails", r"failed on 16 texts, the first '.*': line \d+: KeyError: 'no such word'"),
    ("exits", r"failed on 16 texts, the first '.*': line \d+: SystemExit: bye"),
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
    (["--model", "count.py:scores"], r"--model count\.py:scores: there is no file .*count\.py"),
    (["--model", "no_such_module:f"], r"there is no module no_such_module in /"),
    (["--model", "counting.sub:f"], r"there is no module counting\.sub|importing counting\.sub failed"),
    (
        ["--model", "broken_import:f"],
        r"importing broken_import failed: .*, line \d+: ModuleNotFoundError: No module named 'no_such_th",
    ),
    (["--model", "broken_code:f"], r"importing broken_code failed: .*, line \d+: ZeroDivisionError: division by zero"),
    (["--model", "broken_exit:f"], r"importing broken_exit failed: .*, line \d+: SystemExit: usage"),
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
    (["--precision", "native"], r"--precision is for models that robench runs itself"),
    (["--sigmoid"], r"--sigmoid is for a Transformers model with one logit; a function returns all scores itself"),
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
