"""A runs folder that robench 0.1.0 made stays readable for ever, and every number in it stays what it was.

``goldens/house`` has an encoder with random weights, rows, the runs folder made of them, and in ``expected`` all that
the command line said of it when it was made. The runs folder is never made again: whoever has such a folder shall read
it with every later robench. What it says is compared as numbers; sentences, captions and layout may change.

It was made before the first release. What robench came to store until then was added to it, and nothing else in it was
changed: checksums of files, lines and ``stage.json``, the copy of the records' numbers, and counts of weights and of
rows that are the clean text.

``ROBENCH_FREEZE=1 python -m pytest tests/test_golden_runs.py`` writes ``expected`` in place of comparing with it. Do
that for what is new, and read what became of the rest.

It was made in ``goldens/house``, for each of :data:`REQUESTS`, by::

    robench run --encoder ./encoder --data ./data --runs ./runs REQUEST
    robench run --encoder ./encoder --data ./data --runs ./runs --table 7 STATISTICS

with relative paths, so that nothing in it is about the machine, and without its lock files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.tiny_job import robench

HOUSE = Path(__file__).parent / "goldens" / "house"
EXPECTED = HOUSE / "expected"
FREEZING = os.environ.get("ROBENCH_FREEZE") == "1"

SETTINGS = (
    *("training.learning_rate=0.003", "training.epochs=8", "training.batch_size=8"),
    *("pwws.max_words_changed=0.08", "deepwordbug.max_words_changed=0.15"),
)
COMMON = (
    *("--task", "mr", "--preset", "quick", "--precision", "fp32", "--device", "cpu", "--offline"),
    *(word for setting in SETTINGS for word in ("--set", setting)),
)
"""The preset is a label here: what it decides is given, or does not bind."""
REQUESTS = (
    (*COMMON, "--defense", "base,ada,taichi", "--attack", "deepwordbug,pwws"),
    (*COMMON, "--defense", "average", "--attack", "pwws", "--set", "average.weight=0.3"),
    (*COMMON, "--defense", "average", "--attack", "pwws", "--set", "average.weight=0.8"),
)
STATISTICS = (*COMMON, "--defense", "base,taichi", "--attack", "pwws")

TABLES: dict[str, tuple[object, ...]] = {
    "2": ("--defense", "base,ada,average,taichi"),
    "3": ("--task", "mr", "--data", HOUSE / "data", "--offline"),
    "4": ("--task", "mr"),
    "5": ("--task", "mr"),
    "6": ("--task", "mr"),
    "7": ("--task", "mr", "--attack", "pwws"),
    "quality": ("--task", "mr"),
}
FIGURES = {
    "1": (("--attack", "pwws", "--defense", "base"), 1e-3),
    "4": (("--defense", "base,ada,taichi"), 0.0),
    "5": (("--attack", "pwws"), 0.0),
}
"""What is drawn, and how far it may be off: figure 1 asks the model, the others count."""
SHOWN = ("mr-base-pwws", "mr-taichi-deepwordbug", "mr-ada-pwws", "mr-pwws", "mr-ada-deepwordbug", "mr-base-seed42")
EXPORTED = ("mr-base-pwws", "mr-taichi-deepwordbug", "mr-average-pwws-seed42-c3220e5232ba3e86")
TEXTS = (
    "the film was dull on day 3 .",
    "her second novel was superb and lovely on day 11 and everybody noticed.",
    "this little cafe was noisy, awful and clever",
    "zebra!",
)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs folder, and another working directory than it was made in."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(HOUSE / "runs", tmp_path / "runs"))


def expected(name: str, found: Any) -> Any:
    """What was frozen under that name; or else, while freezing, what is found now."""
    path = EXPECTED / f"{name}.json"
    if FREEZING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def said(*arguments: object) -> str:
    done = robench(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def numbers(text: str) -> list[str]:
    """The numbers that stand alone, in their order; not those in a name, a digest or a number with an exponent."""
    return re.findall(r"(?<![\w.-])\d+(?:\.\d+)*(?!\w)", text)


def stages(runs: Path) -> dict[str, str]:
    """Key and label of every stage of the folder, the statistics among them."""
    folders = [path.parent.name for path in runs.glob("*/*/stage.json")]
    return {name.rpartition("-")[2]: name.rpartition("-")[0] for name in sorted(folders)}


def on(runs: Path, *arguments: object) -> tuple[object, ...]:
    """A run on the encoder and the rows, whose paths on this machine no key holds."""
    return "run", "--encoder", HOUSE / "encoder", "--data", HOUSE / "data", "--runs", runs, *arguments


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", TABLES)
def test_table_of_the_golden_runs_has_the_frozen_values(number: str, runs: Path) -> None:
    options = ("--runs", runs, *TABLES[number])
    table = json.loads(said("table", number, "--format", "json", *options))
    values = {"columns": table["columns"]}
    values["blocks"] = [{name: block[name] for name in ("task", "setting", "rows")} for block in table["blocks"]]
    assert values == expected(f"table{number}", values)


@pytest.mark.parametrize("number", TABLES)
def test_csv_of_the_golden_runs_has_the_frozen_values(number: str, runs: Path) -> None:
    lines = csv.reader(io.StringIO(said("table", number, "--format", "csv", "--runs", runs, *TABLES[number])))
    values = [line for line in lines if line]
    assert values == expected(f"table{number}.csv", values)


# --- figures ----------------------------------------------------------------------------------------------------------


def drawn(number: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Matplotlib figure that the command line saves as png and svg."""
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig

    def saving(figure: Figure, *args: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", saving)
    written = said("figure", number, "--task", "mr", "--device", "cpu", "--runs", runs, *FIGURES[number][0])
    assert [Path(line).suffix for line in written.split("\n") if line] == [".png", ".svg"]
    assert all(Path(line).stat().st_size > 1000 for line in written.split("\n") if line)
    assert len(figures) == 2 and figures[0] is figures[1]
    return figures[0]


def plotted(figure: Any) -> dict[str, list[list[float]]]:
    """The data of a figure in the coordinates of its axes, whatever its size, colours and sentences."""
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.patches import Polygon, Rectangle

    (axes,) = figure.axes

    def rows(arrays: list[Any]) -> list[list[float]]:
        return [[float(value) for value in np.asarray(array).ravel()] for array in arrays]

    scattered = [c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)]
    joined = [part for c in axes.collections if isinstance(c, LineCollection) for part in c.get_segments()]
    bars = [[p.get_x(), p.get_width(), p.get_height()] for p in axes.patches if isinstance(p, Rectangle)]
    return {
        "points": rows(scattered),
        "segments": rows(joined),
        "lines": rows([line.get_xydata() for line in axes.lines]),
        "bars": rows(bars),
        "regions": rows([p.get_xy() for p in axes.patches if isinstance(p, Polygon)]),
        "texts": [[float(n) for n in numbers(text.get_text())] for text in axes.texts],
    }


