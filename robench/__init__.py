"""robench: which defense of a text classifier holds, against which attack, at what price, and how sure are we?

``robench.run(defense="taichi", task="trec", preset="quick")`` does the same as ``robench run`` on the command line, and
returns the results as a pandas DataFrame. To add a defense or an attack, subclass :class:`Defense` or :class:`Attack`;
to add a task, make a :class:`Task`. Then :func:`register` it under a name.
"""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes
from robench.resources.textattack_finder import watch_imports
from robench.version import VERSION

__version__ = VERSION
watch_imports()

if TYPE_CHECKING:
    from robench.api import attack_model, run
    from robench.attacking.attack import Attack
    from robench.data.task import HubSource, Task
    from robench.errors import RobenchError
    from robench.plugins.plugin_files import load_plugin
    from robench.plugins.registry import register
    from robench.report.data_frames import load_records, load_results
    from robench.report.pairwise import compare
    from robench.report.table import table
    from robench.results import intervals
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
    "compare",
    "intervals",
    "load_plugin",
    "load_records",
    "load_results",
    "register",
    "run",
    "table",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
