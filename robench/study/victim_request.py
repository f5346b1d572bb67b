"""A user's request to attack a model of their own, and the cells that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.models.encoders import EncoderSource
from robench.plugins import registry
from robench.plugins.registry import names
from robench.plugins.settings import SHARED
from robench.plugins.suggestions import explain_unknown
from robench.progress import Reporter
from robench.study.base_request import BaseRequest
from robench.study.options import AttackOptions
from robench.study.plan import plan_victim
from robench.study.presets import FirstLook, find_preset
from robench.study.setting import NamedDefense, Setting
from robench.study.stages.stage import Stage
from robench.study.task_choice import TaskChoice, choose_tasks
from robench.victims.endpoint_source import find_endpoint
from robench.victims.find import find_victim
from robench.victims.prompted_source import add_prompt
from robench.victims.source import OWN_ENCODER, FunctionSource, Given, VictimSource

if TYPE_CHECKING:
    import torch

    from robench.models.devices import Precision


@dataclass(frozen=True, kw_only=True)
class VictimRequest(BaseRequest, AttackOptions):
    """A request of ``robench attack``: the cells of a user's model."""

    @cached_property
    def source(self) -> VictimSource:
        """Return the model, which is found after the options that all requests have were checked.

        Raises:
            RobenchError: a name is unknown, or there is no such model.
        """
        super().check()
        prompt, endpoint, calls = self.make_prompt(), self.make_endpoint(self.model), self.make_calls()
        if endpoint is not None:
            return find_endpoint(endpoint, name=self.name, version=self.version, calls=calls)
        source = find_victim(
            self.model,
            name=self.name,
            version=self.version,
            sigmoid=self.sigmoid,
            trust_remote_code=self.trust_remote_code,
            offline=self.offline,
        )
        if isinstance(source, FunctionSource):
            source = replace(source, calls=calls)
        return source if prompt is None else add_prompt(source, prompt)

    @property
    def first_look(self) -> FirstLook | None:
        """Return the limits of a first look at rows that the user brings; None if there are none."""
        return find_preset(self.preset).first_look if self.test is not None else None

    def attack_names(self) -> list[str]:
        """Return the names of the requested attacks; if none is named, the paper's, and fewer in a first look."""
        found = super().attack_names()
        if self.attacks or self.first_look is None:
            return found
        return [name for name in found if not registry.entry("attacks", name).load().has_forms] or found

    def choose_tasks(self) -> list[TaskChoice]:
        """Return the requested tasks, or the test rows that the user brings.

        Raises:
            RobenchError: a name is unknown, there are none, or both were named.
        """
        return choose_tasks(self, self.test)

    def check(self) -> None:
        """Check the options before anything is loaded.

        Raises:
            RobenchError: an unknown name, or an option that does not apply.
        """
        source = self.source
        for name in self.changes:
            if name in (*names("defenses"), *SHARED):
                raise RobenchError(explain_unknown("attack", name, names("attacks"), "--set takes ATTACK.FIELD=VALUE"))
        if self.endpoint is not None:
            for option, is_set in (("--sigmoid", self.sigmoid), ("--texts-per-call", self.texts_per_call is not None)):
                if is_set:
                    raise RobenchError(
                        f"{option} is not for an endpoint, which gives probabilities of words, of one text at a time:"
                        " leave it out."
                    )
        if not source.has_network:
            for option, given in (("--max-length", self.max_length), ("--precision", self.precision != "auto")):
                if given:
                    raise RobenchError(
                        f"{option} is for models that robench runs itself; a function or endpoint has its own."
                    )
        elif option := self.name_call_option():
            raise RobenchError(f"{option} is for functions and endpoints, and {source.shown} is a {source.kind}.")

    def stages(self, reporter: Reporter) -> list[Stage]:
        """Load the data and plan the cells, task by task, seed by seed.

        Raises:
            RobenchError: a name is unknown, or data is not available.
        """
        self.check()
        for name in self.changes:  # validate settings even for components that this run does not use
            self._attack(name)
        attacks, chosen = self._attacks(), find_preset(self.preset)
        label_order = None if self.label_order is None else tuple(self.label_order)
        options = {"label_order": label_order, "max_length": self.max_length}
        changed = tuple((option, value) for option, value in options.items() if value is not None)
        identity = Given(digest=self.source.digest, max_length=self.max_length, label_order=label_order)
        victim = NamedDefense(self.source.name, changed=changed, defense=identity)
        tasks = [self._load(choice, chosen, reporter, needs_train=False) for choice in self.choose_tasks()]
        setting = self._own_setting(reporter)
        if self.first_look is not None:
            reporter.say(
                f"a first look (preset {self.preset}): clean% on at most {setting.clean_limit:,} rows, attacks on"
                f" {setting.attack_limit:,}; --clean-limit, --attack-limit and --attack choose others, and what is"
                " attacked now is not attacked again"
            )
        cells: list[Stage] = [
            cell
            for data in tasks
            for seed in self.seeds
            for cell in plan_victim(setting, data, self.source, victim, attacks, seed=seed)
        ]
        self._announce_foreign_code(cells, reporter)
        self._warn_of_unused_settings(cells, reporter)
        return cells

    def _own_setting(self, reporter: Reporter) -> Setting:
        from robench.models import devices

        chosen, look = find_preset(self.preset), self.first_look
        clean_limit, attack_limit = (look.clean_limit, look.attack_limit) if look else (None, chosen.attack_limit)
        device = devices.choose_device(self.device)
        return Setting(
            preset=self.preset,
            encoder=EncoderSource(OWN_ENCODER, "", OWN_ENCODER),
            training=chosen.training,
            precision=self._choose_precision(device, reporter),
            hardware=devices.identify_hardware(device, self.threads),
            train_limit=None,
            attack_limit=self.attack_limit or attack_limit,
            clean_limit=self.clean_limit or clean_limit,
            split=self.split,
        )

    def _choose_precision(self, device: torch.device, reporter: Reporter) -> Precision:
        """Return that of the model, float32 in general, unless the user chose another.

        A network that was trained in float32 may lose its margins in bfloat16, and then looks robust. Of a function,
        robench does not know the precision.
        """
        from robench.study.precision import settle_precision

        is_own = self.precision == "auto" or not self.source.has_network
        name = self.source.usual_precision if is_own else self.precision
        if name == "native":
            return "native"
        return settle_precision(name, device, self.source.shown, self.source, reporter)
