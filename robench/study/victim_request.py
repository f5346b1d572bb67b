"""A user's request to attack a model of their own, and the cells that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robench.errors import RobenchError
from robench.models.encoders import EncoderSource
from robench.plugins import registry
from robench.plugins.registry import names
from robench.plugins.suggestions import explain_unknown
from robench.progress import Reporter
from robench.study.plan import plan_victim
from robench.study.presets import TRAINING, preset
from robench.study.request import Request, expand
from robench.study.stages.stage import NamedDefense, Setting, Stage
from robench.victims.find import find_victim
from robench.victims.source import OWN_ENCODER, Given, VictimSource


def victim_request(
    model: Any,
    *,
    name: str | None = None,
    version: str = "",
    trust_remote_code: bool = False,
    max_length: int | None = None,
    label_order: Sequence[int] | None = None,
    **options: Any,
) -> VictimRequest:
    """Make the request for a model; the model is found last, after all other options were checked.

    Args:
        model: see :func:`~robench.victims.find.find_victim`.
        name: as in :func:`~robench.victims.find.find_victim`.
        version: as in :func:`~robench.victims.find.find_victim`.
        trust_remote_code: as in :func:`~robench.victims.find.find_victim`.
        max_length: tokens of a text; None is the model's own limit.
        label_order: for each label of the task in turn, the model's column; None goes by the labels' names.
        options: fields of a :class:`~robench.study.request.Request`.

    Raises:
        RobenchError: a name is unknown, there is no such model, or an option does not apply to it.
    """
    Request(defenses=(registry.reference(),), **options).check()
    offline = bool(options.get("offline"))
    source = find_victim(model, name=name, version=version, trust_remote_code=trust_remote_code, offline=offline)
    order = None if label_order is None else tuple(label_order)
    request = VictimRequest(source=source, max_length=max_length, label_order=order, **options)
    request.check()
    return request


@dataclass(frozen=True, kw_only=True)
class VictimRequest(Request):
    """The options of ``robench attack``; those of ``robench run`` that concern training do nothing.

    Attributes:
        source: the model.
        max_length: tokens of a text; None is the model's own limit.
        label_order: for each label of the task in turn, the model's column; None goes by the labels' names.
    """

    source: VictimSource
    max_length: int | None = None
    label_order: tuple[int, ...] | None = None
    defenses: Sequence[str] = field(default_factory=lambda: (registry.reference(),))

    def check(self) -> None:
        """Check the options before anything is loaded.

        Raises:
            RobenchError: an unknown name, or an option that does not apply.
        """
        super().check()
        for name in self.settings:
            if name in (*names("defenses"), TRAINING):
                raise RobenchError(explain_unknown("attack", name, names("attacks"), "--set takes ATTACK.FIELD=VALUE"))
        if self.max_length is not None and self.max_length < 3:
            raise RobenchError(f"--max-length {self.max_length} leaves no room for a token between the special ones.")
        if not self.source.has_network:
            for option, given in (("--max-length", self.max_length), ("--precision", self.precision != "auto")):
                if given:
                    raise RobenchError(f"{option} is for models that robench runs itself; a function has its own.")

    def stages(self, reporter: Reporter) -> list[Stage]:
        """Load the data and plan the cells, task by task, seed by seed.

        Raises:
            RobenchError: a name is unknown, or data is not available.
        """
        self.check()
        for name in self.settings:  # validate settings even for components that this run does not use
            self._attack(name)
        attacks, chosen = self._attacks(), preset(self.preset)
        asked = {"label_order": self.label_order, "max_length": self.max_length}
        changed = tuple((option, value) for option, value in asked.items() if value is not None)
        given = Given(digest=self.source.digest, max_length=self.max_length, label_order=self.label_order)
        named = NamedDefense(self.source.name, changed=changed, defense=given)
        tasks = [self._load(name, chosen, reporter) for name in expand("tasks", self.tasks)]
        setting = self._own_setting()
        return [
            cell
            for data in tasks
            for seed in dict.fromkeys(self.seeds)
            for cell in plan_victim(setting, data, self.source, named, attacks, seed=seed)
        ]

    def _own_setting(self) -> Setting:
        from robench.models import devices

        chosen = preset(self.preset)
        asked = self.precision if self.source.has_network else "fp32"
        return Setting(
            preset=self.preset,
            encoder=EncoderSource(OWN_ENCODER, "", OWN_ENCODER),
            training=chosen.training,
            precision=devices.choose_precision(asked, devices.choose_device(self.device)),
            train_limit=None,
            attack_limit=self.attack_limit or chosen.attack_limit,
        )
