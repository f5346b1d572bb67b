"""Whether the keys of an entry belong to their identities, and these to the fields beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from robench.escaping import list_values, show_value
from robench.results.entry_form import Entry
from robench.results.info_parts import TRAINING_PREFIX, PluginInfo
from robench.results.integrity import make_key

_PIN = re.compile("[0-9a-f]{40}")
"""What stands in an identity in place of the name of a model: a digest or a commit."""
_LATER = {"hardware"}
"""Parts of an identity that results of early versions lack."""
_OWN = "robench.attacks."
"""How the classes of robench's own attacks begin."""
_ATTACK_PARTS = {"attack", "fields", "resources", "textattack", "name", "code", "of", "code_of"}
"""What the identity of such an attack has; one of somebody else may have more."""


def check_identities(entry: Entry) -> Iterator[str]:
    """Check the model, the adversarial training set that it was trained on, and that no key stands there twice."""
    yield from check_key(entry.key, entry.identity, _list_model_parts(entry))
    if against := entry.trained_against:
        parts: dict[str, Any] = {"stage": "adversarial", "model": against.model, "seed": entry.seed}
        parts |= list_attack_parts(against.attack, against.identity)
        parts["rows"] = against.attacked.n if against.attacked else against.identity.get("rows")
        found = [
            *check_key(against.key, against.identity, parts),
            *check_attack_parts(against.attack, against.identity),
        ]
        yield from (f"trained_against: {fault}" for fault in found)
    keys = [entry.key, *(attack.key for attack in entry.attacks), *(one.key for one in entry.statistics)]
    if twice := [key for key, count in Counter(keys).items() if count > 1]:
        yield f"the key {twice[0]} stands there twice"


def _list_model_parts(entry: Entry) -> dict[str, Any]:
    """Return the identity that the model should have, format aside."""
    shared = {"data": entry.data.digest, "precision": entry.precision}
    if entry.victim:
        return shared | {"stage": "victim", "victim": entry.defense.fields}
    return shared | {
        "stage": "model",
        "encoder": entry.encoder.digest,
        "defense": {"class": entry.defense.class_, "fields": entry.defense.fields, "code": entry.defense.code},
        "training": entry.training | entry.defense.training_changes,
        "hardware": entry.hardware,
        "rows": entry.train_rows,
        "seed": entry.seed,
        "adversarial": entry.trained_against.key if entry.trained_against else None,
        "parts": [part.key for part in entry.parts],
        **({"training_changes": own} if (own := entry.defense.training_changes) else {}),
    }


def check_key(key: str, identity: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[str]:
    """Check that a key belongs to an identity, which has its format and these parts with these values, and no more.

    What a stranger adds to an identity gives the same results another key.
    """
    if make_key(dict(identity)) != key:
        yield f"the key {key} does not belong to the identity"
    for name, value in parts.items():
        if name not in identity and name not in _LATER:
            yield f"identity has no {name}"
        elif name in identity and identity[name] != value:
            yield f"identity.{name} is {show_value(identity[name])}, but the entry says {show_value(value)}"
    if type(identity.get("format")) is not int:
        yield f"identity.format is {show_value(identity.get('format'))}, which is no number"
    if unknown := sorted(identity.keys() - parts.keys() - {"format"}):
        yield f"identity has {list_values(map(show_value, unknown))}, which robench does not write"


def list_attack_parts(info: PluginInfo, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attack that an identity should have according to the fields beside it.

    A field may be pinned in an identity: the name of a language model stands there as the digest of its files. The code
    of an attack decides what else is in it, such as the pins of resources.
    """
    attack = identity.get("attack")
    if not isinstance(attack, dict):
        return {"attack": info.name}
    parts: dict[str, Any] = {"name": info.name, "code": info.code}
    if "attack" in attack:
        parts["attack"] = info.class_
    if isinstance(fields := attack.get("fields"), dict):
        parts["fields"] = {
            name: value if _PIN.search(str(value)) else info.fields.get(name) for name, value in fields.items()
        }
    return {"attack": attack | parts}


def check_attack_parts(info: PluginInfo, identity: Mapping[str, Any]) -> Iterator[str]:
    """Check that the identity of one of robench's own attacks has no parts and fields but those that robench writes."""
    attack = identity.get("attack")
    if not isinstance(attack, dict) or not info.class_.startswith(_OWN):
        return
    fields = attack.get("fields")
    extra = {"attack": attack.keys() - _ATTACK_PARTS}
    extra["attack.fields"] = fields.keys() - info.fields.keys() if isinstance(fields, dict) else set()
    for place, names in extra.items():
        if names:
            yield f"identity.{place} has {list_values(map(show_value, sorted(names)))}, which robench does not write"


def check_attack(info: PluginInfo) -> Iterator[str]:
    """Check an attack by itself, as a plug-in and for its title, which heads columns of tables."""
    if not info.title:
        yield "has no title"
    yield from check_plugin(info)


def check_plugin(info: PluginInfo) -> Iterator[str]:
    """Check a defense or attack by itself: its name, and that changed fields have the value they were changed to.

    Training settings of its own are no fields; the identity of its model has them.
    """
    if not info.name or not info.class_:
        yield "has no name or no class"
    for name, value in info.changed.items():
        if name.startswith(TRAINING_PREFIX):
            continue
        if name not in info.fields or info.fields[name] != value:
            yield f"changed.{name} is {show_value(value)}, but fields has {show_value(info.fields.get(name))}"
    if not isinstance(info.fields.get("resources", ""), str):
        yield "fields.resources is no text"
