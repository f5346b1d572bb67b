"""From defenses, attacks and data to stages: everything that has to exist for some cells, in an order of making.

How it works: stages form a graph. ``stage.needs`` are the edges, and equal keys mean the same stage:
``Base -> D_adv -> defense -> cell``. The functions ``plan_...`` build only the last stages of the graph, each with the
stages that it needs inside. :func:`order_stages` then walks the graph depth-first and lists each stage after its needs.
It does not enter a finished stage, so that the needs of finished stages are not made either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.plugins import registry
from robench.results.info_parts import TRAINING_PREFIX
from robench.study.setting import NamedAttack, NamedDefense, Setting
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.certificates import CertificatesStage
from robench.study.stages.fuse import FusedModelStage
from robench.study.stages.stage import Stage
from robench.study.stages.statistics import StatisticsStage
from robench.study.stages.train import ModelStage
from robench.study.stages.transfer import TransferStage, next_seed
from robench.study.stages.victim import VictimStage
from robench.training.certificate import CertificateSettings
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
    crossed: bool = False,
    opponents: Sequence[NamedAttack] = (),
) -> list[CellStage]:
    """Plan the cells of one task and seed: every defense under every attack.

    A defense that trains on adversarial texts is trained once per attack, on the texts that this attack made of the
    training set with Base as the victim. Any other defense is trained once. An attack that is another one with one
    thing changed meets the models that were trained against that one.

    Args:
        setting: the setting that all cells share.
        data: the data of the task.
        defenses: the defenses.
        attacks: the attacks.
        seed: seed of training and attack.
        find_defense: returns a defense by name; called for the reference and for the parts of a fused defense.
        crossed: whether to attack each model that was trained against one attack with all of them; by default only
            with its own.
        opponents: the attacks against which such models are trained; all of them meet all attacks. By default, one
            model is trained against each attack.

    Raises:
        RobenchError: a fused defense is made of another one.
    """
    victim = ModelStage(setting, data, seed, find_defense(registry.reference()))
    cells = []
    for defense in defenses:
        parts = _find_parts(defense, find_defense)
        rounds: list[tuple[NamedAttack | None, Sequence[NamedAttack]]] = [(None, attacks)]
        if any(isinstance(one.defense, AdversarialDefense) for one in parts or [defense]):
            rounds = [(one, attacks if crossed or opponents else [one]) for one in opponents or attacks]
        for opponent, met in rounds:
            adversarial = None
            if opponent:
                adversarial = AdversarialStage(setting, data, seed, victim, opponent.base or opponent)
            model = ModelStage(setting, data, seed, defense, adversarial)
            if parts:
                made = tuple(_plan_part(model, part) for part in parts)
                model = FusedModelStage(setting, data, seed, defense, adversarial, parts=made)
            cells += [CellStage(setting, data, seed, model, attack) for attack in met]
    return cells


def _find_parts(whole: NamedDefense, find_defense: Callable[[str], NamedDefense]) -> list[NamedDefense]:
    """Return the parts of a fused defense; none for any other.

    Raises:
        RobenchError: a part is a fused defense itself.
    """
    names = whole.defense.parts if isinstance(whole.defense, FusedDefense) else ()
    parts = [_part(find_defense(name), whole) for name in names]
    if fused := next((part for part in parts if isinstance(part.defense, FusedDefense)), None):
        raise RobenchError(
            f"the defense {whole.name} cannot be made: its part {fused.name} trains nothing itself; name the parts of"
            f" {fused.name} instead."
        )
    return parts


def _plan_part(whole: ModelStage, part: NamedDefense) -> ModelStage:
    """Plan the model of a part, which has no D_adv unless the part itself needs it."""
    adversarial = whole.adversarial if isinstance(part.defense, AdversarialDefense) else None
    return replace(whole, defense=part, adversarial=adversarial)


def _part(part: NamedDefense, whole: NamedDefense) -> NamedDefense:
    """Return a part of a fused defense, with what the user set of the whole's rows and of its training.

    A fused defense trains nothing, so its own ``unsuccessful`` and training settings would have no effect otherwise.
    """
    own = {TRAINING_PREFIX + name: value for name, value in whole.training_changes.items()}
    defense, chosen = part.defense, dict(whole.changed).get("unsuccessful")
    if chosen is not None and isinstance(defense, AdversarialDefense) and defense.unsuccessful != chosen:
        own["unsuccessful"], defense = chosen, replace(defense, unsuccessful=chosen)
    return replace(part, changed=tuple(sorted((dict(part.changed) | own).items())), defense=defense)


def plan_statistics(cells: Sequence[CellStage], reference: NamedDefense) -> list[Stage]:
    """Plan the statistics of the models of some cells, and of the encoder before fine-tuning (table 7).

    All models are measured on the texts that the cell's attack made of the test samples with the reference defense as
    the victim.

    Args:
        cells: cells of any tasks, attacks and seeds.
        reference: the reference defense.
    """
    stages: dict[str, Stage] = {}
    for cell in cells:
        setting, data, seed = cell.setting, cell.data, cell.seed
        victim = ModelStage(setting, data, seed, reference)
        texts = CellStage(setting, data, seed, victim, cell.attack)
        for stage in (StatisticsStage(setting, data, seed, texts), StatisticsStage(setting, data, seed, texts, cell)):
            stages.setdefault(stage.key, stage)
    return list(stages.values())


def plan_transfers(cells: Sequence[CellStage], reference: NamedDefense) -> list[Stage]:
    """Plan the transfers to the models of some cells.

    The texts are those that the cell's attack made with the reference defense of the next seed as the victim.

    Args:
        cells: cells of any tasks, attacks and seeds.
        reference: the reference defense.
    """
    stages: dict[str, Stage] = {}
    for cell in cells:
        setting, data, seed = cell.setting, cell.data, next_seed(cell.seed)
        texts = CellStage(setting, data, seed, ModelStage(setting, data, seed, reference), cell.attack)
        stage = TransferStage(setting, data, cell.seed, cell.model, texts)
        stages.setdefault(stage.key, stage)
    return list(stages.values())


def plan_certificates(cells: Sequence[CellStage], settings: CertificateSettings) -> list[Stage]:
    """Plan the certificates of the models of some cells, as far as their defenses have some.

    Args:
        cells: cells of any tasks, attacks and seeds.
        settings: number of draws, and chance of an error.
    """
    models = {cell.model.key: cell.model for cell in cells if cell.model.defense.defense.certificate}
    return [CertificatesStage(one.setting, one.data, one.seed, one, settings) for one in models.values()]


def plan_victim(
    setting: Setting,
    data: TaskData,
    source: VictimSource,
    victim: NamedDefense,
    attacks: Sequence[NamedAttack],
    *,
    seed: int,
) -> list[CellStage]:
    """Plan the cells of one task and seed: a user's model under every attack.

    Args:
        setting: the setting that all cells share.
        data: the data of the task.
        source: the model.
        victim: its name, and what distinguishes it from other models.
        attacks: the attacks.
        seed: seed of the attacks.
    """
    model = VictimStage(setting, data, seed, victim, source=source)
    return [CellStage(setting, data, seed, model, attack) for attack in attacks]


def order_stages(stages: Sequence[Stage], done: Callable[[Stage], bool] = lambda stage: False) -> list[Stage]:
    """Order stages and everything that they need: each stage once, after its needs, without finished stages.

    Args:
        stages: the last stages of the graph.
        done: tells whether a stage is finished. What only finished stages need is left out, too.
    """
    ordered: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        if stage.key not in ordered and not done(stage):
            for need in stage.needs:
                add(need)
            ordered[stage.key] = stage

    for stage in stages:
        add(stage)
    return list(ordered.values())
