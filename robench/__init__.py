"""robench: which defense of a text classifier holds, against which attack, at what price, and how sure are we?

``robench.run(defense="taichi", task="trec", preset="quick")`` is the command line's ``robench run`` and gives the
results as a pandas DataFrame. A defense, attack or task of your own subclasses :class:`Defense` or :class:`Attack`, or
is a :class:`Task`, and is named with :func:`register`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from robench.api import attack_model, run
    from robench.attacking.attack import Attack
    from robench.data.task import HubSource, Task
    from robench.errors import RobenchError
    from robench.plugins.registry import load_plugin, register
    from robench.training.defense import AdversarialDefense, Defense, TrainsOn

__all__ = [
    "AdversarialDefense",
    "Attack",
    "Defense",
    "HubSource",
    "RobenchError",
    "Task",
    "TrainsOn",
    "attack_model",
    "load_plugin",
    "register",
    "run",
]

# Imported on first use: `robench list` takes no second because nothing here imports torch.
_HOMES = {
    "attack_model": "api",
    "run": "api",
    "Attack": "attacking.attack",
    "AdversarialDefense": "training.defense",
    "Defense": "training.defense",
    "TrainsOn": "training.defense",
    "RobenchError": "errors",
    "load_plugin": "plugins.registry",
    "register": "plugins.registry",
    "HubSource": "data.task",
    "Task": "data.task",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'robench' has no attribute {name!r}")
    return getattr(import_module(f"robench.{_HOMES[name]}"), name)
