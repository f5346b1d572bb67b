"""The checkpoints of a stage that trains, and what they belong to."""

from __future__ import annotations

from pathlib import Path

from robench.results.integrity import CHECKPOINT_FILE
from robench.results.misfits import set_file_aside
from robench.study.environment import record_environment
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.training.checkpoints import Checkpoints


def open_checkpoints(stage: Stage, context: Context, folder: Path) -> Checkpoints:
    """Keep the training of a stage in the folder, in whose place the finished model comes.

    A checkpoint belongs to whatever determines the weights to the bit, which is more than the key.
    """

    def set_aside(file: Path, reason: str) -> None:
        place = set_file_aside(file)
        context.reporter.warn(f"    {file} is not used: {reason}; it is moved to {place}, and training begins anew")

    environment = record_environment(context.device)
    owner = {
        "key": stage.key,
        "parents": stage.digest_parents(context.store),
        "versions": {name: environment.versions[name] for name in ("torch", "transformers")},
        "instructions": environment.instructions,
        "device": environment.device,
    }
    return Checkpoints(folder / CHECKPOINT_FILE, owner, set_aside=set_aside, warn=context.reporter.warn)
