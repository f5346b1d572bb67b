"""What is known of something registered: its name, and the plug-in file that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

from robench.plugins import plugin_files, registry
from robench.plugins.entry import Kind


def find_name(plugin: object) -> str:
    """Return the name under which a plug-in is registered, itself or as its class; if several fit, that of its class.

    Args:
        plugin: a defense, an attack or a task, perhaps with other fields than those of what was registered.
    """
    cls = type(plugin)
    entries = registry.entries(cast(Kind, getattr(plugin, "plugin_kind", "defenses")))
    target = f"{cls.__module__}:{cls.__qualname__}"
    own = [entry.name for entry in entries if entry.target is plugin]
    of_class = [e.name for e in entries if e.target is cls or e.target == target or type(e.target) is cls]
    names = own or of_class
    return names[0] if len(names) == 1 else cls.__qualname__


def find_plugin_files(names: Iterable[tuple[Kind, str]]) -> list[Path]:
    """Return the plug-in files of this process that register some names, each once; a member has that of its family."""
    loaded = {str(path): path for path in plugin_files.list_files()}
    origins = {(entry.kind, entry.name): entry.origin for kind in registry.KINDS for entry in registry.entries(kind)}
    found = (origins.get((kind, name)) or origins.get((kind, name.partition(":")[0])) for kind, name in names)
    return [loaded[origin] for origin in dict.fromkeys(found) if origin in loaded]
