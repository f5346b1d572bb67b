"""The evaluations during a training: the lines of ``training.jsonl``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.results.info import REMEDY
from robench.results.stage_file import describe_fault


class Evaluation(msgspec.Struct):
    """One line; what else it has is kept.

    Attributes:
        step: the optimiser step after which the development set was evaluated.
        dev_accuracy: accuracy on it, 0 to 1.
        loss: mean of each named term of the loss since the last evaluation.
    """

    step: Annotated[int, msgspec.Meta(ge=0)]
    dev_accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    loss: dict[str, float] = {}


def read_training_log(path: Path) -> list[dict[str, Any]]:
    """Read the evaluations of a training, each with the keys of :class:`Evaluation` and more; none without a file.

    Raises:
        RobenchError: the file cannot be read, or a line is none of that form.
    """
    evaluations: list[dict[str, Any]] = []
    try:
        for line in read_regular(path).splitlines():
            values = json.loads(line)
            msgspec.convert(values, Evaluation)
            evaluations.append({"loss": {}} | values)
    except FileNotFoundError:
        return []
    except msgspec.ValidationError as error:
        raise RobenchError(f"{path}, line {len(evaluations) + 1} {describe_fault(str(error))}; {REMEDY}.") from error
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
    return evaluations
