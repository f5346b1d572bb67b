"""Another name of :mod:`robench.attacking.attack`, for plug-ins that import this one."""

from robench.attacking.attack import Attack, Victim

__all__ = ["Attack", "Victim"]
