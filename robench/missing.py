"""The commands that fill the gaps of a table."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any, NamedTuple

from robench.results import Result, option_text
from robench.spec import PRESETS, Preset


class Gap(NamedTuple):
    """A cell that is not there.

    Attributes:
        row: a result of the same block and defense.
        column: a result of the same attack.
        seed: of the cell.
        named: whether its defense and attack can be asked for by name: not where only a key tells them from others.
    """

    row: Result
    column: Result
    seed: int
    named: bool = True


def commands(gaps: Iterable[Gap], extra: Sequence[str] = ()) -> tuple[tuple[str, ...], int]:
    """``robench run`` commands that make exactly the cells of ``gaps``, and the number of cells that none can make.

    Another version of robench or of a plug-in, or settings that no preset has, made what stands beside the latter.

    Args:
        gaps: in the order in which names should appear.
        extra: options to add to each.
    """
    boxes: list[tuple[Any, ...]] = []
    hopeless = 0
    for row, column, seed, named in gaps:
        options = _options(row, column) if named else None
        if options is None:
            hopeless += 1
            continue
        names = row.info["defense"]["name"], row.info["task"], column.info["attack"]["name"], seed
        boxes.append((options, *((name,) for name in names)))
    return tuple(_command(box, extra) for box in _merged(boxes)), hopeless


def _merged(boxes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Products of single names joined into larger ones: first over seeds, then attacks, defenses, tasks."""
    for axis in (4, 3, 1, 2):
        found: dict[tuple[Any, ...], dict[Any, None]] = {}
        for box in boxes:
            found.setdefault((*box[:axis], *box[axis + 1 :]), {}).update(dict.fromkeys(box[axis]))
        boxes = [(*rest[:axis], tuple(names), *rest[axis:]) for rest, names in found.items()]
    return boxes


def _command(box: tuple[Any, ...], extra: Sequence[str]) -> str:
    options, defenses, tasks, attacks, seeds = box
    names = ["--defense", ",".join(defenses), "--task", ",".join(tasks), "--attack", ",".join(attacks)]
    return shlex.join(["robench", "run", *names, *options, "--seed", ",".join(map(str, sorted(seeds))), *extra])


def _options(row: Result, column: Result) -> tuple[str, ...] | None:
    """Preset and all that differs from it; None where no preset trains as this row was trained."""
    info = row.info
    found = _preset(info)
    if found is None:
        return None
    name, preset, training = found
    options = ["--preset", name]
    if info["encoder"]["name"] != preset.encoder:
        options += ["--encoder", info["encoder"]["name"]]
    if info["train_rows"] != preset.train_limit:
        options += ["--train-limit", str(info["train_rows"])]
    tested = info["clean"]["n"]
    if row.attacked_n != min(preset.attack_limit or tested, tested):
        options += ["--attack-limit", str(row.attacked_n)]
    options += ["--precision", info["precision"]]
    origin, _, folder = str(info["data"].get("source", "")).partition(":")
    if origin == "local":
        options += ["--data", str(PurePath(folder).parent)]
    for field, value in sorted(training.items()):
        options += ["--set", f"training.{field}={option_text(value)}"]
    for thing in (info["defense"], column.info["attack"]):
        for field, value in sorted(thing["changed"].items()):
            options += ["--set", f"{thing['name']}.{field}={option_text(value)}"]
    return tuple(options)


def _preset(info: Any) -> tuple[str, Preset, dict[str, Any]] | None:
    """The preset that trains as the result was trained, or else the result's own, and the settings to change in it."""
    for name in sorted(PRESETS, key=lambda name: name != info["preset"]):
        if asdict(PRESETS[name].training) == info["training"]:
            return name, PRESETS[name], {}
    preset = PRESETS.get(info["preset"])
    if preset is None or asdict(preset.training).keys() != info["training"].keys():  # of another version
        return None
    usual = asdict(preset.training)
    return info["preset"], preset, {name: v for name, v in info["training"].items() if v != usual[name]}
