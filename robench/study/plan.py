"""From names to stages: what has to exist for the cells that were asked for, in the order in which it can be made.

``data -> Base -> adversarial training set -> defense -> attack``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from robench.data.load import TaskData
from robench.plugins import registry
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.stage import NamedAttack, NamedDefense, Setting, Stage
from robench.study.stages.statistics import StatisticsStage
from robench.study.stages.train import ModelStage
from robench.study.stages.victim import VictimStage
from robench.training.defense import AdversarialDefense, FusedDefense
from robench.victims import VictimSource


def plan_cells(
    setting: Setting,
    data: TaskData,
    defenses: Sequence[NamedDefense],
    attacks: Sequence[NamedAttack],
    *,
    seed: int,
    find_defense: Callable[[str], NamedDefense],
) -> list[CellStage]:
    """Plan the cells of one task and seed: every defense under every attack.

    A defense that trains on adversarial texts is trained once per attack, on the texts which that attack made of the
    training set against Base; any other is trained once.

    Args:
        setting: what all of them share.
        data: of the task.
        defenses: the rows.
        attacks: the columns.
        seed: of training and attack.
        find_defense: gives a defense by name: Base, and the parts of one that is made of others.
    """
    victim = ModelStage(setting, data, seed, find_defense(registry.reference()))
    cells = []
    for defense in defenses:
        for attack in attacks:
            adversarial = None
            if isinstance(defense.defense, AdversarialDefense):
                adversarial = AdversarialStage(setting, data, seed, victim, attack)
            parts: tuple[ModelStage, ...] = ()
            if isinstance(defense.defense, FusedDefense):
                parts = tuple(
                    ModelStage(setting, data, seed, find_defense(p), adversarial) for p in defense.defense.parts
                )
            model = ModelStage(setting, data, seed, defense, adversarial, parts)
            cells.append(CellStage(setting, data, seed, model, attack))
    return cells


def plan_statistics(cells: Sequence[CellStage], reference: NamedDefense) -> list[Stage]:
    """Plan the statistics of the models behind some cells, and of the encoder before fine-tuning (table 7).

    All are measured on the texts that the cell's attack made of the test samples against the reference defense.

    Args:
        cells: of any tasks, attacks and seeds.
        reference: the defense whose adversarial texts all models are measured on.
    """
    stages: dict[str, Stage] = {}
    for cell in cells:
        setting, data, seed = cell.setting, cell.data, cell.seed
        victim = ModelStage(setting, data, seed, reference)
        texts = CellStage(setting, data, seed, victim, cell.attack)
        for stage in (StatisticsStage(setting, data, seed, texts), StatisticsStage(setting, data, seed, texts, cell)):
            stages.setdefault(stage.key, stage)
    return list(stages.values())


def plan_victim(
    setting: Setting,
    data: TaskData,
    source: VictimSource,
    victim: NamedDefense,
    attacks: Sequence[NamedAttack],
    *,
    seed: int,
) -> list[CellStage]:
    """Plan the cells of one task and seed: a model that the user brought under every attack.

    Args:
        setting: what all of them share.
        data: of the task.
        source: the model.
        victim: its name, and what tells it from other models.
        attacks: the columns.
        seed: of the attacks.
    """
    model = VictimStage(setting, data, seed, victim, source=source)
    return [CellStage(setting, data, seed, model, attack) for attack in attacks]


def order_stages(stages: Sequence[Stage], done: Callable[[Stage], bool] = lambda stage: False) -> list[Stage]:
    """Order stages and all that they need: each once, every stage after what it needs, without those that are done.

    What only a finished stage needs is not needed.
    """
    found: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        if stage.key not in found and not done(stage):
            for needed in stage.needs:
                add(needed)
            found[stage.key] = stage

    for stage in stages:
        add(stage)
    return list(found.values())
