"""The state of a training between two steps, and the file that holds it.

How it works: all tensors are in one safetensors file, and everything else is JSON in its metadata; reading it runs no
code. The file also says what training it belongs to, and has a checksum of all of that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robench.paths import atomic_write_file, open_regular

Count = Annotated[int, msgspec.Meta(ge=0)]


class Position(msgspec.Struct, kw_only=True, frozen=True):
    """Where in the data a training is.

    Attributes:
        epoch: the epoch, from 0.
        batch: number of its batches that were used.
        steps: number of optimiser steps that the whole training is expected to have.
        added: texts and labels of the adversarial rows, which the defense may have had made while it was trained.
    """

    epoch: Count
    batch: Count
    steps: Count
    added: list[tuple[str, int]]


class Progress(msgspec.Struct, kw_only=True, frozen=True):
    """What a training keeps besides tensors.

    Attributes:
        step: number of optimiser steps that were done; it also says where in the schedule of the learning rate the
            training is and, unless ``position`` does, where in the data.
        seconds: duration so far, of all processes together.
        forwards: number of texts that went through an encoder so far.
        backwards: number of texts whose gradient went back through an encoder so far.
        best_step: the step of the best evaluation.
        best_accuracy: its accuracy on the development set; -1 before the first evaluation.
        has_learned: whether any step had a gradient.
        terms: names of the terms of the loss that were summed since the last evaluation, in order.
        summed: number of steps since then.
        log: the evaluations, see :class:`~robench.training.run.TrainingResult`.
        frozen: for each network, the names of the parameters that are not trained.
        random: states of the generators of Python and NumPy.
        defense: what the defense keeps besides tensors, by name.
        defense_tensors: the names of the tensors that it keeps.
        position: where in the data the training is, if its adversarial rows change; None if all epochs are alike.
    """

    step: Annotated[int, msgspec.Meta(ge=1)]
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    forwards: Count
    backwards: Count
    best_step: Count
    best_accuracy: float
    has_learned: bool
    terms: list[str]
    summed: Count
    log: list[dict[str, Any]]
    frozen: list[list[str]]
    random: dict[str, Any]
    defense: dict[str, Any]
    defense_tensors: list[str]
    position: Position | None = None


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two steps.

    Attributes:
        progress: everything but tensors.
        tensors: the tensors by name: ``network.0.<parameter>``, ``optimiser.<parameter's number>.<name>``,
            ``best.<parameter>``, ``sum.<term's number>``, ``random.<device>``, ``defense.<number>``.
    """

    progress: Progress
    tensors: dict[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with ``name.``, without that beginning."""
        start = f"{name}."
        return {key.removeprefix(start): value for key, value in self.tensors.items() if key.startswith(start)}

    def check(self, groups: Mapping[str, Mapping[str, Tensor]], optional: Iterable[str]) -> None:
        """Check names, shapes and types of the tensors, except of those that a defense keeps.

        Args:
            groups: tensors like those that have to be there, by group.
            optional: groups that may be absent altogether.

        Raises:
            ValueError: one is missing, unknown, or of another shape or type.
        """
        known = {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
        absent = {group for group in optional if not self.group(group)}
        expected = {name for name in known if not any(name.startswith(f"{group}.") for group in absent)}
        expected |= {f"sum.{i}" for i in range(len(self.progress.terms))}
        expected |= {f"defense.{i}" for i in range(len(self.progress.defense_tensors))}
        if odd := sorted(expected ^ self.tensors.keys()):
            raise ValueError(f"it {'lacks' if odd[0] in expected else 'has'} the tensor {odd[0]}")
        for name, value in self.tensors.items():
            like = known.get(name)
            if like is not None and (value.shape, value.dtype) != (like.shape, like.dtype):
                raise ValueError(f"its tensor {name} is {tuple(value.shape)}, not {tuple(like.shape)}")
            if name.startswith("sum.") and value.ndim:
                raise ValueError(f"its tensor {name} is no single number")


def write_snapshot(path: Path, snapshot: Snapshot, owner: Mapping[str, Any]) -> None:
    """Write a snapshot; see :func:`~robench.paths.atomic_write_file`.

    Args:
        path: the file.
        snapshot: the state.
        owner: what training it belongs to, as JSON values.

    Raises:
        RobenchError: it cannot be written.
    """
    tensors = _separate(snapshot.tensors)
    content = json.dumps({"owner": owner, "progress": msgspec.to_builtins(snapshot.progress)})
    with atomic_write_file(path) as draft:
        try:
            metadata = {"format": "pt", "content": content, "checksum": _compute_checksum(content, tensors)}
            safetensors.torch.save_file(tensors, draft, metadata)
        except Exception as error:  # a full disk, or a kind of tensor that the library does not write
            raise OSError(str(error)) from error


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors on the CPU, none of which is part of another, as tied weights are: the library refuses them."""
    separate: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu()
        if value.layout == torch.strided:  # the library says which others it does not write
            value = value.contiguous()
            place = value.untyped_storage().data_ptr()
            value = value.clone() if place in places else value
            places.add(place)
        separate[name] = value
    return separate


def read_snapshot(path: Path, owner: Mapping[str, Any]) -> Snapshot:
    """Read a snapshot.

    Args:
        path: the file.
        owner: what training it has to belong to.

    Raises:
        ValueError: it is broken, or of another training; the message says how, as a clause.
    """
    try:
        open_regular(path).close()
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copies, because the file's own are mapped from the disk and begin at any address.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
        content, checksum = metadata["content"], metadata["checksum"]
        if checksum != _compute_checksum(content, tensors):
            raise ValueError("its checksum does not fit")
        values = json.loads(content)
        found = values["owner"]
        progress = msgspec.convert(values["progress"], Progress)
    except (OSError, KeyError, TypeError, RecursionError, safetensors.SafetensorError) as error:
        raise ValueError(f"it is not readable: {error}") from error
    if odd := [name for name in owner if not isinstance(found, dict) or found.get(name) != owner[name]]:
        raise ValueError(f"it is of another training: {', '.join(odd)} differ")
    return Snapshot(progress, tensors)


def _compute_checksum(content: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a CRC: it has to find accidents, and is computed twice as fast as a hash that also resists forgery."""
    value = zlib.crc32(content.encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, value)
    return f"{value:08x}"
