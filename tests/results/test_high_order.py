from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robench.errors import RobenchError
from robench.progress import SilentReporter
from robench.results import records
from robench.results.high_order import (
    Statistics,
    contrastive_loss,
    fixed_partners,
    kl_divergence,
    mean_squared_difference,
    softmax,
    statistics,
)
from robench.results.pairs import Pairs, cell_statistics, read_pairs
from robench.results.store import Store
from robench.study.stages.statistics import TABLE7, measure, untrained
from robench.study.stages.trained_model import stored_predictor
from robench.training.objectives import contrastive
from robench.training.objectives import kl_divergence as kl_of_logits
from support import tiny
from support.tiny_job import TinyJob

Rows = list[list[float]]


def gauss(rows: int, columns: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


# --- formulas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("u", "v", "value"),
    [
        pytest.param([[1, 2]], [[1, 2]], 0.0, id="the same"),
        pytest.param([[0, 0]], [[3, 4]], 12.5, id="mean of 9 and 16"),
        pytest.param([[0, 0], [1, 1]], [[3, 4], [1, 3]], 7.25, id="mean over pairs of 12.5 and 2"),
        pytest.param([[1e8, 1e8 + 1]], [[1e8, 1e8]], 0.5, id="float64"),
    ],
)
def test_mse_is_a_mean_over_dimensions_then_pairs(u: Rows, v: Rows, value: float) -> None:
    assert mean_squared_difference(np.array(u), np.array(v)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "value"),
    [
        pytest.param([[0.5, 0.5]], [[0.5, 0.5]], 0.0, id="the same"),
        pytest.param([[0.5, 0.5]], [[0.25, 0.75]], 0.5 * math.log(2) + 0.5 * math.log(2 / 3), id="by hand"),
        pytest.param([[0.25, 0.75]], [[0.5, 0.5]], 0.25 * math.log(0.5) + 0.75 * math.log(1.5), id="not symmetric"),
        pytest.param([[1, 0]], [[0.5, 0.5]], math.log(2), id="0 log 0 is 0"),
        pytest.param([[1, 0]], [[1, 0]], 0.0, id="0 log 0/0 is 0"),
        pytest.param([[0.5, 0.5]], [[1, 0]], math.inf, id="nothing to something is infinite"),
        pytest.param([[1, 0], [1, 0]], [[0.5, 0.5], [0.25, 0.75]], 1.5 * math.log(2), id="mean over rows"),
        pytest.param([[1, 1e-300]], [[1, 1e-320]], 0.0, id="numbers near zero are not rounded away to nan"),
    ],
)
def test_kl_is_kl(p: Rows, q: Rows, value: float) -> None:
    assert kl_divergence(np.array(p), np.array(q)) == pytest.approx(value, abs=1e-12)


def test_ctr_by_hand() -> None:
    """Anchors along the axes; a positive equal to its anchor; each anchor's one negative is at right angles to it."""
    axes = np.eye(2)
    assert contrastive_loss(axes, axes) == pytest.approx(0 - 1)  # log exp(0) - 1
    assert contrastive_loss(axes, axes[::-1]) == pytest.approx(1 - 0)
    three = np.eye(3)
    assert contrastive_loss(three, three * 7) == pytest.approx(math.log(2) - 1), "length does not matter"
    assert contrastive_loss(three, three, temperature=0.5) == pytest.approx(math.log(2) - 2)
    assert contrastive_loss(three, -three) == pytest.approx(math.log(2) + 1)
    assert contrastive_loss(np.array([[0.0, 0.0], [1.0, 0.0]]), axes) == pytest.approx(1 / 2), (
        "a zero vector has cosine 0"
    )


def test_a_thousand_unrelated_unit_vectors_give_the_papers_ceiling() -> None:
    assert contrastive_loss(np.eye(1000), np.roll(np.eye(1000), 1, axis=1)) == pytest.approx(
        math.log(998 + math.e), abs=1e-9
    )
    apart = np.eye(2000)
    assert contrastive_loss(apart[:1000], apart[1000:]) == pytest.approx(math.log(999), abs=1e-12)
    assert round(math.log(999), 3) == 6.907


