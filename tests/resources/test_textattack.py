"""Where TextAttack comes from, what guards its import, and the stand-in for flair."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins.modules import find_owner, find_place
from robench.resources import packages
from robench.resources.flair_stand_in import stand_in_for_flair
from robench.resources.pinned_packages import TEXTATTACK
from robench.resources.textattack import load_textattack
from robench.resources.textattack_finder import forbid_fetching
from robench.resources.textattack_guard import textattack_folder
from robench.resources.textattack_source import find_installed, prepare_textattack
from support.caches import fill_cache
from support.machine import HAS_FLAIR
from support.own_textattack import forget_textattack, write_textattack

OTHER = r"TextAttack 0\.3\.10 {} {}, but robench's attacks are those of TextAttack 0\.3\.11: remove it"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """TextAttack is neither imported nor installed."""
    forget_textattack(monkeypatch)


def test_prepare_textattack_with_another_version_installed_names_both(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_textattack(tmp_path, "0.3.10", "MINE = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RobenchError, match=OTHER.format("is installed in", tmp_path)):
        prepare_textattack()
    assert importlib.import_module("textattack").MINE, "who imports it themselves has their own"
    with pytest.raises(RobenchError, match=OTHER.format("was imported from", tmp_path)):
        load_textattack()


def test_prepare_textattack_with_a_module_of_its_name_says_where_it_is(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "textattack.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RobenchError, match=f"a module textattack of unknown version is installed in {tmp_path}"):
        prepare_textattack()


def test_prepare_textattack_with_the_pinned_version_installed_fetches_nothing(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_textattack(tmp_path, "0.3.11")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    prepare_textattack()
    assert not (tmp_path / "cache").exists()


def test_textattack_in_the_folder_of_another_cache_is_not_taken_for_an_installed_one(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "packages" / TEXTATTACK.folder
    other.mkdir(parents=True)
    write_textattack(other, "0.3.11")
    monkeypatch.syspath_prepend(other)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    assert find_installed() is None
    with pytest.raises(RobenchError, match=r"textattack==0\.3\.11 is not in the cache"):
        prepare_textattack(offline=True)


def test_import_offline_without_textattack_in_the_cache_says_what_helps(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    told = r"textattack==0\.3\.11 is not in the cache .* and this command fetches nothing: fetch it once with a network"
    with pytest.raises(RobenchError, match=told):
        prepare_textattack(offline=True)
    with forbid_fetching(True), pytest.raises(ModuleNotFoundError, match=told):
        importlib.import_module("textattack")
    assert find_installed() is None and not list(tmp_path.iterdir())


def test_find_place_of_textattack_looks_nowhere_and_is_nobodys(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    for name in ("textattack", "textattack.shared.attacked_text"):
        place = find_place(name)
        assert place is not None and find_owner(place) == ""
    assert not list(tmp_path.iterdir())


def test_stand_in_is_there_while_textattack_is_imported_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "flair"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "flair.py").write_text("raise ImportError('no such name in transformers')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with stand_in_for_flair():
        data, models = importlib.import_module("flair.data"), importlib.import_module("flair.models")
        assert issubclass(type("Mine", (data.Tokenizer,), {}), data.Tokenizer)
    assert not {"flair", "flair.data", "flair.models"} & sys.modules.keys()
    told = r"needs flair, which cannot be imported \(ImportError: no such name in transformers\): `pip install 'flair>="
    for use in (lambda: data.Sentence("a text", use_tokenizer=None), lambda: models.SequenceTagger.load("ner")):
        with pytest.raises(RobenchError, match=told):
            use()


@pytest.mark.skipif(HAS_FLAIR, reason="flair is installed")
@pytest.mark.usefixtures("textattack")
def test_tagging_a_text_without_flair_says_how_to_install_it() -> None:
    from textattack.shared import AttackedText

    with pytest.raises(RobenchError, match="tags words for TextAttack needs flair, which is not installed: `pip inst"):
        AttackedText("A text.").pos_of_word_index(0)


def test_textattack_of_the_cache_has_its_metadata(without: None, shared_cache: Path) -> None:
    folder = packages.fetch_package(TEXTATTACK)
    assert {one.name for one in folder.iterdir()} == {"textattack", "textattack-0.3.11.dist-info"}


def test_a_question_for_textattack_fetches_nothing_and_its_import_does(
    without: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    found = importlib.util.find_spec("textattack")
    assert found is not None and found.origin is None and not list(tmp_path.iterdir())


NEW_CACHE = """
import textattack, textattack.shared.utils.strings
print(textattack.__file__, textattack.__spec__.origin, list(textattack.__path__))
"""


@pytest.mark.slow
@pytest.mark.network
def test_import_with_an_empty_cache_fetches_textattack_and_all_its_modules(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import robench\n{NEW_CACHE}"]
    environment = os.environ | {"ROBENCH_CACHE": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    file, origin, places = done.stdout.split(maxsplit=2)
    assert file == origin and file.startswith(str(tmp_path)) and str(Path(file).parent) in places


@pytest.mark.slow
@pytest.mark.usefixtures("textattack")
def test_import_of_textattack_disables_no_logger() -> None:
    code = """
import logging
own = logging.getLogger("mine.deep")
from robench.resources.textattack import load_textattack
load_textattack()
print(own.disabled, logging.getLogger("robench.results.store").disabled)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.usefixtures("textattack")
def test_files_of_textattack_are_in_robenchs_cache_wherever_it_was_at_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textattack.shared.utils import install

    monkeypatch.setattr(install, "TEXTATTACK_CACHE_DIR", str(tmp_path))
    load_textattack()
    assert Path(install.path_in_cache("a-file")) == textattack_folder() / "a-file"


@pytest.mark.slow
@pytest.mark.usefixtures("textattack")
def test_import_of_textattack_writes_nothing_to_the_cache_which_may_be_read_only(tmp_path: Path) -> None:
    fill_cache(tmp_path / "cache")
    before = sorted((tmp_path / "cache").iterdir())
    code = """
from robench.resources.textattack import load_textattack
load_textattack(offline=True)
from textattack.shared.utils import install
print(install.TEXTATTACK_CACHE_DIR)
"""
    folders = {"ROBENCH_CACHE": str(tmp_path / "cache"), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | folders
    )
    assert sorted((tmp_path / "cache").iterdir()) == before
    assert Path(done.stdout.strip()) == tmp_path / "cache" / "textattack"
