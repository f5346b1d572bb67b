"""A function in a file: ``sub/vic.py:scores``, with a helper module beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.victims.find import find_victim
from robench.victims.source import FunctionSource

VICTIM = """
from vic_helper import count

def scores(texts):
    import vic_late_helper
    return [[vic_late_helper.NOTHING, count(text)] for text in texts]
"""


@pytest.fixture
def sub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder ``sub`` with the file and its helpers, in the working directory."""
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "vic.py").write_text(VICTIM, encoding="utf-8")
    (folder / "vic_helper.py").write_text("def count(text): return len(text)\n", encoding="utf-8")
    (folder / "vic_late_helper.py").write_text("NOTHING = 0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    forget()


def forget() -> None:
    for name in ("vic", "vic_helper", "vic_late_helper"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("place", ["sub/vic.py:scores", "./sub/vic.py:scores", "{sub}/vic.py:scores"])
def test_function_in_a_file_finds_the_modules_beside_it(place: str, sub: Path) -> None:
    spec = place.format(sub=sub)
    source = find_victim(spec)
    assert isinstance(source, FunctionSource)
    assert source.function(["abc"]) == [[0, 3]]
    assert (source.name, source.shown, source.command) == ("scores", spec, ("--model", spec))


def test_function_in_a_file_is_the_same_as_by_its_module_and_known_by_its_helper(
    sub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_file = find_victim("sub/vic.py:scores").digest
    forget()
    monkeypatch.chdir(sub)
    assert find_victim("vic:scores").digest == by_file
    forget()
    (sub / "vic_helper.py").write_text("def count(text): return 2 * len(text)\n", encoding="utf-8")
    assert find_victim("vic:scores").digest != by_file


def test_function_in_a_file_that_is_not_there_or_hidden_by_another_module_is_refused(sub: Path) -> None:
    with pytest.raises(RobenchError, match=r"^--model sub/none\.py:scores: there is no file .*none\.py"):
        find_victim("sub/none.py:scores")
    with pytest.raises(RobenchError, match=r"^--model sub/vic\.py:none: the module vic has no none; it has .*scores"):
        find_victim("sub/vic.py:none")
    (sub / "json.py").write_text("def scores(texts): return []\n", encoding="utf-8")
    with pytest.raises(RobenchError, match=r"a module json was imported before, from .*; give the file another name"):
        find_victim("sub/json.py:scores")
