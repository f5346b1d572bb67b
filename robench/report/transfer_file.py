"""The table of ``robench transfer``: how many adversarial texts of a file fool each trained model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from robench.data.adversarial_pairs import AdversarialPair, read_adversarial_pairs
from robench.errors import RobenchError
from robench.escaping import list_values
from robench.plugins import registry
from robench.report.tables.captions import setting_of
from robench.report.tables.cells import share_cell
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.results.info import ModelInfo
from robench.results.paper_contents import Paper, rank
from robench.results.selection import NoResultsError, Selection
from robench.results.store import Store, StoredStage

if TYPE_CHECKING:
    import torch

    from robench.models.devices import Precision
    from robench.progress import Reporter

COLUMNS = (Column("right before%", better=None), Column("fooled%", better=None))
LEGEND = (
    "right before%: originals that the model has right / all. fooled%: of these, adversarial texts that it has wrong;"
    " lower is better.",
    "In parentheses: the 95 % interval of the texts; other models of the same defense not covered.",
)
Model = StoredStage[ModelInfo]


def select_models(store: Store, selection: Selection) -> list[Model]:
    """Return the models that robench trained for one task, as far as they are selected.

    Args:
        store: the runs folder.
        selection: what to keep; its attacks mean nothing here.

    Raises:
        NoResultsError: there are none.
        RobenchError: they have several tasks or sets of labels.
    """
    models = [stage for stage in store.stages(ModelInfo) if stage.info.victim is None]
    for facet, taken in selection.values.items():
        if facet == "attack":
            continue
        known = sorted({str(_facet(stage, facet)) for stage in models})
        models = [stage for stage in models if _facet(stage, facet) in taken]
        if not models:
            there = f"there are models with {facet} {list_values(known)}" if known else "it has no trained models"
            raise NoResultsError(f"{store.root} has no trained model with {facet} {list_values(taken)}; {there}.")
    if not models:
        raise NoResultsError(f"{store.root} has no trained models yet; `robench run` trains some.")
    tasks = list(dict.fromkeys(stage.info.task for stage in models))
    if len(tasks) > 1:
        raise RobenchError(f"{store.root} has models of {', '.join(tasks)}; --task names the one of the file's texts.")
    if len({stage.info.labels for stage in models}) > 1:
        raise RobenchError(
            f"the models of {tasks[0]} in {store.root} have different labels; --preset or --encoder picks."
        )
    return models


def transfer_file_table(
    models: Sequence[Model],
    path: Path,
    paper: Paper,
    *,
    device: torch.device,
    reporter: Reporter,
    trust_remote_code: bool = False,
) -> Table:
    """Score the texts of a file with models of one task, and make the table.

    Args:
        models: at least one.
        path: the file.
        paper: whose order of defenses the rows have.
        device: that the models run on.
        reporter: shows the progress.
        trust_remote_code: whether the user allowed the Python code of encoders to run.

    Raises:
        RobenchError: the file is malformed, or a model cannot be loaded.
    """
    info = models[0].info
    task = registry.entry("tasks", info.task).load() if registry.is_registered("tasks", info.task) else None
    pairs = read_adversarial_pairs(path, info.labels, prepare=task.prepare if task else str)
    names = Counter(stage.info.label for stage in models)
    rows = []
    for stage in sorted(models, key=lambda stage: (*rank(stage.info.defense.name, paper.defense_order), stage.folder)):
        name = stage.info.label if names[stage.info.label] == 1 else f"{stage.info.label} [{stage.key[:8]}]"
        predicted = _predict(stage, pairs, device, reporter, trust_remote_code)
        rows.append(Row(name, stage.info.defense.name, _cells(pairs, predicted)))
    unchanged = sum(pair.original == pair.adversarial for pair in pairs)
    notes = [f"{unchanged:,} of {len(pairs):,} adversarial texts are the original itself"] if unchanged else []
    notes += [f"texts are lower-cased, as those of {info.task} are"] if task and task.lowercase else []
    notes += [f"line breaks of HTML are spaces, as in {info.task}"] if task and task.html_breaks else []
    return Table(
        name="transfer-file",
        title=f"Transfer: published adversarial texts on models of {info.task}",
        caption=f"{len(pairs):,} texts of {path.name}.",
        columns=COLUMNS,
        blocks=(Block(info.task, "", tuple(rows), setting_of(info)),),
        legend=LEGEND,
        notes=tuple(notes),
        row_kind="model",
        is_measured=False,
        intervals=True,
    )


def _facet(stage: Model, facet: str) -> object:
    value = getattr(stage.info, facet)
    return value.name if facet in ("defense", "encoder") else value


def _predict(
    stage: Model, pairs: Sequence[AdversarialPair], device: torch.device, reporter: Reporter, trust_remote_code: bool
) -> dict[str, int]:
    """Return the class that a model predicts by text."""
    from robench.study.stages import trained_model
    from robench.study.stages.stored_reader import find_stored_reader

    info = stage.info
    predictor = trained_model.load(
        stage.folder,
        len(info.labels),
        max_length=trained_model.read_max_length(stage),
        precision=cast("Precision", info.precision),
        device=device,
        trust_remote_code=trust_remote_code,
        reader=find_stored_reader(info),
    )
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.original, pair.adversarial)))
    with reporter.track(info.label, "text", total=len(texts)) as work:
        classes = predictor.logits(texts, work.advance).argmax(-1).tolist()
    return dict(zip(texts, classes, strict=True))


def _cells(pairs: Sequence[AdversarialPair], predicted: dict[str, int]) -> tuple[Cell, ...]:
    right = [pair for pair in pairs if predicted[pair.original] == pair.label]
    fooled = sum(predicted[pair.adversarial] != pair.label for pair in right)
    return share_cell(len(right), len(pairs)), share_cell(fooled, len(right))
