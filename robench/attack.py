"""An alias of :mod:`robench.attacking.attack`, kept for plug-ins that import it by this name."""

from robench.attacking.attack import Attack, Victim

__all__ = ["Attack", "Victim"]