def plain_loops(z: Any, z2: Any, p: Any, p2: Any, labels: list[int]) -> dict[str, float]:
    """The definitions again, one number at a time, with exact sums."""
    n, width = len(z), len(z[0])

    def mse(u: Any, v: Any) -> float:
        return math.fsum((float(a) - float(b)) ** 2 for a, b in zip(u, v, strict=True)) / width

    def kl(u: Any, v: Any) -> float:
        return math.fsum(float(a) * math.log(float(a) / float(b)) for a, b in zip(u, v, strict=True) if a > 0)

    def cosine(u: Any, v: Any) -> float:
        dot = math.fsum(float(a) * float(b) for a, b in zip(u, v, strict=True))
        return dot / math.sqrt(math.fsum(float(a) ** 2 for a in u) * math.fsum(float(b) ** 2 for b in v))

    order = sorted(set(labels))
    partner = [labels.index(order[(order.index(label) + 1) % len(order)]) for label in labels]
    ctr = []
    for i in range(n):
        below = math.fsum(math.exp(cosine(z[i], z2[j])) for j in range(n) if j != i)
        ctr.append(-math.log(math.exp(cosine(z[i], z2[i])) / below))
    return {
        "mse_pos": math.fsum(mse(z[i], z2[i]) for i in range(n)) / n,
        "mse_neg": math.fsum(mse(z[i], z[partner[i]]) for i in range(n)) / n,
        "kl_pos": math.fsum(kl(p[i], p2[i]) for i in range(n)) / n,
        "kl_neg": math.fsum(kl(p[i], p[partner[i]]) for i in range(n)) / n,
        "ctr": math.fsum(ctr) / n,
    }


@pytest.mark.parametrize(("n", "classes"), [(2, 2), (7, 3), (60, 6)])
def test_statistics_are_those_of_plain_loops(n: int, classes: int) -> None:
    labels = [i % classes for i in range(n)]
    random.Random(n).shuffle(labels)
    z, z2 = gauss(n, 5, 1), gauss(n, 5, 2)
    p, p2 = softmax(gauss(n, classes, 3) * 4), softmax(gauss(n, classes, 4) * 4)
    found = asdict(statistics(z, z2, p, p2, labels))
    assert found.pop("n") == n
    assert found == pytest.approx(plain_loops(z, z2, p, p2, labels), rel=1e-12)


def test_a_thousand_pairs_are_exact_in_any_order_and_block() -> None:
    z, z2 = gauss(1003, 8, 5), gauss(1003, 8, 6)
    order = np.random.default_rng(0).permutation(1003)
    assert contrastive_loss(z, z2) == pytest.approx(contrastive_loss(z[order], z2[order]), rel=1e-14)
    small, small2 = z[:300], z2[:300]
    similarities = (small / np.linalg.norm(small, axis=1)[:, None]) @ (
        small2 / np.linalg.norm(small2, axis=1)[:, None]
    ).T
    others = np.exp(similarities).sum(1) - np.exp(np.diag(similarities))
    assert contrastive_loss(small, small2) == pytest.approx(np.mean(np.log(others) - np.diag(similarities)), rel=1e-13)


def test_the_library_agrees_with_the_losses_that_defenses_train_on() -> None:
    z, z2 = torch.tensor(gauss(40, 6, 1)), torch.tensor(gauss(40, 6, 2))
    assert contrastive_loss(z, z2) == pytest.approx(contrastive(z.float(), z2.float(), z2.float()).item(), rel=1e-6)
    assert kl_divergence(softmax(z), softmax(z2)) == pytest.approx(kl_of_logits(z, z2).item(), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_of_any_precision_and_gradient_are_taken(dtype: torch.dtype) -> None:
    z = torch.tensor(gauss(6, 4, 1)).to(dtype).requires_grad_()
    p = torch.tensor(softmax(gauss(6, 2, 2))).to(dtype).requires_grad_()
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    as_arrays = (z.detach().double().numpy(), p.detach().double().numpy())
    assert statistics(z, z, p, p, labels) == statistics(
        as_arrays[0], as_arrays[0], as_arrays[1], as_arrays[1], [0, 1] * 3
    )


@pytest.mark.parametrize(
    ("labels", "partners"),
    [
        pytest.param([1, 0, 0, 1], [1, 0, 0, 1], id="two: the first of the other"),
        pytest.param([2, 0, 1, 0, 2], [1, 2, 0, 2, 1], id="three: the first of the next, the last to the first"),
        pytest.param([5, 1, 5, 3], [1, 3, 1, 0], id="labels that no row has are passed over"),
    ],
)
def test_negative_pairs_are_with_the_first_of_the_next_label(labels: list[int], partners: list[int]) -> None:
    assert fixed_partners(labels).tolist() == partners


GOOD = softmax(gauss(3, 2, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [1, 1, 1]}, "two labels"),
        ({"labels": [0, 1]}, "do not pair up"),
        ({"adversarial_representations": gauss(3, 5, 1)}, "same"),
        ({"clean_representations": np.full((3, 4), np.nan)}, "finite"),
        ({"adversarial_probabilities": gauss(3, 2, 1)}, "logits"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], message: str) -> None:
    given = {
        "clean_representations": gauss(3, 4, 1),
        "adversarial_representations": gauss(3, 4, 2),
        "clean_probabilities": GOOD,
        "adversarial_probabilities": GOOD,
        "labels": [0, 1, 0],
    }
    with pytest.raises(ValueError, match=message):
        statistics(**given | changes)


