"""A request of ``robench run``, and the stages that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins import settings as options
from robench.plugins.entry import Entry
from robench.plugins.settings import CERTIFICATE, SHARED, TRAINING
from robench.progress import Reporter
from robench.study import training_changes
from robench.study.base_request import BaseRequest, expand
from robench.study.consent import split_by_consent
from robench.study.options import RunOptions
from robench.study.plan import plan_cells, plan_certificates, plan_statistics, plan_transfers
from robench.study.presets import Preset, find_preset
from robench.study.setting import NamedAttack, NamedDefense, Setting
from robench.study.stages.attack import CellStage
from robench.study.stages.stage import Stage
from robench.study.task_choice import TaskChoice
from robench.study.values import Settings
from robench.training.certificate import CertificateSettings
from robench.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Request(BaseRequest, RunOptions):
    """A request of ``robench run``: its options, and what a table or figure of a paper needs beyond them.

    Attributes:
        sweep: sets of settings to add to those of the options; everything is run once for each.
        statistics: whether to measure the high-order statistics of the models as well (table 7).
        transfer: whether to give the models adversarial texts of another seed as well (table ``transfer``).
        certificates: whether to certify the predictions of the models as well (table ``certificates``).
        crossed: whether to attack each model that was trained against one attack with all of them (table ``matrix``);
            ``against`` does so, too.
        adaptive: whether to attack each defense with the attack that it names as made against itself, too (table 5).
    """

    sweep: Sequence[Settings] = ({},)
    statistics: bool = False
    transfer: bool = False
    certificates: bool = False
    crossed: bool = False
    adaptive: bool = False

    def check(self) -> None:
        """Check the options before anything is fetched or imported.

        Raises:
            RobenchError: an unknown name, or a number out of its range.
        """
        expand("defenses", self.defenses)
        self._opponent_names()
        super().check()
        if self.split != "test" and (self.statistics or self.transfer or self.certificates):
            raise RobenchError(
                f"--split {self.split} is for attacks; statistics, transfers and certificates are about test rows."
            )

    def stages(self, reporter: Reporter) -> list[Stage]:
        """Load the data, find the encoder, and plan the cells and, if requested, what else is measured of the models.

        Raises:
            RobenchError: a name is unknown, or data or encoder are not available.
        """
        self.check()
        for name in self.changes:  # validate settings even for components that this run does not use
            if name not in SHARED:
                (self._defense if name in registry.names("defenses") else self._attack)(name)
        drawn, _ = options.configure(CERTIFICATE, CertificateSettings(), self.changes.get(CERTIFICATE, {}))
        chosen = find_preset(self.preset)
        variants = [replace(self, settings=options.merge(self.changes, added), sweep=({},)) for added in self.sweep]
        setting = self._setting(chosen, reporter)
        tasks = [(self._fit(setting, choice), self._load(choice, chosen, reporter)) for choice in self.choose_tasks()]
        planned = [Request._plan_cells, Request._plan_adaptive] if self.adaptive else [Request._plan_cells]
        cells = [
            cell
            for plan in planned
            for fitted, data in tasks
            for seed in self.seeds
            for one in variants
            for cell in plan(one, fitted, data, seed)
        ]
        cells = list({cell.key: cell for cell in cells}.values())
        self._announce_foreign_code(cells, reporter)
        if self.opponents and all(cell.model.adversarial is None for cell in cells):
            reporter.warn("note: --against has no effect: no named defense trains on adversarial texts")
        reference = self._defense(registry.reference())
        statistics = plan_statistics(cells, reference) if self.statistics else []
        transfers = plan_transfers(cells, reference) if self.transfer else []
        certificates = plan_certificates(cells, drawn) if self.certificates else []
        stages = [*cells, *statistics, *transfers, *certificates]
        self._warn_of_unused_settings(stages, reporter, [one.name for one in self._defenses()])
        return stages

    def _all_attacks(self) -> list[NamedAttack]:
        """Return the named attacks and, if they are wanted, the defenses' adaptive ones."""
        defenses = self._defenses() if self.adaptive else []
        adaptive = (self._adaptive(one) for one in defenses if one.defense.adaptive_attack)
        return [*self._attacks(), *self._opponents(), *adaptive]

    def _opponent_names(self) -> list[str]:
        return expand("attacks", self.opponents) if self.opponents else []

    def _opponents(self) -> list[NamedAttack]:
        """Return the attacks of ``against``.

        Raises:
            RobenchError: one of them may not run.
        """
        attacks = [self._attack(name) for name in self._opponent_names()]
        return split_by_consent(attacks, self.opponents, consent=self.trust_remote_code)[0]

    def _plan_cells(self, setting: Setting, data: TaskData, seed: int) -> list[CellStage]:
        return plan_cells(
            setting,
            data,
            self._defenses(),
            self._attacks(),
            seed=seed,
            find_defense=self._defense,
            crossed=self.crossed,
            opponents=self._opponents(),
        )

    def _plan_adaptive(self, setting: Setting, data: TaskData, seed: int) -> list[CellStage]:
        """Plan the cells of the attacks that defenses name as made against themselves.

        Raises:
            RobenchError: there is no such attack, or it may not run.
        """
        cells = []
        for defense in self._defenses():
            if name := defense.defense.adaptive_attack:
                attacks, _ = split_by_consent([self._adaptive(defense)], [name], consent=self.trust_remote_code)
                cells += plan_cells(setting, data, [defense], attacks, seed=seed, find_defense=self._defense)
        return cells

    def _adaptive(self, defense: NamedDefense) -> NamedAttack:
        name = defense.defense.adaptive_attack
        try:
            return self._attack(name)
        except RobenchError as error:
            raise RobenchError(f"{defense.name} names the adaptive attack {name}: {error}") from error

    def _setting(self, chosen: Preset, reporter: Reporter) -> Setting:
        from robench.models import devices
        from robench.models.encoders import find_encoder
        from robench.study.precision import settle_precision

        device = devices.choose_device(self.device)
        training = self._training()
        name, consent = self.encoder or chosen.encoder, self.trust_remote_code
        encoder = find_encoder(name, offline=self.offline, trust_remote_code=consent)
        encoder.check_length(training.max_length)
        return Setting(
            preset=self.preset,
            encoder=encoder,
            training=training,
            precision=settle_precision(self.precision, device, f"encoder {name}", encoder, reporter),
            hardware=devices.identify_hardware(device, self.threads),
            train_limit=self.train_limit or chosen.train_limit,
            attack_limit=self.attack_limit or chosen.attack_limit,
            clean_limit=self.clean_limit,
            split=self.split,
        )

    def _training(self, max_length: int | None = None) -> TrainingSettings:
        """Return the training settings of the run: the preset's, changed by the user.

        Args:
            max_length: the number of tokens that a task asks for, if it asks for one.
        """
        usual = find_preset(self.preset).adapt_training(max_length)
        return options.configure(TRAINING, usual, self.changes.get(TRAINING, {}))[0]

    def _fit(self, setting: Setting, choice: TaskChoice) -> Setting:
        """Return the setting with the length of a text that a registered task asks for, unless the user chose one.

        Raises:
            RobenchError: the encoder has no room for such a text.
        """
        length = choice.load().max_length if isinstance(choice, Entry) else None
        training = self._training(length)
        if training.max_length > setting.training.max_length:
            setting.encoder.check_length(training.max_length)
        return replace(setting, training=training)

    def _defenses(self) -> list[NamedDefense]:
        return [self._defense(name) for name in expand("defenses", self.defenses)]

    def _defense(self, name: str) -> NamedDefense:
        entry = registry.entry("defenses", name)
        adapted = find_preset(self.preset).adapt(entry.load())
        values, own = training_changes.split(self.changes.get(name, {}))
        defense, changed = options.configure(name, adapted, values)
        both = dict(changed) | training_changes.read(name, own, self._training())
        return NamedDefense(name, entry.identify_code(), tuple(sorted(both.items())), defense=defense)
