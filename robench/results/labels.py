"""Labels of rows and columns: as short as possible, but different for different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from robench.plugins.option import option_text
from robench.results.cells import Result, group, identity_text
from robench.results.info_parts import PluginInfo

_TITLE_FIELDS = ("protocol", "resources")
"""Fields of an attack that its title shows already."""
_PRESET_FIELDS = ("unsuccessful",)
"""Fields of a defense that a preset chooses: they differ between two results of which neither has changed fields."""
MODEL_LEGEND = "DEFENSE on ATTACK: a model trained on the texts of that attack."
"""What the label of a model means that was trained against an attack, for legends."""


class Label(NamedTuple):
    """The label of a row or column.

    Attributes:
        text: the label itself.
        ambiguous: whether only a key distinguishes it from another label.
        plain: the registered name if no field is changed, but for the resources of an attack; empty otherwise.
    """

    text: str
    ambiguous: bool
    plain: str = ""


class LabelSource(NamedTuple):
    """A defense or attack that needs a label.

    Attributes:
        identity: equal for two of them only if they are the same.
        title: the beginning of the label.
        changed: the fields that differ from the registered ones.
        key: key of one of its results, used if nothing else distinguishes its label from others.
        chosen: fields that a preset may have chosen; they are shown if that distinguishes its label from others.
        plain: as in :class:`Label`, if the label is not ambiguous.
    """

    identity: str
    title: str
    changed: Mapping[str, Any]
    key: str
    chosen: Mapping[str, Any] = {}
    plain: str = ""

    @property
    def text(self) -> str:
        """Return title and changed fields."""
        return self.with_fields(self.changed)

    def with_fields(self, fields: Mapping[str, Any]) -> str:
        """Return the title with fields in brackets."""
        changes = ", ".join(f"{name}={option_text(value)}" for name, value in sorted(fields.items()))
        return f"{self.title} ({changes})" if changes else self.title


def row_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Label each defense by name and changed hyper-parameters; if that is ambiguous, add the key of a model."""
    return make_labels([defense_source(r.row, r.defense, r.info.model) for r in results])


def defense_source(identity: str, defense: PluginInfo, key: str) -> LabelSource:
    """Return a defense that needs a label."""
    chosen = {name: defense.fields[name] for name in _PRESET_FIELDS if name in defense.fields}
    plain = "" if defense.changed else defense.name
    return LabelSource(identity, defense.name, defense.changed, key, chosen, plain)


def model_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Label each trained model by its defense and, if it was trained against an attack, the title of that."""
    return make_labels(model_source(r.row, r.defense, r.info.model, r.info.training_attack) for r in results)


def model_source(identity: str, defense: PluginInfo, key: str, training_attack: PluginInfo | None) -> LabelSource:
    """Return a trained model that needs a label, as :data:`MODEL_LEGEND` explains it."""
    source = defense_source(identity, defense, key)
    if training_attack is None:
        return source
    return source._replace(title=f"{source.title} on {training_attack.title}", plain="")


def column_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Label each attack by title and changed fields; if that is ambiguous, add the key of a cell."""
    return make_labels(attack_source(r.column, r.attack, r.info.key) for r in results)


def attack_source(identity: str, attack: PluginInfo, key: str) -> LabelSource:
    """Return an attack that needs a label."""
    changed = {name: value for name, value in attack.changed.items() if name not in _TITLE_FIELDS}
    return LabelSource(identity, attack.title, changed, key, plain=plain_attack(attack))


def plain_attack(attack: PluginInfo) -> str:
    """Return an attack's registered name, whichever form its resources have; empty if another field is changed."""
    return "" if set(attack.changed) - {"resources"} else attack.name


def is_model_name(name: str, result: Result, label: str) -> bool:
    """Return whether a name is that of the model of a result: its label, or the attack in it without its resources."""
    attack = result.info.training_attack
    return name == label or (attack is not None and name == f"{result.defense.name} on {attack.name}")


def make_labels(sources: Iterable[LabelSource]) -> dict[str, Label]:
    """Make a label for each identity."""
    clearest, keys = {}, {}
    for identity, members in group(sources, lambda source: source.identity).items():
        # The same defense can have several registered names; the one with the fewest changed fields is the clearest.
        clearest[identity] = min(members, key=lambda member: (len(member.changed), member.title))
        keys[identity] = min(member.key for member in members)[:8]
    texts = {identity: source.text for identity, source in clearest.items()}
    for alike in group(clearest.values(), lambda source: source.text).values():
        if len({identity_text(source.chosen) for source in alike}) > 1:
            texts |= {source.identity: source.with_fields({**source.chosen, **source.changed}) for source in alike}
    count = Counter(texts.values())
    return {
        identity: Label(f"{text} [{keys[identity]}]", True)
        if count[text] > 1
        else Label(text, False, clearest[identity].plain)
        for identity, text in texts.items()
    }
