"""A user's request, and the stages that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robench.attacking.attack import Attack
from robench.data.load import TaskData, load_task
from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins import settings as options
from robench.plugins.registry import Kind
from robench.plugins.suggestions import explain_unknown
from robench.progress import Reporter
from robench.results import papers
from robench.study.plan import plan_cells, plan_statistics
from robench.study.presets import TRAINING, Preset, preset
from robench.study.stages.stage import NamedAttack, NamedDefense, Setting, Stage


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of ``robench run``.

    Attributes:
        defenses: names, or ``all``.
        tasks: names, or ``all``.
        attacks: names, or ``all``; empty for the paper's.
        preset: name of the preset, which decides the options that are None.
        seeds: one run of everything for each.
        data: folder with a folder per task.
        offline: fetch nothing.
        precision: auto, fp32 or bf16.
        device: auto, cpu, cuda, ...
        workers: processes that attacks search in; 0 for none but this one, None for as many as pay.
        sweep: settings that are added to those, one run of everything for each.
        statistics: measure the high-order statistics of the models, too (table 7).
        settings: hyper-parameters by name of defense or attack, or ``training``, then by field; texts are read as the
            field's type.
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
    workers: int | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sweep: Sequence[Mapping[str, Mapping[str, Any]]] = ({},)
    statistics: bool = False

    def check(self) -> None:
        """Check the options before anything is fetched or imported.

        Raises:
            RobenchError: an unknown name, or a limit that leaves nothing.
        """
        preset(self.preset)
        for option, limit in (("--train-limit", self.train_limit), ("--attack-limit", self.attack_limit)):
            if limit is not None and limit < 1:
                raise RobenchError(f"{option} {limit} leaves nothing to do; it should be 1 or more.")
        if self.workers is not None and self.workers < 0:
            raise RobenchError(f"--workers {self.workers}: it should be 0 or more.")
        for seed in self.seeds:
            if not 0 <= seed < 2**32:
                raise RobenchError(f"--seed {seed} is out of range; it should be from 0 to {2**32 - 1}.")
        expand("defenses", self.defenses)
        expand("tasks", self.tasks)
        self.attack_names()
        known = [*registry.names("defenses"), *registry.names("attacks"), TRAINING]
        for name in self.settings:
            if name not in known and not registry.is_registered("attacks", name):
                raise RobenchError(explain_unknown("defense or attack", name, known, "--set takes NAME.FIELD=VALUE"))

    def attack_names(self) -> list[str]:
        """Return the names of the requested attacks; the paper's if none is named."""
        if self.attacks:
            return expand("attacks", self.attacks)
        return list(papers.paper().attacks)

    def fetch_published(self) -> None:
        """Fetch the published resources, whose digests are part of keys.

        Raises:
            RobenchError: they are not available.
        """
        for named in self._attacks():
            if named.attack.has_forms and named.attack.resources == "published":
                named.attack.prepare(offline=self.offline)

    def stages(self, reporter: Reporter) -> list[Stage]:
        """Load the data, find the encoder, and plan the cells and, if requested, the statistics.

        Raises:
            RobenchError: a name is unknown, or data or encoder are not available.
        """
        self.check()
        for name in self.settings:  # validate settings even for components that this run does not use
            if name != TRAINING:
                (self._defense if name in registry.names("defenses") else self._attack)(name)
        chosen = preset(self.preset)
        variants = [replace(self, settings=options.merge(self.settings, added), sweep=({},)) for added in self.sweep]
        named = [(one._defenses(), one._attacks(), one._defense) for one in variants]
        tasks = [self._load(name, chosen, reporter) for name in expand("tasks", self.tasks)]
        setting = self._setting(chosen)
        cells = [
            cell
            for data in tasks
            for seed in dict.fromkeys(self.seeds)
            for defenses, attacks, find in named
            for cell in plan_cells(setting, data, defenses, attacks, seed=seed, find_defense=find)
        ]
        cells = list({cell.key: cell for cell in cells}.values())
        return [*cells, *(plan_statistics(cells, self._defense(registry.reference())) if self.statistics else ())]

    def _setting(self, chosen: Preset) -> Setting:
        from robench.models import devices
        from robench.models.encoders import find_encoder

        training, _ = options.configure(TRAINING, chosen.training, self.settings.get(TRAINING, {}))
        return Setting(
            preset=self.preset,
            encoder=find_encoder(self.encoder or chosen.encoder, offline=self.offline),
            training=training,
            precision=devices.choose_precision(self.precision, devices.choose_device(self.device)),
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

    def _defenses(self) -> list[NamedDefense]:
        return [self._defense(name) for name in expand("defenses", self.defenses)]

    def _attacks(self) -> list[NamedAttack]:
        return [self._attack(name) for name in self.attack_names()]

    def _defense(self, name: str) -> NamedDefense:
        entry = registry.entry("defenses", name)
        defense, changed = options.configure(name, entry.load(), self.settings.get(name, {}))
        return NamedDefense(name, entry.identity, changed, defense=defense)

    def _attack(self, name: str) -> NamedAttack:
        entry = registry.entry("attacks", name)
        attack: Attack = replace(entry.load(), resources=preset(self.preset).resources)
        attack, changed = options.configure(name, attack, self.settings.get(name, {}))
        return NamedAttack(name, entry.identity, changed, attack=attack)


def expand(kind: Kind, asked: Sequence[str]) -> list[str]:
    """Return names of one kind, each once; ``all`` stands for every registered name.

    Raises:
        RobenchError: a name is unknown, or there are none.
    """
    if not asked:
        raise RobenchError(f"no {kind[:-1]} was named; there are {', '.join(registry.names(kind))}, or all.")
    found = [name for given in asked for name in (registry.names(kind) if given == "all" else [given])]
    for name in found:
        registry.entry(kind, name)
    return list(dict.fromkeys(found))
