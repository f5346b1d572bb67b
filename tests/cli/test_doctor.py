"""The checks of ``robench doctor`` for the data of tasks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from robench.cli import doctor
from robench.plugins import plugin_files, registry
from robench.resources import synonyms
from support.own_textattack import forget_textattack
from support.tiny_job import robench

TASK = """
import robench
from robench.resources import packages

OURS = packages.Package(name="ours", version="1", sha256="0" * 64, megabytes=7, members=("a/",))
robench.register("ours", robench.Task(labels=("bad", "good"), packages=(OURS,)))
"""


def test_each_task_says_what_it_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_plugins: None) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    (tmp_path / "ours.py").write_text(TASK, encoding="utf-8")
    plugin_files.load_plugin(tmp_path / "ours.py")
    found = {finding.subject: finding for finding in doctor._check_task_packages()}
    assert list(found) == ["data of bbc", "data of imdb", "data of mr", "data of trec", "data of ours"]
    assert {finding.is_fine for finding in found.values()} == {None}
    assert "index when first needed (7 MB)" in found["data of ours"].detail
    assert "(54 MB)" in found["data of mr"].detail, "that of three packages"


def test_a_task_that_cannot_be_loaded_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = registry.Entry("tasks", "gone", "other 1.0", "no_such_module:TASK")
    monkeypatch.setattr(doctor, "entries", lambda kind: [broken])
    (finding,) = doctor._check_task_packages()
    assert finding.is_fine is False and "no_such_module" in finding.detail


@pytest.mark.usefixtures("textattack")
def test_the_import_that_attacks_need_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = doctor._check_textattack()
    assert finding.is_fine is True and finding.detail.startswith("0.3.11, ")
    monkeypatch.setitem(sys.modules, "textattack", None)
    finding = doctor._check_textattack()
    assert finding.is_fine is False and finding.detail.startswith("TextAttack cannot be imported: ")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_cores_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        device, _ = doctor._check_device()
    finally:
        os.sched_setaffinity(0, before)
    assert device.detail.endswith(", 1 core")


def test_cache_that_cannot_be_written_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache, *_ = doctor._check_resources()
    assert cache.is_fine is True
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "file"))
    cache, *_ = doctor._check_resources()
    assert cache.is_fine is False and cache.detail.startswith("cannot write ")


def test_textattack_that_is_not_there_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_textattack(monkeypatch)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    finding = doctor._check_textattack()
    assert finding.is_fine is None and finding.detail.endswith("when first needed (45 MB), or by doctor --fetch")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("bundled_resources")
def test_fetch_leaves_nothing_of_the_package_index_to_fetch() -> None:
    done = robench("doctor", "--fetch")
    assert done.exit_code == 0 and "or by doctor --fetch" not in " ".join(done.output.split())
    assert {doctor._check_bundle(title, bundle).is_fine for title, bundle in doctor._BUNDLES.items()} == {True}
    assert {finding.is_fine for finding in doctor._check_task_packages()} == {True}


@pytest.mark.usefixtures("bundled_resources")
def test_fetch_makes_the_table_that_pwws_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(synonyms, "prepare_synonyms", lambda **options: made.append(options))
    doctor.fetch()
    assert made == [{"offline": False}]
