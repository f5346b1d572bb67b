"""What a stored stage says of itself: the content of ``stage.json``, less its results."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import robench
from robench.study.presets import ELSEWHERE
from robench.study.stages.stage import AttackingStage, ModelStage, NamedAttack, NamedDefense, Stage
from robench.study.stages.victim import VictimStage


def describe(stage: Stage) -> dict[str, Any]:
    """Everything a reader of the result has to know, as plain JSON values."""
    setting = stage.setting
    info: dict[str, Any] = {
        "robench": robench.__version__,
        "kind": stage.kind,
        "label": stage.label,
        "key": stage.key,
        "task": stage.data.task,
        "labels": list(stage.data.labels),
        "data": {"source": stage.data.source, "digest": stage.data.digest, "notes": list(stage.data.notes)},
        "encoder": {"name": setting.encoder.name, "digest": setting.encoder.digest},
        "preset": setting.preset,
        "precision": setting.precision,
        "training": asdict(setting.training),
        "train_rows": len(stage.training_rows()),
        "seed": stage.seed,
    }
    if isinstance(stage, AttackingStage):
        info["attack"] = {"title": stage.attack.title, **_named(stage.attack, stage.attack.attack)}
        info["model"] = stage.model.key
    model = stage.model if isinstance(stage, AttackingStage) else stage
    if isinstance(model, ModelStage):
        info["defense"] = _named(model.defense, model.defense.defense)
        info["adversarial"] = model.adversarial.key if model.adversarial else None
    if isinstance(model, VictimStage):
        info |= {"training": dict(ELSEWHERE), "train_rows": 0}
        source = model.source
        command = list(source.command) if source.command else None
        info["victim"] = {"kind": source.kind, "model": source.shown, "command": command}
    return info | {"identity": stage.identity}


def _named(named: NamedDefense | NamedAttack, thing: Any) -> dict[str, Any]:
    values = {field.name: getattr(thing, field.name) for field in fields(thing)}
    return {
        "name": named.name,
        "class": f"{type(thing).__module__}:{type(thing).__qualname__}",
        "fields": values,
        "changed": dict(named.changed),
        "code": named.code,
    }
