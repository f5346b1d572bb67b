"""A given model is tried, the test split predicted, and what was found stored for the cells."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from robench.errors import RobenchError
from robench.paths import atomic_folder
from robench.progress import Reporter
from robench.results.store import STAGE_FILE, StoredStage
from robench.study.stages.describe import describe
from robench.study.stages.trained_model import CLEAN_FILE, clean_summary, predict_clean, write_lines
from robench.victims import FunctionSource, VictimModel, check_order, examine

if TYPE_CHECKING:
    from robench.study.stages.victim import VictimStage

REMEMBERED = 8
"""Test texts on which a function is compared with what it said before."""
CHANGED = 0.01
"""Difference of a probability that no arithmetic explains."""


def make(stage: VictimStage, folder: Path, reporter: Reporter, device: torch.device) -> VictimModel:
    """Try a given model, predict the test split, and store both; give it ready to be attacked.

    Raises:
        RobenchError: it cannot be used, knows less than chance, or cannot be stored.
    """
    started = time.perf_counter()
    data, given = stage.data, stage.given
    scorer = stage.source.load(max_length=given.max_length, precision=stage.setting.precision, device=device)
    found = examine(scorer, data.test, data.labels, given.label_order)
    for warning in found.warnings:
        reporter.say(f"    warning: {warning}")
    victim = VictimModel(scorer, found.order, found.probabilities)
    with reporter.work("clean accuracy", "text", total=len(data.test)) as work:
        clean = predict_clean(victim, data.test, work.advance)
    gold = [example.label for example in data.test]
    guesses = [max(range(len(data.labels)), key=row["probabilities"].__getitem__) for row in clean]
    misordered = check_order(data.labels, found.order, gold, guesses, is_explicit=given.label_order is not None)
    for warning in misordered:
        reporter.say(f"    warning: {warning}")
    info = describe(stage)
    info["victim"] |= {
        "label_order": list(found.order),
        "probabilities": found.probabilities,
        "random": found.random,
        "max_length": scorer.max_length,
    }
    info |= {
        "clean": clean_summary(clean),
        "warnings": [*found.warnings, *misordered],
        "timing": {"seconds": round(time.perf_counter() - started, 1), "texts": len(clean)},
    }
    with atomic_folder(folder) as draft:
        write_lines(draft / CLEAN_FILE, clean)
        (draft / STAGE_FILE).write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return victim


def load(stage: VictimStage, stored: StoredStage, device: torch.device) -> VictimModel:
    """The model again, as it was stored.

    Raises:
        RobenchError: it cannot be loaded, or a function says something else than it did.
    """
    scorer = stage.source.load(max_length=stage.given.max_length, precision=stage.setting.precision, device=device)
    about = stored.info["victim"]
    victim = VictimModel(scorer, tuple(about["label_order"]), about["probabilities"])
    if isinstance(stage.source, FunctionSource) and not about["random"]:
        _check_unchanged(stage, stored, victim)
    return victim


def _check_unchanged(stage: VictimStage, stored: StoredStage, victim: VictimModel) -> None:
    path = stored.folder / CLEAN_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[:REMEMBERED]
        before = torch.tensor([json.loads(line)["probabilities"] for line in lines])
    except (OSError, ValueError, KeyError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); delete its folder and run again.") from error
    now = victim.logits([example.text for example in stage.data.test[:REMEMBERED]]).softmax(-1)
    if before.shape != now.shape or (before - now).abs().max() > CHANGED:
        raise RobenchError(
            f"{stage.source.shown} does not score the test texts as it did when {stored.folder.name} was stored, though"
            " its source is the same: its weights have changed. Give it another --version TEXT, or make all again with"
            " --existing always."
        )
