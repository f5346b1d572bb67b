"""What the requests of ``robench run`` and ``robench attack`` have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from robench.attacking.attack import Attack
from robench.attacking.derived_attack import DerivedAttack
from robench.data.load import TaskData
from robench.errors import RobenchError
from robench.escaping import list_values
from robench.plugins import registry
from robench.plugins import settings as options
from robench.plugins.registry import Kind
from robench.plugins.settings import SHARED
from robench.plugins.suggestions import explain_unknown
from robench.progress import Reporter
from robench.results import papers
from robench.study.command_options import DIGITS
from robench.study.consent import split_by_consent
from robench.study.executors.choice import ExecutorChoice
from robench.study.options import CommonOptions
from robench.study.plan import order_stages
from robench.study.presets import Preset, find_preset
from robench.study.setting import NamedAttack
from robench.study.stages.stage import Stage
from robench.study.task_choice import TaskChoice, choose_tasks, load_rows


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
        self.choose_tasks()
        self.attack_names()
        known = [*registry.names("defenses"), *registry.names("attacks"), *SHARED]
        for name in self.changes:
            if name not in known and not registry.is_registered("attacks", name):
                hint = "--set takes NAME.FIELD=VALUE; `robench list` shows all names"
                raise RobenchError(explain_unknown("defense or attack", name, known, hint))

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
        reporter.say(f"{data.task}: {sizes} from {data.source}, digest {data.digest[:DIGITS]}")
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

    def _warn_of_unused_settings(self, stages: Sequence[Stage], reporter: Reporter, named: Sequence[str] = ()) -> None:
        """Tell of settings of what no stage has, which change nothing.

        Args:
            stages: what is planned.
            reporter: is told.
            named: names of defenses of the run; of two that are equal, stages have one.
        """
        if not self.changes:
            return
        used = {plugin.name for stage in order_stages(stages) for plugin in stage.plugins}
        used.update(named, (attack.name for attack in self._all_attacks()))
        unused = [name for name in self.changes if name not in (*used, *SHARED)]
        if unused:
            names = list_values(unused)
            reporter.warn(f"note: settings of {names} have no effect: nothing in this run has such a name")

    def _attack(self, name: str) -> NamedAttack:
        entry = registry.entry("attacks", name)
        attack: Attack = replace(entry.load(), resources=find_preset(self.preset).resources)
        settings = {**attack.inherit_settings(self.changes), **self.changes.get(name, {})}
        attack, changed = options.configure(name, attack, settings)
        settled = attack.settle(offline=self.offline)
        if settled != attack:
            changed = tuple((field, getattr(settled, field)) for field, _ in changed)
        base = self._attack(settled.attack) if isinstance(settled, DerivedAttack) else None
        return NamedAttack(name, entry.identify_code(), changed, attack=settled, base=base)


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
