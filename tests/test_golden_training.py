"""Numbers of a short training with every registered defense, as they were when they were frozen.

A change that alters them alters what every user's training gives, so it raises FORMAT, which is part of every key, and
freezes anew (``support/freezing.py`` says how). Freezing does not replace a number of the same FORMAT; it only adds
what is new.
"""

from __future__ import annotations

import functools
import json
import math
from typing import Any

import pytest

from robench.data.load import Example
from robench.models.predictor import Predictor, accuracy
from robench.plugins import registry
from robench.results.records import Record, Status
from robench.study.stages.stage import FORMAT
from robench.study.stages.training_rows import arrange_rows
from robench.training.defense import FusedDefense
from robench.training.settings import TrainingSettings
from support import tiny
from support.freezing import FREEZING, GOLDENS, how

pytestmark = pytest.mark.usefixtures("one_thread")  # more add sums in another order, which shows in the last digits

FILE = GOLDENS / "training.json"
HOW = how(__file__)
FORMAT_AT = "robench/study/stages/stage.py"
TOLERANCE = 1e-5
NAMES = sorted(entry.name for entry in registry.entries("defenses") if entry.origin == "robench")
SEED = 1
SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-3, weight_decay=0.01, max_length=32, eval_every=1)
ROWS = tiny.examples(40, seed=5)
DEV = tiny.examples(20, seed=99)
TEXTS = (
    "the film was superb",
    "a long dull scene",
    "quiet music and an ending but for the actor",
    "awful bright story",
)

Numbers = dict[str, Any]


def attacked() -> list[Record]:
    """D_adv made by hand: two of three texts are turned, and Base's probabilities are arbitrary but fixed."""
    found = []
    for i, (text, label) in enumerate((row.text, row.label) for row in ROWS):
        status: Status = ("succeeded", "succeeded", "failed", "succeeded", "skipped", "succeeded")[i % 6]
        sure = 0.5 + (i % 7 + 1) / 16
        changed = text if status == "skipped" else text.replace("l", "ll").replace("a", "aa")
        found.append(
            Record(
                id=i,
                label=label,
                original=text,
                final=changed,
                status=status,
                probabilities_before=[sure, 1 - sure] if label == 0 else [1 - sure, sure],
                probabilities_after=[1 - sure, sure] if label == 0 else [sure, 1 - sure],
                queries=9,
                words_changed=1,
                words=len(text.split()),
                seconds=0.0,
            )
        )
    return found


@functools.cache
def trained(name: str) -> tuple[Predictor, list[dict[str, Any]], int, int]:
    """The deployed network, the log, the steps and the best of them."""
    defense = registry.entry("defenses", name).load()
    clean = list(enumerate(Example(row.text, row.label) for row in ROWS))
    if isinstance(defense, FusedDefense):
        states = [trained(part)[0].classifier.state_dict() for part in defense.parts]
        fused = tiny.classifier()
        fused.load_state_dict(defense.fuse(states))
        return tiny.predictor(fused, max_length=SETTINGS.max_length), [], 0, 0
    rows, _ = arrange_rows(defense, clean, attacked(), SEED)
    result = tiny.trained(defense, rows, SETTINGS, dev=DEV, seed=SEED)
    return result.predictor, result.log, result.steps, result.best_step


def numbers(name: str) -> Numbers:
    """What is frozen of a defense."""
    predictor, log, steps, best_step = trained(name)
    logits = predictor.logits([example.text for example in DEV])
    weights = [value.double() for value in predictor.classifier.state_dict().values() if value.is_floating_point()]
    return {
        "steps": steps,
        "best_step": best_step,
        "losses": [rounded(entry["loss"]) for entry in log],
        "dev_accuracies": [round(entry["dev_accuracy"], 7) for entry in log],
        "dev_accuracy": round(accuracy(logits, [example.label for example in DEV]), 7),
        "logits": [[round(value, 7) for value in row] for row in predictor.logits(TEXTS).tolist()],
        "weights": round(sum(value.abs().sum().item() for value in weights), 5),
    }