def test_one_pair_has_no_contrastive_loss() -> None:
    with pytest.raises(ValueError, match="two or more"):
        contrastive_loss(np.ones((1, 2)), np.ones((1, 2)))


# --- of models --------------------------------------------------------------------------------------------------------


def test_outputs_of_a_predictor_are_those_of_its_classifier_one_by_one() -> None:
    texts = [example.text for example in tiny.examples(40)]
    predictor = tiny.predictor(tiny.classifier())
    found = predictor.outputs(texts)
    assert found.representations.shape == (40, 32) and found.logits.shape == (40, 2)
    assert torch.equal(found.logits, predictor.logits(texts))
    for i in (0, 17, 39):
        alone = predictor.outputs([texts[i]])
        assert torch.allclose(found.representations[i], alone.representations[0], atol=1e-5)
    head = predictor.classifier.head
    assert torch.allclose(found.logits, head(found.representations).detach(), atol=1e-5)
    assert not found.representations.requires_grad and not found.representations.is_inference()
    assert predictor.outputs([]).representations.shape == (0, 32)


def pairs(count: int = 12) -> Pairs:
    rows = tiny.rows(count, pairs=True)
    return Pairs(
        ids=tuple(range(count)),
        labels=tuple(row.label for row in rows),
        clean=tuple(row.text for row in rows),
        adversarial=tuple(str(row.adversarial) for row in rows),
        statuses=("succeeded",) * count,
    )


def test_statistics_of_a_model_are_those_of_its_outputs() -> None:
    some, predictor = pairs(), tiny.predictor(tiny.classifier())
    clean, adversarial = predictor.outputs(some.clean), predictor.outputs(some.adversarial)
    found = asdict(cell_statistics(predictor, some))
    z = [part.representations.tolist() for part in (clean, adversarial)]
    p = [part.logits.double().softmax(-1).tolist() for part in (clean, adversarial)]
    assert found.pop("n") == 12
    assert found == pytest.approx(plain_loops(*z, *p, list(some.labels)), rel=1e-9)
    assert found["mse_pos"] > 0 and found["kl_pos"] > 0


def test_pairs_of_one_label_are_refused_in_a_sentence() -> None:
    one = Pairs(ids=(0, 1), labels=(1, 1), clean=("a", "b"), adversarial=("a", "b"), statuses=("failed", "failed"))
    with pytest.raises(RobenchError, match=r"2 pairs cannot be computed: .*two labels"):
        cell_statistics(tiny.predictor(tiny.classifier()), one)


# --- of a runs folder -------------------------------------------------------------------------------------------------


class Told(SilentReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def measured(runs: Path, **changes: Any) -> list[Any]:
    given: dict[str, Any] = {"task": "mr", "attack": "pwws", "offline": True, "device": torch.device("cpu")}
    return measure(Store(runs), changes.pop("reporter", Told()), **(given | changes))


@pytest.fixture(scope="module")
def runs(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("measured") / "runs"))


@pytest.fixture(scope="module")
def told_and_stages(runs: Path) -> tuple[Told, list[Any]]:
    told = Told()
    return told, measured(runs, defenses=(*TABLE7, "ada"), reporter=told)


