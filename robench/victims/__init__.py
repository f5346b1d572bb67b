"""Models that a user brings: found, checked, loaded as scorers, and attacked like robench's own models."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.victims.checks import Findings, examine
    from robench.victims.columns import check_order
    from robench.victims.find import find_victim
    from robench.victims.scorers import VictimModel
    from robench.victims.source import OWN_ENCODER, FunctionSource, Given, VictimSource

__all__ = [
    "OWN_ENCODER",
    "Findings",
    "FunctionSource",
    "Given",
    "VictimModel",
    "VictimSource",
    "check_order",
    "examine",
    "find_victim",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