@pytest.mark.parametrize("number", FIGURES)
def test_figure_of_the_golden_runs_has_the_frozen_data(
    number: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plotted(drawn(number, runs, monkeypatch))
    frozen = expected(f"figure{number}", found)
    assert found.keys() == frozen.keys()
    for name, rows in found.items():
        assert [len(row) for row in rows] == [len(row) for row in frozen[name]], name
        for row, before in zip(rows, frozen[name], strict=True):
            assert row == pytest.approx(before, rel=1e-9, abs=max(FIGURES[number][1], 1e-9)), name


# --- show and export --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
def test_show_of_a_golden_stage_has_the_frozen_numbers(name: str, runs: Path) -> None:
    shown = json.loads(said("show", name, "--format", "json", "--examples", 8, "--runs", runs))
    values = {part: shown[part] for part in ("results", "training", "examples")}
    values["said"] = numbers(said("show", name, "--examples", 8, "--runs", runs))
    assert len(values["said"]) > 15
    assert values == expected(f"show.{name}", values)


def read_encoder(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the encoder as this Transformers reads it; each version writes other defaults."""
    from transformers import AutoConfig

    read: dict[str, Any] = AutoConfig.for_model(**config["encoder_config"]).to_dict()
    return {name: value for name, value in read.items() if name not in ("dtype", "torch_dtype")}


@pytest.mark.parametrize("name", EXPORTED)
def test_export_of_a_golden_cell_gives_the_frozen_logits(name: str, runs: Path, tmp_path: Path) -> None:
    import safetensors.torch
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    said("export", name, tmp_path / "mine", "--runs", runs)
    config = json.loads((tmp_path / "mine" / "config.json").read_bytes())
    del config["transformers_version"]
    weights = safetensors.torch.load_file(tmp_path / "mine" / "model.safetensors")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "mine", trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "mine")
    with torch.no_grad():
        logits = model(**tokenizer(list(TEXTS), truncation=True, padding=True, return_tensors="pt")).logits
    exact = {key: hashlib.sha256(value.numpy().tobytes()).hexdigest()[:16] for key, value in sorted(weights.items())}
    found = {"config": config, "weights": exact, "logits": logits.tolist()}

    frozen = expected(f"export.{name}", found)
    assert read_encoder(config) == read_encoder(frozen["config"])
    del config["encoder_config"], frozen["config"]["encoder_config"]
    assert config == frozen["config"]
    assert exact == frozen["weights"]
    assert logits.std(0).min() > 1e-3, "texts have to differ"
    for row, before in zip(found["logits"], frozen["logits"], strict=True):
        assert row == pytest.approx(before, rel=0, abs=1e-6)


# --- the planner ------------------------------------------------------------------------------------------------------


def planned(request: tuple[object, ...], runs: Path) -> dict[str, dict[str, str]]:
    """Title and state of every stage of a request, by key."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in said(*on(runs, *request, "--dry-run")).splitlines()]
    rows = [line for line in lines if re.fullmatch(r"[0-9a-f]{16}", line[-1])]
    return {row[-1]: {"stage": row[0], "state": row[2]} for row in rows}


@pytest.mark.usefixtures("bundled_resources")
def test_planner_tells_the_golden_stages_of_an_earlier_format_apart(runs: Path) -> None:
    found = {key: stage for request in REQUESTS for key, stage in planned(request, runs).items()}
    assert {stage["state"] for stage in found.values()} == {"to do"}
    statistics = {path.parent.name.rpartition("-")[2] for path in runs.glob("statistics/*/stage.json")}
    assert len(found) == len(stages(runs).keys() - statistics), "as many stages, all under other keys"
    assert not found.keys() & stages(runs).keys()


@pytest.mark.usefixtures("bundled_resources")
def test_planner_gives_the_same_keys_wherever_the_files_are(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned(REQUESTS[0], runs)
    shutil.copytree(HOUSE, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("runs", "expected"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    moved = said("run", "--encoder", "./encoder", "--data", "data", "--runs", runs, *REQUESTS[0], "--dry-run")
    assert set(re.findall(r"\b[0-9a-f]{16}$", moved, re.MULTILINE)) == before.keys()


def test_golden_runs_say_nothing_of_the_machine_that_made_them() -> None:
    files = [path for path in HOUSE.rglob("*") if path.suffix in (".json", ".jsonl", ".txt", ".tsv")]
    assert len(files) > 50
    for path in files:
        assert not re.search(r"(?<![\w.])/(work|tmp|home|root|Users)/", path.read_text(encoding="utf-8")), path
    assert sum(path.stat().st_size for path in HOUSE.rglob("*") if path.is_file()) < 2_000_000
