"""Plug-in files: what a file leaves behind that fails, or that a block forgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins import plugin_files, registry

TASK = "import robench\nrobench.register({name!r}, robench.Task(labels=('good', 'bad')))\n"


pytestmark = pytest.mark.usefixtures("forget_plugins")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_a_failed_one_loaded_can_be_loaded_again(tmp_path: Path) -> None:
    """What the failed one had loaded is forgotten with it, so it must not pass for loaded."""
    inner = write(tmp_path / "inner.py", TASK.format(name="inner"))
    load = f"import robench\nfrom pathlib import Path\nrobench.load_plugin(Path({str(inner)!r}))\n"
    outer = write(tmp_path / "outer.py", f"{load}raise ValueError('no')\n")
    with pytest.raises(RobenchError, match="ValueError: no"):
        plugin_files.load_plugin(outer)
    assert not registry.is_registered("tasks", "inner") and plugin_files.list_files() == []
    plugin_files.load_plugin(inner)
    assert registry.is_registered("tasks", "inner") and plugin_files.list_files() == [inner]


def test_an_edited_file_that_fails_leaves_what_the_file_was(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", TASK.format(name="mine"))
    plugin_files.load_plugin(file)
    before = registry.entry("tasks", "mine")
    write(file, f"{TASK.format(name='other')}raise ValueError('no')\n")
    with pytest.raises(RobenchError, match="ValueError: no"):
        plugin_files.load_plugin(file)
    assert registry.entry("tasks", "mine") is before and not registry.is_registered("tasks", "other")
    write(file, TASK.format(name="mine"))
    plugin_files.load_plugin(file)  # it is the one that is loaded
    assert registry.entry("tasks", "mine") is before
    assert plugin_files.name_file(str(file)) == "the task mine"


def test_the_path_of_a_file_may_be_a_text(tmp_path: Path) -> None:
    plugin_files.load_plugin(str(write(tmp_path / "mine.py", TASK.format(name="mine"))))
    assert registry.is_registered("tasks", "mine")
