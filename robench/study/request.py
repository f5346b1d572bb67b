"""A user's request, and the stages that it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from robench.attacking.attack import Attack
from robench.attacking.derived_attack import DerivedAttack
from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins import settings as options
from robench.plugins.entry import Entry
from robench.plugins.registry import Kind
from robench.plugins.suggestions import explain_unknown
from robench.progress import Reporter
from robench.results import papers
from robench.study import training_changes
from robench.study.consent import split_by_consent
from robench.study.executors.choice import ExecutorChoice
from robench.study.options import CommonOptions, RunOptions
from robench.study.plan import plan_cells, plan_certificates, plan_statistics, plan_transfers
from robench.study.presets import CERTIFICATE, SHARED, TRAINING, Preset, find_preset
from robench.study.setting import NamedAttack, NamedDefense, Setting
from robench.study.stages.attack import CellStage
from robench.study.stages.stage import Stage
from robench.study.task_choice import TaskChoice, choose_tasks, load_rows
from robench.study.values import Settings, Split
from robench.training.certificate import CertificateSettings


@dataclass(frozen=True, kw_only=True)
class BaseRequest(CommonOptions, ABC):
    """The common part of the requests of ``robench run`` and ``robench attack``."""

    def check(self) -> None:
        """Check the options before anything is fetched or imported.

        Raises:
            RobenchError: an unknown name, a number out of its range, or two options that contradict each other.
        """
        find_preset(self.preset)
        self.check_ranges()
        ExecutorChoice.of(self)
        if self.split not in get_args(Split):
            raise RobenchError(f"unknown --split {self.split!r}: there are {', '.join(get_args(Split))}.")
        self.choose_tasks()
        self.attack_names()
        known = [*registry.names("defenses"), *registry.names("attacks"), *SHARED]
        for name in self.changes:
            if name not in known and not registry.is_registered("attacks", name):
                raise RobenchError(explain_unknown("defense or attack", name, known, "--set takes NAME.FIELD=VALUE"))

    @abstractmethod
    def stages(self, reporter: Reporter) -> list[Stage]:
        """Load the data and plan the stages.

        Raises:
            RobenchError: a name is unknown, or something is not available.
        """

    def choose_tasks(self) -> list[TaskChoice]:
        """Return the requested tasks, which may be rows of the user's own.

        Raises:
            RobenchError: a name is unknown, or there are none.
        """
        return choose_tasks(self)

    def attack_names(self) -> list[str]:
        """Return the names of the requested attacks; the paper's if none is named."""
        if self.attacks:
            return expand("attacks", self.attacks)
        return list(papers.find_paper().attacks)

    def fetch_published(self) -> None:
        """Fetch the published resources, whose digests are part of keys.

        Raises:
            RobenchError: they are not available.
        """
        for named in self._all_attacks():
            if named.attack.has_forms and named.attack.resources == "published":
                named.attack.prepare(offline=self.offline)

    def _load(self, choice: TaskChoice, chosen: Preset, reporter: Reporter, *, needs_train: bool = True) -> TaskData:
        data, remarks = load_rows(choice, self, chosen, needs_train=needs_train)
        sizes = " / ".join(f"{len(split):,}" for split in (data.train, data.dev, data.test))
        sizes = f"{sizes} train / dev / test rows" if data.train else f"{len(data.test):,} test rows"
        reporter.say(f"{data.task}: {sizes} from {data.source}, digest {data.digest[:12]}")
        for remark in remarks:
            reporter.say(f"{data.task}: {remark}")
        for note in data.notes:
            reporter.warn(f"note on {data.task}: {note}")
        return data

    def _all_attacks(self) -> list[NamedAttack]:
        """Return all attacks that the request's stages make."""
        return self._attacks()

    def _attacks(self) -> list[NamedAttack]:
        return self._split_attacks()[0]

    def _split_attacks(self) -> tuple[list[NamedAttack], list[str]]:
        """Return the attacks that may run, and why those of ``all`` may not that do not."""
        attacks = [self._attack(name) for name in self.attack_names()]
        named = [name for name in self.attacks if name != "all"]
        return split_by_consent(attacks, named, consent=self.trust_remote_code)

    def _announce_foreign_code(self, stages: Sequence[Stage], reporter: Reporter) -> None:
        """Say which attacks are left out because the user has not consented, and what code of others runs."""
        for refusal in self._split_attacks()[1]:
            reporter.warn(f"note: {refusal}")
        for code in dict.fromkeys(code for stage in stages for code in stage.foreign_code):
            reporter.warn(f"note: code of others can run, as --trust-remote-code allows: {code}")

    def _attack(self, name: str) -> NamedAttack:
        entry = registry.entry("attacks", name)
        attack: Attack = replace(entry.load(), resources=find_preset(self.preset).resources)
        settings = {**attack.inherit_settings(self.changes), **self.changes.get(name, {})}
        attack, changed = options.configure(name, attack, settings)
        base = self._attack(attack.attack) if isinstance(attack, DerivedAttack) else None
        return NamedAttack(name, entry.identify_code(), changed, attack=attack, base=base)


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
        named = [(one._defenses(), one._attacks(), one._opponents(), one._defense) for one in variants]
        setting = self._setting(chosen, reporter)
        tasks = [
            (self._fit(setting, choice, chosen), self._load(choice, chosen, reporter)) for choice in self.choose_tasks()
        ]
        cells = [
            cell
            for fitted, data in tasks
            for seed in self.seeds
            for defenses, attacks, opponents, find in named
            for cell in plan_cells(
                fitted,
                data,
                defenses,
                attacks,
                seed=seed,
                find_defense=find,
                crossed=self.crossed,
                opponents=opponents,
            )
        ]
        if self.adaptive:
            cells += [
                cell
                for fitted, data in tasks
                for seed in self.seeds
                for one in variants
                for cell in one._plan_adaptive(fitted, data, seed)
            ]
        cells = list({cell.key: cell for cell in cells}.values())
        self._announce_foreign_code(cells, reporter)
        reference = self._defense(registry.reference())
        statistics = plan_statistics(cells, reference) if self.statistics else []
        transfers = plan_transfers(cells, reference) if self.transfer else []
        certificates = plan_certificates(cells, drawn) if self.certificates else []
        return [*cells, *statistics, *transfers, *certificates]

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
        training, _ = options.configure(TRAINING, chosen.training, self.changes.get(TRAINING, {}))
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

    def _fit(self, setting: Setting, choice: TaskChoice, chosen: Preset) -> Setting:
        """Return the setting with the length of a text that a registered task asks for, unless the user chose one.

        Raises:
            RobenchError: the encoder has no room for such a text.
        """
        length = choice.load().max_length if isinstance(choice, Entry) else None
        training, _ = options.configure(TRAINING, chosen.adapt_training(length), self.changes.get(TRAINING, {}))
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
        training, _ = options.configure(TRAINING, find_preset(self.preset).training, self.changes.get(TRAINING, {}))
        both = dict(changed) | training_changes.read(name, own, training)
        return NamedDefense(name, entry.identify_code(), tuple(sorted(both.items())), defense=defense)


def expand(kind: Kind, names: Sequence[str]) -> list[str]:
    """Return names of one kind, each once; ``all`` stands for every registered name.

    Raises:
        RobenchError: a name is unknown, or there are none.
    """
    if not names:
        there = registry.names(kind)
        raise RobenchError(
            f"no {kind[:-1]} was named: --{kind[:-1]} takes one or several, such as {','.join(there[:2])}, or all;"
            f" there are {', '.join(there)}."
        )
    expanded = [one for name in names for one in (registry.names(kind) if name == "all" else [name])]
    for name in expanded:
        registry.entry(kind, name)
    return list(dict.fromkeys(expanded))
