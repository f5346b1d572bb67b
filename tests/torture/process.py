"""What is imported once, and the forks of it in which inputs are tried."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from torture.case import Numbered, Place
from torture.trial import try_case
from torture.verdict import RIGHT, Verdict, judge
from torture.workshop import furnish, make_workshop

OTHERS = ("matplotlib.pyplot", "pandas", "pyarrow.parquet", "textattack.attack_recipes", "pyarrow.dataset")
"""Modules of others that robench imports when it needs them."""


def import_everything() -> None:
    """Import what robench imports sooner or later, and read once what it reads once, so that a fork need not."""
    from robench.resources import load_textattack
    from robench.resources.attack_resources import Resource, prepare_resources

    prepare_resources(get_args(Resource), "bundled")  # inputs are tried offline
    load_textattack()
    import robench

    for module in pkgutil.walk_packages(robench.__path__, "robench."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in OTHERS:
        importlib.import_module(name)
    import torch
    from nltk.corpus import wordnet
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel, BertTokenizerFast

    from support.tiny_job import robench as command

    assert all((AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel, BertTokenizerFast))
    torch.set_num_threads(1)
    wordnet.ensure_loaded()
    for words in (("list",), ("table", "5", "--runs", "nowhere"), ("table", "--nothing")):
        command(*words)


def fork(function: object, *arguments: object) -> int:
    """Call a function that does not return in a fork of this process, and return the fork's id."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which a test's process may have
        child = os.fork()
    if child == 0:
        try:
            function(*arguments)  # type: ignore[operator]
        finally:
            os._exit(99)
    return child


def make_workshop_elsewhere(folder: Path) -> None:
    """Make the workshop in a fork, so that nothing of it stays in this process.

    Raises:
        RuntimeError: it cannot be made.
    """

    def make() -> None:
        make_workshop(folder)
        os._exit(0)

    if os.waitstatus_to_exitcode(os.waitpid(fork(make), 0)[1]):
        raise RuntimeError("the workshop cannot be made; the message stands above")


class _Trial(NamedTuple):
    numbered: Numbered
    place: Place
    began: float


def try_all(
    cases: Sequence[Numbered], workshop: Path, folder: Path, *, keep: bool = False
) -> Iterator[tuple[Numbered, Verdict]]:
    """Try inputs, two at a time, and yield each with its verdict as soon as that is known.

    Args:
        cases: the inputs.
        workshop: the folders that they spoil.
        folder: where the copies of these go.
        keep: leave the folders of those that went wrong.
    """
    gc.collect()
    gc.freeze()  # what is imported stays as it is, in memory that all forks share
    waiting, running = list(reversed(cases)), dict[int, _Trial]()
    while waiting or running:
        while waiting and len(running) < 2:
            numbered = waiting.pop()
            place = Place(folder / str(numbered).replace(":", "-"))
            place.root.mkdir(parents=True)
            furnish(place, workshop)
            running[fork(try_case, numbered.case, place)] = _Trial(numbered, place, time.monotonic())
        for process, trial in list(running.items()):
            seconds = time.monotonic() - trial.began
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended and seconds < trial.numbered.case.seconds:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process, signal.SIGKILL)  # and what it started
            if not ended:
                os.waitpid(process, 0)
            del running[process]
            code = os.waitstatus_to_exitcode(status) if ended else None
            verdict = judge(trial.numbered.case, trial.place, code, seconds)
            if verdict.kind in RIGHT or not keep:
                shutil.rmtree(trial.place.root, ignore_errors=True)
            yield trial.numbered, verdict
        time.sleep(0.005)
