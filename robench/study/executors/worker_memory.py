"""The memory that a worker takes on a CPU, from the sizes of the models of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from robench.errors import RobenchError
from robench.resources.foreign_model import count_parameters
from robench.resources.model_files import ModelFiles
from robench.study.executors.gpu import CONTEXT_BYTES, estimate_unit_bytes
from robench.study.plan import order_stages
from robench.study.stages.context import HELD_MODELS
from robench.study.stages.stage import Stage
from robench.study.stages.train import ModelStage
from robench.study.stages.victim import VictimStage
from robench.victims.source import PretrainedSource

WORKER_BYTES = 3 * 2**29
"""Memory of a worker with TextAttack, its resources and two models of the bundled encoder: 1.5 GiB."""
_WEIGHT_BYTES = 4


def estimate_worker_bytes(stages: Sequence[Stage]) -> int:
    """Return the bytes of memory for each job at a time, in which the largest work of a plan has room.

    Args:
        stages: the stages that are to be made.
    """
    models = [stage for stage in order_stages(stages) if isinstance(stage, ModelStage)]
    sizes = {files: _count(files) for files in set(map(_find_files, models))}
    made = {stage.key for stage in stages}
    held = min(HELD_MODELS, len(models))
    estimates = (_estimate(one, sizes[_find_files(one)], held, is_made=one.key in made) for one in models)
    return max([WORKER_BYTES, *estimates])


def _find_files(model: ModelStage) -> ModelFiles | None:
    """Return the files of a network that may be of any size; None for the bundled encoder, and for no network."""
    if not isinstance(model, VictimStage):
        return None if model.setting.encoder.bundled else model.setting.encoder.files
    source = model.source
    return (source.base or source).files if isinstance(source, PretrainedSource) else None


def _count(files: ModelFiles | None) -> int:
    """Count the weights of a network; 0 if nothing is known of it."""
    try:
        return count_parameters(files) if files else 0
    except RobenchError:  # whoever loads it says so
        return 0


def _estimate(model: ModelStage, parameters: int, held: int, *, is_made: bool) -> int:
    """Return the bytes for each job at a time while a model is made or attacked; 0 if its size is not known."""
    if not parameters:
        return 0
    attack = CONTEXT_BYTES + held * _WEIGHT_BYTES * parameters
    if isinstance(model, VictimStage) or not is_made:
        return attack
    threads = int(model.setting.hardware.get("threads") or 1)  # a training takes the place of as many jobs
    return max(attack, estimate_unit_bytes(parameters, model.defense.defense.network_count, model.training) // threads)
