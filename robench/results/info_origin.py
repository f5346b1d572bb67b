"""The parts of ``stage.json`` about its making: how long it took, the files it left, and the machine."""

from __future__ import annotations

import msgspec

from robench.results.info_parts import Amount, Count


class Timing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The duration of a stage in seconds, and the amount of its work in the unit of its kind.

    Attributes:
        steps: optimiser steps of training.
        best_step: the step whose weights were kept.
        forwards: texts that went through an encoder in training, once for each pass of a network; without evaluations.
        backwards: texts whose gradient went back through an encoder in training, once for each pass.
        inference_seconds: seconds of the predictions for the test split, whose number of texts is ``clean.n``.
        examples: attacked examples.
        texts: scored texts.
    """

    seconds: Amount
    steps: Count | None = None
    best_step: Count | None = None
    forwards: Count | None = None
    backwards: Count | None = None
    inference_seconds: Amount | None = None
    examples: Count | None = None
    texts: Count | None = None


class FileInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file beside ``stage.json``: its sha256, its size, and its number of lines if it is a file of lines."""

    sha256: str
    bytes: Count
    lines: Count | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when a stage was made; it is not part of the key, but can change the numbers slightly.

    Attributes:
        date: date and time in UTC, ISO 8601.
        versions: versions of Python, torch, transformers and other packages.
        processor: name of the processor.
        instructions: the widest instruction set in use, such as ``avx512_bf16``.
        device: ``cpu``, or the name of the GPU.
        threads: number of torch's threads; None if the work did not run on the CPU.
    """

    date: str = ""
    versions: dict[str, str] = {}
    processor: str = ""
    instructions: str = ""
    device: str = ""
    threads: Count | None = None
