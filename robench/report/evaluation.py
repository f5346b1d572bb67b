"""Results as Hugging Face's evaluation metadata: the ``model-index`` at the head of a model card.

The form is that of https://github.com/huggingface/hub-docs/blob/main/modelcard.md; ``huggingface_hub`` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.escaping import VALUE_LIMIT, escape_line, shorten
from robench.paths import absolute_path, atomic_write_text, read_regular
from robench.report.model_results import ModelResults
from robench.report.tables.model import Cell
from robench.version import VERSION

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

DIGITS = 4
"""Digits of a share behind the point."""
_MARK = "robench"
"""The key of a metric's arguments that tells robench's metrics from others."""


def write_evaluation(path: Path, found: Sequence[ModelResults]) -> None:
    """Write a model's results to the head of a model card; what else is in the file stays.

    Metrics that robench wrote there earlier about the same task and data are replaced.

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
    replaced = {metric.unique_identifier for metric in ours}
    others = [one for one in about.eval_results or [] if not (_is_ours(one) and one.unique_identifier in replaced)]
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
    source, _, place = info.data.source.partition(":")
    repository, _, revision = place.partition("@")
    revision = re.split("[/:]", revision, maxsplit=1)[0]  # of the user's own rows, configuration and split follow
    is_hub = source in ("hub", "hf")
    is_clean = name == "clean texts"
    details: dict[str, Any] = {_MARK: VERSION, "samples": cell.n, "seeds": list(cell.seeds)}
    details |= {"data_sha256": info.data.digest}
    if not is_clean:
        details |= {"attack": escape_line(name), "wrong_before_counts_as_wrong": True}
    if cell.errors:
        details["errors"] = cell.errors
    if cell.interval:
        details["interval"] = [round(cell.interval.low, DIGITS), round(cell.interval.high, DIGITS)]
        details["level"] = cell.interval.level
    return EvalResult(
        task_type="text-classification",
        task_name="Text classification",
        dataset_type=escape_line(repository if is_hub else info.task),
        dataset_name=escape_line(info.task),
        dataset_split=escape_line(info.split),
        dataset_revision=escape_line(revision) if is_hub and revision else None,
        metric_type="accuracy",
        metric_name="Accuracy on clean texts" if is_clean else f"Accuracy under {escape_line(name)}",
        metric_value=round(float(cell.value or 0), DIGITS),
        metric_args=details,
    )


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
        # A card without a head would be warned about, although it is nothing unusual.
        return ModelCard(text if text.lstrip().startswith("---") else f"---\n---\n{text}")
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        reason = shorten(escape_line(str(error)), VALUE_LIMIT)
        raise RobenchError(
            f"--model-card {path} begins with a head that is no metadata of a model ({reason}); mend it, or name"
            " another file."
        ) from error
