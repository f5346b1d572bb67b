"""Table 7 under the preset of the paper, whose attack needs published resources; small ones stand for them here."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from robench.progress import SilentReporter
from robench.results.info import StatisticsInfo
from robench.results.store import Store
from robench.study.request import Request
from robench.study.runner import run_requests
from support.published_files import write_vectors
from support.tiny_job import TASK, TinyJob, write_rows


@pytest.fixture
def published_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word vectors of "word0" to "word299", and a sentence encoder to which all texts are alike."""

    class Tensor:
        def __init__(self, count: int) -> None:
            self._count = count

        def numpy(self) -> list[list[float]]:
            return [[1.0, 1.0]] * self._count

    encoder = tmp_path / "published" / "universal-sentence-encoder"
    (encoder / "variables").mkdir(parents=True)
    (encoder / "saved_model.pb").write_bytes(b"graph")
    (encoder / "variables" / "variables.index").write_bytes(b"numbers")
    write_vectors(tmp_path / "published" / "paragramcf")
    hub: Any = types.ModuleType("tensorflow_hub")
    hub.load = lambda folder: lambda texts: Tensor(len(texts))
    monkeypatch.setitem(sys.modules, "tensorflow_hub", hub)
    monkeypatch.setenv("ROBENCH_PUBLISHED", str(tmp_path / "published"))


def write_words(folder: Path) -> Path:
    """Rows of words that have vectors."""
    for split, start, count in (("train", 0, 16), ("dev", 16, 4), ("test", 20, 8)):
        texts = [f"word{i} saw word{3 * i + 1} and word{5 * i + 2}" for i in range(start, start + count)]
        write_rows(folder / TASK / f"{split}.tsv", [(text, i % 2) for i, text in enumerate(texts)])
    return folder


@pytest.mark.usefixtures("published_resources")
def test_before_is_planned_and_attacked_under_the_preset_of_the_paper(tiny_job: TinyJob, tmp_path: Path) -> None:
    request = Request(
        defense=["base"],
        task=[TASK],
        attack=["textfooler"],
        preset="paper",
        encoder=str(tiny_job.encoder),
        data=write_words(tmp_path / "data"),
        precision="fp32",
        device="cpu",
        settings={"training": {"epochs": 1}},
        statistics=True,
    )
    planned = [stage.title for stage in request.stages(SilentReporter())]
    assert f"statistics of before on {TASK} under textfooler, seed 42" in planned

    store = Store(tmp_path / "runs")
    run_requests([request], store, SilentReporter(), "only-missing")

    found = {stage.info.defense.name: stage.info for stage in store.stages(StatisticsInfo)}
    assert found.keys() == {"before", "base"}
    before = found["before"]
    assert before.attack.fields["resources"] == "published" and before.attack.title == "textfooler"
    assert before.attacked is not None and before.attacked.n == before.statistics.n == 8
