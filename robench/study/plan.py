"""From names to stages: what has to exist for the cells that were asked for, in the order in which it can be made.

``data -> Base -> adversarial training set -> defense -> attack``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from robench.data.load import TaskData
from robench.study.stages.stage import (
    AdversarialStage,
    CellStage,
    ModelStage,
    NamedAttack,
    NamedDefense,
    Setting,
    Stage,
)
from robench.study.stages.victim import VictimStage
from robench.training.defense import AdversarialDefense, FusedDefense
from robench.victims import VictimSource

VICTIM = "base"
"""Name of the defense whose model is attacked to make the adversarial training sets."""


def plan_cells(
    setting: Setting,
    data: TaskData,
    defenses: Sequence[NamedDefense],
    attacks: Sequence[NamedAttack],
    *,
    seed: int,
    named: Callable[[str], NamedDefense],
) -> list[CellStage]:
    """The cells of one task and seed: every defense under every attack.

    A defense that trains on adversarial texts is trained once per attack, on the texts which that attack made of the
    training set against Base; any other is trained once.

    Args:
        setting: what all of them share.
        data: of the task.
        defenses: the rows.
        attacks: the columns.
        seed: of training and attack.
        named: gives a defense by name: Base, and the parts of one that is made of others.
    """
    victim = ModelStage(setting, data, seed, named(VICTIM))
    cells = []
    for defense in defenses:
        for attack in attacks:
            adversarial = None
            if isinstance(defense.defense, AdversarialDefense):
                adversarial = AdversarialStage(setting, data, seed, victim, attack)
            parts: tuple[ModelStage, ...] = ()
            if isinstance(defense.defense, FusedDefense):
                parts = tuple(ModelStage(setting, data, seed, named(p), adversarial) for p in defense.defense.parts)
            model = ModelStage(setting, data, seed, defense, adversarial, parts)
            cells.append(CellStage(setting, data, seed, model, attack))
    return cells


def plan_victim(
    setting: Setting,
    data: TaskData,
    source: VictimSource,
    given: NamedDefense,
    attacks: Sequence[NamedAttack],
    *,
    seed: int,
) -> list[CellStage]:
    """The cells of one task and seed: a model that the user gives under every attack.

    Args:
        setting: what all of them share.
        data: of the task.
        source: the model.
        given: its name, and what tells it from other models.
        attacks: the columns.
        seed: of the attacks.
    """
    model = VictimStage(setting, data, seed, given, source=source)
    return [CellStage(setting, data, seed, model, attack) for attack in attacks]


def in_order(cells: Sequence[CellStage], done: Callable[[Stage], bool] = lambda stage: False) -> list[Stage]:
    """The cells and all that they need, each once, every stage after what it needs, without those that are done.

    What only a done stage needs is not needed.
    """
    found: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        if stage.key not in found and not done(stage):
            for needed in stage.needs:
                add(needed)
            found[stage.key] = stage

    for cell in cells:
        add(cell)
    return list(found.values())
