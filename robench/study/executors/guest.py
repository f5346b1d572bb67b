"""What a worker does besides if it may be on another machine than the process that started it.

How it works: results must not depend on who computes them, so the worker refuses to start with other versions or,
unless it is told, with other instructions. Of the models that a stage names, folders were sent, and a bundled encoder
is fetched here by the same pins. So are the resources of attacks; the key of the stage, made again, shows that they are
the same.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.models.encoders import EncoderSource, find_encoder
from robench.results.integrity import make_key
from robench.study.environment import record_environment
from robench.study.executors.messages import Begin, Origin
from robench.study.executors.transport import ModelSource, load_stage
from robench.study.stages.stage import Stage

if TYPE_CHECKING:
    import torch


class Guest:
    """A worker that may be on another machine than the process that started it.

    Args:
        origin: that process.
        device: the device that models run on here.
        offline: whether to forbid downloads.

    Raises:
        RobenchError: this machine is not like the other one.
    """

    def __init__(self, origin: Origin, device: torch.device, *, offline: bool) -> None:
        check_likeness(origin, device)
        self._offline = offline
        self._bundled: dict[str, EncoderSource] = {}
        self._checked: set[str] = set()

    def load_stage(self, begin: Begin, data: Mapping[str, TaskData]) -> Stage:
        """Load the stage of a job, and fetch the resources that it needs.

        Args:
            begin: the beginning of the job.
            data: by name the data that the stage refers to.

        Raises:
            RobenchError: something cannot be fetched, or differs from that of the other machine.
        """
        copies = dict(begin.places)
        stage = load_stage(begin.stage, data, lambda source: self._locate(source, copies))
        if stage.key not in self._checked:
            stage.prepare(offline=self._offline)
            if make_key(stage.identity) != stage.key:
                raise RobenchError(
                    f"{stage.title}: the node {platform.node()} has other resources of the attack than the machine that"
                    " runs robench; delete those that are not the published ones, and they are fetched again."
                )
            self._checked.add(stage.key)
        return stage

    def _locate(self, source: ModelSource, copies: Mapping[str, str]) -> ModelSource:
        """Return the source of a model with its place on this machine; one of the Hub stays as it is."""
        if not (isinstance(source, EncoderSource) and source.bundled):
            return replace(source, location=copies.get(source.location, source.location))
        if source.name not in self._bundled:
            self._bundled[source.name] = find_encoder(source.name, offline=self._offline)
        here = self._bundled[source.name]
        if here.digest != source.digest:
            raise RobenchError(
                f"the encoder {source.name} has other files on the node {platform.node()} ({here.location}) than on the"
                " machine that runs robench; delete those that are broken, and they are fetched again."
            )
        return here


def check_likeness(origin: Origin, device: torch.device) -> None:
    """Check that this machine has the versions of another one, and computes with the same instructions.

    Args:
        origin: the process on the other machine.
        device: the device that models run on here.

    Raises:
        RobenchError: something differs that may move a number.
    """
    here, there, node = record_environment(device), origin.environment, platform.node()
    for package, version in there.versions.items():
        own = here.versions.get(package, "none")
        if not _is_same(own, version):
            raise RobenchError(
                f"the node {node} has {package} {own}, and the machine that runs robench has {version}: results could"
                " differ; install the same version on both."
            )
    if origin.accepts_any_processor:
        return
    if (here.instructions, here.device) != (there.instructions, there.device):
        own, other = (f"{one.processor} ({one.instructions}, {one.device})" for one in (here, there))
        raise RobenchError(
            f"the node {node} computes on {own}, and the machine that runs robench on {other}: last digits of results"
            " would depend on who computes what. Leave one of them out, or give --ray-any-processor."
        )


def _is_same(version: str, other: str) -> bool:
    """Return whether two versions are the same; that of robench ends with a commit in brackets, where it is known."""
    are_known = "(" in version and "(" in other
    return version == other if are_known else version.partition(" ")[0] == other.partition(" ")[0]
