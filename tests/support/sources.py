"""Plug-ins, their helpers and notebooks, written and loaded as a user does, and the identity of their code."""

from __future__ import annotations

import hashlib
import linecache
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from robench.plugins import plugin_files, registry

DEFENSE = '''
"""Defenses of ours."""
from dataclasses import dataclass
from typing import ClassVar

import robench
from robench.objectives import cross_entropy, kl_divergence
from robench.training import Style, option

from helper import SCALE, scale
import kit.tools

SHIFT = 0.5
OTHER = 7


def shifted(loss):
    return loss + SHIFT


@robench.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Defense):
    """Ours."""

    style: ClassVar[Style] = Style(title="Mine", hue="blue")
    alpha: float = option(1.0, "weight", minimum=0, source="nowhere")

    @property
    def classifies(self):
        return "clean"

    def loss(self, networks, batch):
        """Compute it."""
        (network,) = networks
        logits = network(batch.texts).logits  # (B, K)
        return {"ce": shifted(scale(cross_entropy(logits, batch.labels))), "kl": kit.tools.weigh(self.alpha)}


@dataclass(frozen=True, kw_only=True)
class Unused(robench.Defense):
    def loss(self, networks, batch):
        return {"ce": OTHER}
'''
HELPER = '"""Help."""\nfrom kit import deep\n\nSCALE = 2.0\n\ndef scale(x):\n    return deep.DEEP * SCALE * x\n'
FILES = {
    "mine.py": DEFENSE,
    "helper.py": HELPER,
    "kit/__init__.py": "",
    "kit/tools.py": "from . import deep\n\ndef weigh(x):\n    from .late import LATE\n    return x + LATE\n",
    "kit/deep.py": "DEEP = 3\n",
    "kit/late.py": "LATE = 4\n",
    "kit/strange.py": "STRANGE = 5\n",
}
"""A plug-in file, a module beside it, and a package that both use."""


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def load_code(folder: Path) -> str:
    """Load ``mine.py`` with its folder on sys.path, in a fresh state, and identify the code of its defense."""
    with plugin_files.isolated(), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        try:
            plugin_files.load_plugin(folder / "mine.py")
            return registry.entry("defenses", "mine").identify_code()
        finally:
            forget_modules(folder)


def forget_modules(folder: Path) -> None:
    """Forget the modules that lie in a folder, as a new process has not imported them."""
    for name, module in list(sys.modules.items()):
        if str(vars(module).get("__file__") or "").startswith(str(folder)):
            del sys.modules[name]


class Notebook:
    """A notebook: its cells run in a module ``__main__`` without a file, and are kept in ``linecache``.

    An interpreter keeps no source.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *, keeps_source: bool = True) -> None:
        self.keeps_source = keeps_source
        self.module = types.ModuleType("__main__")
        patch.setitem(sys.modules, "__main__", self.module)

    def run(self, cell: str) -> None:
        """Run a cell as IPython does: it is a file of its own, named by its text, that is on no disk."""
        name = f"/tmp/ipykernel_1/{hashlib.sha256(cell.encode()).hexdigest()[:10]}.py"
        if self.keeps_source:
            linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        else:
            linecache.cache.pop(name, None)
        exec(compile(cell, name, "exec", dont_inherit=True), vars(self.module))

    def __getitem__(self, name: str) -> Any:
        return vars(self.module)[name]
