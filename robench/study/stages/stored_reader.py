"""What a stored model reads in place of a text: its defense, made again from ``stage.json``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.plugins import registry
from robench.results.info import ModelInfo
from robench.results.store import make_key
from robench.study.setting import NamedDefense

if TYPE_CHECKING:
    from robench.training.reading import DefenseReader


def find_stored_reader(model: ModelInfo) -> DefenseReader | None:
    """Return what reads texts for a stored model; None if it reads them as they are.

    Raises:
        RobenchError: its defense is not registered, or is not the one that trained it.
    """
    from robench.training.reading import DefenseReader

    stored = model.defense
    if not stored.texts_read:
        return None
    needed = f"the model {model.label} reads each text as its defense {stored.name} says"
    if not registry.is_registered("defenses", stored.name):
        raise RobenchError(f"{needed}, which is not registered; name its file with --plugin.")
    entry = registry.entry("defenses", stored.name)
    try:
        defense = replace(entry.load(), **stored.fields)
    except (TypeError, ValueError) as error:
        raise RobenchError(f"{needed}, which has other fields now: {error}; train it again.") from error
    named = NamedDefense(stored.name, entry.identify_code(), defense=defense)
    if make_key(named.identity) != make_key(model.identity.get("defense", {})):
        raise RobenchError(
            f"{needed}, whose code or resources have changed since it was trained; train it again, or install what it"
            " was trained with."
        )
    return DefenseReader(defense, model.seed)
