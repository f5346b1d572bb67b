"""The names that the command line takes, plug-in files, and the fields that ``--set`` changes."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.plugins.option import option
    from robench.plugins.plugin_files import load_plugin
    from robench.plugins.registry import entry, names, register
    from robench.plugins.style import Style

__all__ = [
    "Style",
    "entry",
    "load_plugin",
    "names",
    "option",
    "register",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
