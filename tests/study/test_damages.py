"""Every damage to a runs folder ends in the same numbers or in a named stage; a run makes all of it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support import damages
from support.damages import CELL, D_ADV, MODEL, OTHER_CELL, OTHER_D_ADV, OTHER_MODEL, Damage, edit, line, lines, stage
from support.runs import everything
from support.tiny_job import TinyJob, robench

UNFINISHED = damages.remove(f"{CELL}/stage.json")
TO_ATTACK = damages.remove("cells/mr-base-deepwordbug-*")
TO_TRAIN = damages.remove("models/mr-ada-pwws-*", "cells/mr-ada-pwws-*")
KEPT = (MODEL, "models/mr-ada-pwws-*", D_ADV, CELL, "cells/mr-base-deepwordbug-*", OTHER_CELL)


class Case(NamedTuple):
    """A damage.

    Attributes:
        damage: what happens to the folder.
        named: part of the name of the stage that is named; empty if nothing is, because all numbers stay.
        places: the number of things that the run sets aside.
        made: the number of stages that the run makes.
    """

    damage: Damage
    named: str
    places: int = 1
    made: int = 1


def torn(runs: Path) -> None:
    file = damages.one(runs, f"{CELL}/stage.json")
    file.write_bytes(file.read_bytes()[:200])


def zeros(runs: Path) -> None:
    file = damages.one(runs, f"{CELL}/stage.json")
    file.write_bytes(bytes(file.stat().st_size))


STAGE_FILE: dict[str, Case] = {
    "200 bytes": Case(torn, "base-pwws"),
    "NULs": Case(zeros, "base-pwws"),
    "a list": Case(damages.put(f"{CELL}/stage.json", b"[1]"), "base-pwws"),
    "nested deeply": Case(damages.put(f"{CELL}/stage.json", b"[" * 100_000), "base-pwws"),
    "a number of 5,000 digits": Case(damages.put(f"{CELL}/stage.json", b"9" * 5000), "base-pwws"),
    "UTF-16": Case(edit(f"{CELL}/stage.json", lambda b: b.decode().encode("utf-16")), "", 0, 0),
    "failed + 3": Case(
        stage(CELL, lambda v: v["attacked"].update(failed=(v["attacked"]["failed"] or 0) + 3)), "base-pwws"
    ),
    "correct of the cell": Case(stage(CELL, lambda v: v["clean"].update(correct=1)), "base-pwws"),
    "seed": Case(stage(CELL, lambda v: v["identity"].update(seed=7)), "base-pwws"),
    "attack": Case(stage(CELL, lambda v: v["identity"]["attack"].update(name="other")), "base-pwws"),
    "labels swapped": Case(stage(CELL, lambda v: v["labels"].reverse()), "base-pwws"),
    "another's with this key": Case(
        damages.together(
            damages.copy(f"{OTHER_CELL}/stage.json", f"{CELL}/stage.json"),
            lambda runs: stage(CELL, lambda v: v.update(key=damages.one(runs, CELL).name[-16:]))(runs),
        ),
        "base-pwws",
    ),
}
FINISHED: dict[str, Case] = {
    "half of its lines": Case(lines(CELL, lambda found: found[::2]), "base-pwws"),
    "empty": Case(damages.put(f"{CELL}/records.jsonl", b""), "base-pwws"),
    "another cell's": Case(damages.copy(f"{OTHER_CELL}/records.jsonl", f"{CELL}/records.jsonl"), "base-pwws", 2),
    "garbage": Case(edit(f"{CELL}/records.jsonl", lambda data: b"\xff" * len(data)), "base-pwws", 2),
    "two statuses exchanged": Case(edit(f"{CELL}/records.jsonl", damages.exchange_statuses), "base-pwws", 2),
    "a foreign id": Case(line(CELL, lambda v: v.update(id=99)), "base-pwws", 2),
    "all lines twice": Case(lines(CELL, lambda found: found * 2), "base-pwws"),
    "CRLF": Case(edit(f"{CELL}/records.jsonl", lambda data: data.replace(b"\n", b"\r\n")), "base-pwws"),
    "missing": Case(damages.remove(f"{CELL}/records.jsonl"), "base-pwws"),
}
INTERRUPTED: dict[str, Case] = {
    "NULs at the end": Case(edit(f"{CELL}/records.jsonl", lambda data: data + bytes(300)), "", 0),
    "NULs and more lines": Case(lines(CELL, lambda found: [*found[:4], bytes(300) + found[4], *found[5:]]), ""),
    "a torn line": Case(lines(CELL, lambda found: [*found[:4], found[4][:30] + found[5], *found[6:]]), ""),
    "another original text": Case(line(CELL, lambda v: v.update(original="it rained")), ""),
    "label 7 of 2": Case(line(CELL, lambda v: v.update(label=7)), ""),
    "succeeded unchanged": Case(line(CELL, lambda v: v.update(status="succeeded", final=v["original"])), ""),
    "all failed": Case(edit(f"{CELL}/records.jsonl", lambda d: d.replace(b'"succeeded"', b'"failed"')), ""),
    "probabilities": Case(line(CELL, lambda v: v.update(probabilities_before=[5, -3])), ""),
    "id 10**40": Case(line(CELL, lambda v: v.update(id=10**40)), ""),
    "another cell's": Case(damages.copy(f"{OTHER_CELL}/records.jsonl", f"{CELL}/records.jsonl"), ""),
    "two results of a row": Case(lines(CELL, damages.contradict), ""),
    "a digit": Case(lines(CELL, lambda found: [*found[:2], found[2].replace(b'"queries": ', b'"queries": 1')]), ""),
}
INTERRUPTED = {
    name: case._replace(damage=damages.together(case.damage, UNFINISHED)) for name, case in INTERRUPTED.items()
}
BESIDE: dict[str, Case] = {
    "correct of the model": Case(stage(MODEL, lambda v: v["clean"].update(correct=1)), "mr-base-seed42", 0, 0),
    "clean.jsonl all wrong": Case(edit(f"{MODEL}/clean.jsonl", damages.wrong), "mr-base-seed42", 0, 0),
    "training.jsonl binary": Case(damages.put(f"{MODEL}/training.jsonl", bytes(range(256))), "mr-base-seed42", 0, 0),
    "a folder without its key": Case(damages.rename(CELL, lambda name: "my best run"), "base-pwws", 0),
    "a folder of another key": Case(damages.rename(CELL, lambda name: f"{name[:-4]}0123"), "base-pwws", 0),
    "a folder of another label": Case(damages.rename(CELL, lambda name: f"x-{name[-16:]}"), "", 0, 0),
    "two of one key": Case(damages.twin, "base-pwws", 3),
    "an unrelated broken one": Case(stage(OTHER_CELL, lambda v: v.update(seed=7)), "ada-pwws", 0, 0),
}
MODELS: dict[str, Case] = {
    "a bit flipped": Case(edit(f"{MODEL}/model.safetensors", damages.flip_a_bit), "mr-base-seed42", 1, 2),
    "another's weights": Case(
        damages.copy(f"{OTHER_MODEL}/model.safetensors", f"{MODEL}/model.safetensors"), "mr-base-seed42", 1, 2
    ),
    "two words exchanged": Case(edit(f"{MODEL}/tokenizer.json", damages.swap_words), "mr-base-seed42", 1, 2),
    "relu for gelu": Case(
        edit(f"{MODEL}/config.json", lambda data: data.replace(b'"gelu"', b'"relu"')), "mr-base-seed42", 1, 2
    ),
}
TRAINING_SETS: dict[str, Case] = {
    "every text replaced": Case(
        lines(D_ADV, lambda found: [f.replace(b'"final": "', b'"final": "x') for f in found]), "mr-pwws", 2, 3
    ),
    "missing": Case(damages.remove(f"{D_ADV}/records.jsonl"), "mr-pwws", 1, 3),
    "a row lost": Case(lines(D_ADV, lambda found: found[1:]), "mr-pwws", 1, 3),
    "foreign rows": Case(damages.copy(f"{OTHER_D_ADV}/records.jsonl", f"{D_ADV}/records.jsonl"), "mr-pwws", 2, 3),
}


REPEATED = {
    *("NULs", "a list", "nested deeply", "a number of 5,000 digits", "correct of the cell", "seed", "garbage", "CRLF"),
    *("NULs and more lines", "label 7 of 2", "probabilities", "id 10**40", "training.jsonl binary"),
}
"""Damages that another one stands for each time, whose way they take."""


def cases(*groups: tuple[str, dict[str, Case]]) -> list[Any]:
    return [
        pytest.param(case, id=f"{group}: {name}", marks=[pytest.mark.slow] if name in REPEATED else [])
        for group, members in groups
        for name, case in members.items()
    ]


def one_quick(params: list[Any]) -> list[Any]:
    """Cases that train a model, of which only the first is tried each time."""
    return [params[0], *(pytest.param(*param.values, id=param.id, marks=pytest.mark.slow) for param in params[1:])]


@pytest.fixture(scope="module")
def whole(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cells of two models, and the adversarial training set of one."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    for pattern in (*KEPT, OTHER_D_ADV):
        folder = damages.one(finished, pattern)
        shutil.copytree(folder, runs / folder.parent.name / folder.name)
    return runs


@pytest.fixture(scope="module")
def numbers(whole: Path) -> dict[tuple[str, str], Any]:
    return shown_in_table(whole)[0]


@pytest.fixture
def runs(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("COLUMNS", "400")
    yield Path(shutil.copytree(whole, tmp_path / "runs"))


def shown_in_table(runs: Path) -> tuple[dict[tuple[str, str], Any], str]:
    """The numbers of table 5 by row and column, and what was told."""
    done = robench("table", "5", "--format", "json", "--runs", runs)
    if done.exit_code:
        return {}, done.stderr
    table = json.loads(done.stdout)
    found = {
        (row["defense"], column): cell["percent"]
        for block in table["blocks"]
        for row in block["rows"]
        for column, cell in row["cells"].items()
        if cell and cell.get("percent") is not None
    }
    return found, done.stderr


def check_reports(runs: Path, case: Case, numbers: dict[tuple[str, str], Any], tmp_path: Path) -> None:
    """Table, show, export and verify show the same numbers or name the stage, and write nothing into the folder."""
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    found, told = shown_in_table(runs)
    assert found.items() <= numbers.items()
    if len(found) < len(numbers) and case.named:
        assert case.named in told
    for name in ("mr-base-pwws", "mr-base-seed42"):
        done = robench("show", name, "--runs", runs, "--format", "json")
        assert done.exit_code in (0, 2)
        if done.exit_code == 0 and name == "mr-base-pwws":
            accuracy = json.loads(done.stdout)["results"]["attacked"]["accuracy"]
            assert 100 * accuracy == pytest.approx(numbers["base", "pwws"])
    done = robench("export", "mr-base-seed42", tmp_path / "out", "--runs", runs)
    assert done.exit_code == (2 if case.named == "mr-base-seed42" else 0), done.stderr
    assert done.exit_code == 0 or case.named in done.stderr
    done = robench("verify", "--runs", runs)
    assert done.exit_code == (1 if case.named else 0) and case.named in done.stdout
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before


def check_run(runs: Path, case: Case, whole: Path, job: TinyJob, command: dict[str, str]) -> None:
    """A run makes again what does not fit, with the same records, and a second one finds nothing to do."""
    done = robench(*job.command(runs, **command))
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count(f"/{case.made}] ") == case.made
    assert len(list((runs / ".aside").glob("*/*"))) == case.places, done.stderr
    truth, again = everything(whole), everything(runs)
    assert all(again[name] == records for name, records in truth.items() if name in again)
    assert {name for name in truth if "cells" in name} - again.keys() <= {unused(runs)}
    assert "[1/" not in robench(*job.command(runs, **command)).stderr


def unused(runs: Path) -> str:
    """The cell that the run has nothing to do with."""
    return f"cells/{damages.one(runs, OTHER_CELL).name[-16:]}"


BASE = {"defense": "base", "attack": "pwws,deepwordbug"}


@pytest.mark.parametrize("case", cases(("stage.json", STAGE_FILE), ("finished", FINISHED), ("beside", BESIDE)))
def test_a_damage_of_a_finished_stage_is_named_and_a_run_mends_it(
    case: Case, runs: Path, whole: Path, numbers: dict[tuple[str, str], Any], tiny_job: TinyJob, tmp_path: Path
) -> None:
    case.damage(runs)
    check_reports(runs, case, numbers, tmp_path)
    check_run(runs, case, whole, tiny_job, BASE)


@pytest.mark.parametrize("case", cases(("interrupted", INTERRUPTED)))
def test_a_damage_of_an_interrupted_cell_costs_its_lines(
    case: Case, runs: Path, whole: Path, tiny_job: TinyJob
) -> None:
    case.damage(runs)
    check_run(runs, case, whole, tiny_job, BASE)


@pytest.mark.parametrize("case", one_quick(cases(("model", MODELS))))
def test_a_damaged_model_is_trained_again_before_it_is_attacked(
    case: Case, runs: Path, whole: Path, numbers: dict[tuple[str, str], Any], tiny_job: TinyJob, tmp_path: Path
) -> None:
    case.damage(runs)
    check_reports(runs, case, numbers, tmp_path)
    TO_ATTACK(runs)
    check_run(runs, case, whole, tiny_job, BASE)


@pytest.mark.parametrize("case", one_quick(cases(("D_adv", TRAINING_SETS))))
def test_a_damaged_training_set_is_mended_before_a_defense_is_trained_on_it(
    case: Case, runs: Path, whole: Path, numbers: dict[tuple[str, str], Any], tiny_job: TinyJob, tmp_path: Path
) -> None:
    case.damage(runs)
    check_reports(runs, case, numbers, tmp_path)
    TO_TRAIN(runs)
    check_run(runs, case, whole, tiny_job, {"defense": "base,ada", "attack": "pwws"})


def test_rows_that_are_left_are_kept_and_only_the_others_are_attacked(runs: Path, tiny_job: TinyJob) -> None:
    lines(CELL, lambda found: found[:10])(runs)
    before = damages.one(runs, f"{CELL}/records.jsonl").read_bytes()
    done = robench(*tiny_job.command(runs, **BASE))
    assert damages.one(runs, f"{CELL}/records.jsonl").read_bytes().startswith(before)
    assert "records.jsonl has 10 lines in place of 16" in done.stderr and "moved to" in done.stderr


def test_only_cache_names_what_does_not_fit_and_leaves_it_out(runs: Path, tiny_job: TinyJob) -> None:
    lines(CELL, lambda found: found[:10])(runs)
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    done = robench(*tiny_job.command(runs, "--existing", "only-cache", **BASE))
    assert done.exit_code == 0 and "has 10 lines in place of 16" in done.stderr and "deepwordbug" in done.stdout
    assert "pwws" not in done.stdout
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before


def test_a_parent_that_has_changed_is_named_and_not_made_again(runs: Path, tiny_job: TinyJob) -> None:
    from robench.results.integrity import write_stage
    from robench.results.store import Store

    edit(f"{MODEL}/model.safetensors", damages.flip_a_bit)(runs)
    model = damages.one(runs, MODEL)
    stored = Store(runs).read(model)
    assert stored is not None
    write_stage(model, stored.info)  # as another machine would have made it
    done = robench(*tiny_job.command(runs, **BASE))
    assert done.exit_code == 0 and "[1/" not in done.stderr
    assert f"was made from {model.name[-16:]}, which has changed since" in done.stderr
    verified = robench("verify", "--runs", runs)
    assert verified.exit_code == 0 and f"was made from {model.name}, which has changed" in verified.stdout
