"""A package called TextAttack, of any version, as a user may have one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def write_textattack(folder: Path, version: str, code: str = "") -> None:
    """Write a package textattack and its metadata into a folder."""
    info = folder / f"textattack-{version}.dist-info"
    for made in (folder / "textattack", info):
        made.mkdir()
    (folder / "textattack" / "__init__.py").write_text(code, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: textattack\nVersion: {version}\n", encoding="utf-8")


def forget_textattack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let TextAttack be neither imported nor in a folder that Python searches, until the test ends."""
    monkeypatch.setitem(sys.modules, "textattack", sys)  # so that what the test imports is gone afterwards
    for name in [name for name in sys.modules if name.partition(".")[0] == "textattack"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not Path(one, "textattack", "__init__.py").is_file()])
