"""What a user asked for, and the cells that this means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robench import options, registry
from robench.attack import Attack
from robench.data import TaskData, load_task
from robench.errors import RobenchError
from robench.plan import CellStage, NamedAttack, NamedDefense, Setting, plan_cells
from robench.progress import Reporter
from robench.registry import Kind
from robench.spec import PAPER_ATTACKS, Preset, preset

VICTIM = "base"
"""Name of the defense whose model is attacked to make the adversarial training sets."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of ``robench run``.

    Attributes:
        defenses: names, or ``all``.
        tasks: names, or ``all``.
        attacks: names, or ``all``; empty for the paper's four, as far as they are registered.
        preset: name of the preset that fills what is None below.
        seeds: one run of everything for each.
        data: folder with a folder per task.
        offline: fetch nothing.
        precision: auto, fp32 or bf16.
        device: auto, cpu, cuda, ...
        settings: hyper-parameters by name of defense or attack, then by field; texts are read as the field's type.
    """

    defenses: Sequence[str]
    tasks: Sequence[str]
    attacks: Sequence[str] = ()
    preset: str = "laptop"
    encoder: str | None = None
    seeds: Sequence[int] = (42,)
    train_limit: int | None = None
    attack_limit: int | None = None
    data: Path | None = None
    offline: bool = False
    precision: str = "auto"
    device: str = "auto"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what can be refused before anything is fetched or imported.

        Raises:
            RobenchError: an unknown name, or a limit that leaves nothing.
        """
        preset(self.preset)
        for option, limit in (("--train-limit", self.train_limit), ("--attack-limit", self.attack_limit)):
            if limit is not None and limit < 1:
                raise RobenchError(f"{option} {limit} leaves nothing to do; it should be 1 or more.")
        defenses, attacks = expand("defenses", self.defenses), self.attack_names()
        expand("tasks", self.tasks)
        for name in self.settings:
            if name not in (*defenses, *attacks):
                asked = ", ".join((*defenses, *attacks))
                raise RobenchError(f"--set {name}...: {name} is not part of this run, which has {asked}.")

    def attack_names(self) -> list[str]:
        """The attacks that were asked for."""
        if self.attacks:
            return expand("attacks", self.attacks)
        return [name for name in PAPER_ATTACKS if name in registry.names("attacks")]

    def cells(self, reporter: Reporter) -> list[CellStage]:
        """Load the data, find the encoder, and lay out the cells: task by task, seed by seed.

        Raises:
            RobenchError: a name is unknown, or data or encoder cannot be had.
        """
        self.check()
        chosen = preset(self.preset)
        defenses = [self._defense(name) for name in expand("defenses", self.defenses)]
        attacks = [self._attack(name) for name in self.attack_names()]
        base = self._defense(VICTIM)
        tasks = [self._load(name, chosen, reporter) for name in expand("tasks", self.tasks)]
        setting = self._setting(chosen)
        return [
            cell
            for data in tasks
            for seed in dict.fromkeys(self.seeds)
            for cell in plan_cells(setting, data, defenses, attacks, seed=seed, base=base)
        ]

    def _setting(self, chosen: Preset) -> Setting:
        from robench import devices
        from robench.encoders import find_encoder

        return Setting(
            preset=self.preset,
            encoder=find_encoder(self.encoder or chosen.encoder, offline=self.offline),
            training=chosen.training,
            precision=devices.precision(self.precision, devices.device(self.device)),
            train_limit=self.train_limit or chosen.train_limit,
            attack_limit=self.attack_limit or chosen.attack_limit,
        )

    def _load(self, name: str, chosen: Preset, reporter: Reporter) -> TaskData:
        task = registry.entry("tasks", name).load()
        data = load_task(name, task, data_dir=self.data, offline=self.offline, order=chosen.sources)
        sizes = " / ".join(f"{len(split):,}" for split in (data.train, data.dev, data.test))
        reporter.say(f"{name}: {sizes} train / dev / test rows from {data.source}, digest {data.digest[:12]}")
        for note in data.notes:
            reporter.say(f"  note: {note}")
        return data

    def _defense(self, name: str) -> NamedDefense:
        entry = registry.entry("defenses", name)
        defense, changed = options.configured(name, entry.load(), self.settings.get(name, {}))
        return NamedDefense(name, entry.identity, changed, defense=defense)

    def _attack(self, name: str) -> NamedAttack:
        entry = registry.entry("attacks", name)
        attack: Attack
        attack, changed = options.configured(name, entry.load(), self.settings.get(name, {}))
        return NamedAttack(name, entry.identity, changed, attack=attack)


def expand(kind: Kind, asked: Sequence[str]) -> list[str]:
    """Names of one kind, each once, with ``all`` for every registered one.

    Raises:
        RobenchError: a name is unknown, or nothing was asked for.
    """
    if not asked:
        raise RobenchError(f"no {kind[:-1]} was named; there are {', '.join(registry.names(kind))}, or all.")
    found = [name for given in asked for name in (registry.names(kind) if given == "all" else [given])]
    for name in found:
        registry.entry(kind, name)
    return list(dict.fromkeys(found))