def test_models_are_measured_on_the_texts_made_against_base(
    runs: Path, told_and_stages: tuple[Told, list[Any]]
) -> None:
    told, stages = told_and_stages
    by_name = {stage.info["defense"]["name"]: stage for stage in stages}
    assert list(by_name) == ["before", "base", "taichi", "ada"]
    (line,) = told.lines
    assert "clean, taichi-no-ctr, taichi-no-adv" in line and "`robench run --defense clean,taichi-no-ctr" in line
    store = Store(runs)
    cells = {c.info["defense"]["name"]: c for c in store.stages("cells") if c.info["attack"]["name"] == "pwws"}
    shared = read_pairs(cells["base"])
    assert shared.clean != shared.adversarial
    for name in ("base", "taichi", "ada"):
        predictor = stored_predictor(store, cells[name], torch.device("cpu"))
        info = by_name[name].info
        assert info["statistics"] == asdict(cell_statistics(predictor, shared))
        assert info["model"] == cells[name].info["model"] and info["pairs"] == cells["base"].info["key"]
        assert {k: info[k] for k in ("clean", "attacked")} == {k: cells[name].info[k] for k in ("clean", "attacked")}
    assert len({json.dumps(stage.info["statistics"]) for stage in stages}) == 4


def test_before_is_the_model_that_training_starts_from(
    runs: Path, tiny_job: TinyJob, told_and_stages: tuple[Told, list[Any]]
) -> None:
    before = told_and_stages[1][0]
    predictor = untrained(before.info, device=torch.device("cpu"), offline=True)
    head = torch.zeros(2, 32)
    head.copy_(torch.randn(2, 32, generator=torch.Generator().manual_seed(42)) * 0.25)
    assert torch.equal(predictor.classifier.head.weight.detach(), head), "N(0, initializer_range), drawn with the seed"
    (base,) = [c for c in Store(runs).stages("cells") if "base-pwws" in c.folder.name]
    shared = read_pairs(base)
    assert before.info["statistics"] == asdict(cell_statistics(predictor, shared))
    predicted = predictor.logits(shared.clean).argmax(-1).tolist()
    right = sum(a == b for a, b in zip(predicted, shared.labels, strict=True))
    assert before.info["clean"] == {"correct": right, "n": len(shared)}
    found = records.read(before.folder / "records.jsonl")
    assert [record.original for record in found] == list(shared.clean)
    assert before.info["attacked"]["skipped"] == len(shared) - right


KEYS = """robench kind label key task labels data encoder preset precision training train_rows seed defense attack model
statistics clean attacked identity""".split()


def test_what_is_stored_says_what_it_is(runs: Path, told_and_stages: tuple[Told, list[Any]]) -> None:
    for stage in told_and_stages[1]:
        assert set(KEYS) <= set(stage.info) and stage.info["kind"] == "statistics"
        assert stage.folder == runs / "statistics" / f"{stage.info['label']}-{stage.info['key']}"
        assert Statistics(**stage.info["statistics"]).n == stage.info["attacked"]["n"]
    assert Store(runs).stages("statistics") == sorted(told_and_stages[1], key=lambda stage: stage.folder.name)


def test_statistics_are_made_once(runs: Path, told_and_stages: tuple[Told, list[Any]]) -> None:
    def times() -> dict[str, int]:
        return {path.parent.name: path.stat().st_mtime_ns for path in runs.glob("statistics/*/stage.json")}

    before = times()
    assert measured(runs, defenses=("base", "taichi")) == [told_and_stages[1][1], told_and_stages[1][2]]
    assert times() == before
    again = measured(runs, defenses=("base",), existing="always")
    assert again[0].info["statistics"] == told_and_stages[1][1].info["statistics"]
    assert [name for name, time in times().items() if before[name] != time] == [again[0].folder.name]
    assert measured(runs, defenses=("ada",), attack="deepwordbug", existing="only-cache") == []


@pytest.mark.parametrize(
    ("changes", "gone", "message"),
    [
        ({"task": "sst2"}, "", "robench run --defense base,clean,.*--task sst2"),
        ({"attack": "textfooler"}, "", "under textfooler yet; `robench run"),
        ({}, "cells/mr-base-pwws-*", "no cell of base on mr under pwws"),
        (
            {"defenses": ("taichi",), "existing": "always"},
            "models/mr-taichi-pwws-*",
            "is not in .*models any more; delete",
        ),
    ],
)
def test_what_is_missing_is_told_with_what_makes_it(
    finished: Path, tmp_path: Path, changes: dict[str, Any], gone: str, message: str
) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "runs"))
    for folder in copy.glob(gone) if gone else ():
        shutil.rmtree(folder)
    with pytest.raises(RobenchError, match=message):
        measured(copy, **changes)
