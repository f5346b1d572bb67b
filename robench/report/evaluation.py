"""Results as Hugging Face's evaluation metadata: the ``model-index`` at the head of a model card.

The form is that of https://github.com/huggingface/hub-docs/blob/main/modelcard.md; ``huggingface_hub`` writes it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.data.user_rows import HUB, parse_hub_place
from robench.errors import RobenchError
from robench.escaping import VALUE_LIMIT, escape_line, shorten
from robench.paths import absolute_path, atomic_write_text, read_regular
from robench.plugins import registry
from robench.report.model_results import ModelResults
from robench.report.tables.model import Cell
from robench.results.info import CellInfo
from robench.version import VERSION

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

DIGITS = 4
"""Digits of a share behind the point."""
_EMPTY_HEAD = re.compile(r"\A\s*---[ \t]*\r?\n---(?=\s)")
_MARK, _DIGEST = "robench", "data_sha256"
"""The keys of a metric's arguments that tell robench's metrics from others, and that identify the rows."""


def write_evaluation(path: Path, found: Sequence[ModelResults]) -> None:
    """Write a model's results to the head of a model card; what else is in the file stays.

    Metrics that robench wrote there earlier about the same split of the same rows are replaced.

    Args:
        path: a Markdown file, such as ``README.md`` of a model's folder; made if it is not there.
        found: the attacks on the model, task by task.

    Raises:
        RobenchError: the file has a head that is no metadata of a model, or it cannot be written.
    """
    path = absolute_path(path)
    card = read_card(path)
    about: Any = card.data
    ours = [metric for one in found for metric in make_metrics(one)]
    replaced = {_identify(metric) for metric in ours}
    others = [one for one in about.eval_results or [] if not (_is_ours(one) and _identify(one) in replaced)]
    about.eval_results = [*others, *ours]
    about.model_name = about.model_name or escape_line(found[0].name)
    atomic_write_text(path, str(card))


def make_metrics(found: ModelResults) -> list[EvalResult]:
    """Return accuracy on clean texts, under each attack, and under all of them, as metadata."""
    cells = [("clean texts", found.clean), *((column.name, cell) for column, cell in found.attacks)]
    if len(found.attacks) > 1:
        cells.append(("every attack", found.worst))
    return [_metric(found, name, cell) for name, cell in cells if cell.value is not None]


def _metric(found: ModelResults, name: str, cell: Cell) -> EvalResult:
    from huggingface_hub import EvalResult

    info = found.results[0].info
    is_clean = name == "clean texts"
    details: dict[str, Any] = {_MARK: VERSION, "samples": cell.n, "seeds": list(cell.seeds)}
    details |= {_DIGEST: info.data.digest}
    if not is_clean:
        details |= {"attack": escape_line(name), "wrong_before_counts_as_wrong": True}
    if cell.errors:
        details["errors"] = cell.errors
    if cell.interval:
        details["interval"] = [round(cell.interval.low, DIGITS), round(cell.interval.high, DIGITS)]
        details["level"] = cell.interval.level
    place: dict[str, Any] = {field: escape_line(value) for field, value in _name_data(info).items() if value}
    return EvalResult(
        task_type="text-classification",
        task_name="Text classification",
        dataset_name=escape_line(info.task),
        **place,
        metric_type="accuracy",
        metric_name="Accuracy on clean texts" if is_clean else f"Accuracy under {escape_line(name)}",
        metric_value=round(float(cell.value or 0), DIGITS),
        metric_args=details,
    )


def _name_data(info: CellInfo) -> dict[str, str]:
    """Return the fields of a metric that say where its rows are, by the Hub's names if they are there."""
    origin, _, place = info.data.source.partition(":")
    if f"{origin}:" != HUB and origin != "hub":
        return {"dataset_type": info.task, "dataset_split": info.split}
    found = parse_hub_place(f"{HUB}{place}")
    config, split = found["config"], found["split"]
    if origin == "hub":
        config, split = _find_names(info.task, info.split)
    return {
        "dataset_type": found["repository"],
        "dataset_config": config,
        "dataset_split": split or info.split,
        "dataset_revision": found["revision"],
    }


def _find_names(name: str, split: str) -> tuple[str, str]:
    """Return the Hub's names of a task's configuration and split; empty ones if it has none, or is not registered."""
    with contextlib.suppress(RobenchError):
        if hub := registry.entry("tasks", name).load().hub:
            return hub.config or "", {"test": hub.test, "dev": hub.dev or ""}[split]
    return "", ""


def _identify(metric: EvalResult) -> tuple[Any, ...]:
    """Return what two metrics share that are about the same split of the same rows."""
    return *metric.unique_identifier, (metric.metric_args or {}).get(_DIGEST)


def _is_ours(metric: EvalResult) -> bool:
    return isinstance(metric.metric_args, dict) and _MARK in metric.metric_args


def read_card(path: Path) -> ModelCard:
    """Read a model card; an empty one if the file is not there.

    Raises:
        RobenchError: the file has a head that is no metadata of a model, or it cannot be read.
    """
    import yaml
    from huggingface_hub import ModelCard

    try:
        text = read_regular(path).decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise RobenchError(f"--model-card {path} cannot be read ({error}); name another file.") from error
    try:
        # A card without a head would be warned about, although it is nothing unusual. huggingface_hub sees a head only
        # if its two marks have a line between them, and would else take the marks for part of the text.
        head = "" if text.lstrip().startswith("---") else "---\n\n---\n"
        return ModelCard(head + _EMPTY_HEAD.sub("---\n\n---", text))
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        reason = shorten(escape_line(str(error)), VALUE_LIMIT)
        raise RobenchError(
            f"--model-card {path} begins with a head that is no metadata of a model ({reason}); mend it, or name"
            " another file."
        ) from error