def rounded(terms: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 7) for name, value in terms.items()}


def stored() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"format": FORMAT, "defenses": {}}


def differences(found: Any, frozen: Any, at: str = "") -> list[str]:
    """Where two structures of numbers are further apart than the tolerance (of 1, or of what is above it), as text."""
    if isinstance(found, dict) and isinstance(frozen, dict) and list(found) == list(frozen):
        return [told for key in found for told in differences(found[key], frozen[key], f"{at} {key}")]
    if isinstance(found, list) and isinstance(frozen, list) and len(found) == len(frozen):
        return [told for i in range(len(found)) for told in differences(found[i], frozen[i], f"{at}[{i}]")]
    if (
        isinstance(found, int | float)
        and isinstance(frozen, int | float)
        and math.isclose(found, frozen, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    ):
        return []
    return [f"{at.strip()}: {found} now, {frozen} frozen"]


def freeze(name: str, found: Numbers) -> None:
    """Add what is new; a file of an older FORMAT is begun anew."""
    whole = stored()
    if whole["format"] < FORMAT:
        whole = {"format": FORMAT, "defenses": {}}
    kept = {one: whole["defenses"][one] for one in NAMES if one in whole["defenses"]}
    if name not in kept:
        kept[name] = found
    ordered = {one: kept[one] for one in NAMES if one in kept}
    text = json.dumps({"format": FORMAT, "defenses": ordered}, indent=1)
    FILE.write_text(compact(text) + "\n", encoding="utf-8")


def compact(text: str) -> str:
    """JSON with one line for each innermost list or object."""
    lines: list[str] = []
    opened: list[str] = []
    for line in text.split("\n"):
        if line.endswith(("[", "{")):
            lines, opened = lines + opened, [line]
        elif opened and line.strip().rstrip(",") in ("]", "}"):
            indent = opened[0][: len(opened[0]) - len(opened[0].lstrip())]
            inner = " ".join(part.strip() for part in opened[1:])
            lines.append(f"{indent}{opened[0].strip()}{inner}{line.strip()}")
            opened = []
        elif opened:
            opened.append(line)
        else:
            lines.append(line)
    return "\n".join(lines + opened)


def test_the_frozen_numbers_are_of_this_format() -> None:
    if FREEZING:
        pytest.skip("freezing")
    of = stored()["format"]
    assert of >= FORMAT, f"FORMAT is {FORMAT} now and {FILE.name} is of {of}: {HOW}"
    assert of == FORMAT, f"{FILE.name} is of FORMAT {of}, above robench's own {FORMAT}: FORMAT never goes down."


def test_the_frozen_defenses_are_those_registered() -> None:
    if FREEZING:
        pytest.skip("freezing")
    gone = sorted(stored()["defenses"].keys() - set(NAMES))
    assert not gone, f"{FILE.name} has numbers of {', '.join(gone)}, which no entry point names any more: {HOW}"


@pytest.mark.parametrize("name", NAMES)
def test_a_defense_trains_to_the_frozen_numbers(name: str) -> None:
    found, whole = numbers(name), stored()
    frozen = whole["defenses"].get(name)
    if whole["format"] != FORMAT and not FREEZING:
        pytest.fail(f"FORMAT is {FORMAT} and {FILE.name} is of {whole['format']}: {HOW}")
    if frozen is not None and whole["format"] == FORMAT and (wrong := differences(found, frozen)):
        pytest.fail(
            f"{name} no longer trains to the frozen numbers ({len(wrong)} differ; {'; '.join(wrong[:3])}). If that is"
            f" meant, raise FORMAT in {FORMAT_AT}, so that no stored result is taken for the new one; then {HOW}"
        )
    if FREEZING:
        freeze(name, found)
    elif frozen is None:
        pytest.fail(f"the defense {name} has no frozen numbers: {HOW}")
