"""Paths keep their meaning when code of others changes the working directory; only files are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from robench.disk import check_free_space
from robench.errors import RobenchError
from robench.paths import absolute_path, anchor_paths, cache_dir, read_regular
from robench.results.store import Store


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders, the first of which is the working directory."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    return here, there


def test_anchor_paths_after_a_change_of_directory_paths_are_as_before(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = folders
    monkeypatch.setenv("ROBENCH_CACHE", "cache")
    with anchor_paths():
        monkeypatch.chdir(there)
        assert absolute_path(Path("runs")) == Store(Path("runs")).root == here / "runs"
        assert cache_dir() == here / "cache"
        assert absolute_path(Path("/elsewhere")) == Path("/elsewhere")
        with anchor_paths():
            assert absolute_path(Path()) == here, "the outer block decides"
    assert absolute_path(Path("runs")) == there / "runs"


def test_absolute_path_the_home_folder_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert absolute_path(Path("~/runs")) == Path("/home/somebody/runs")


def test_anchor_paths_in_a_removed_folder_is_an_error(folders: tuple[Path, Path]) -> None:
    folders[0].rmdir()
    with pytest.raises(RobenchError, match="the working directory was removed"), anchor_paths():
        pass


@pytest.mark.parametrize(
    "place",
    [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("/proc/kmsg")],
)
def test_read_regular_of_what_is_no_file_does_not_wait(place: Callable[[Path], object], tmp_path: Path) -> None:
    place(tmp_path / "odd")
    with pytest.raises(OSError):
        read_regular(tmp_path / "odd")


def test_read_regular_of_a_file_that_is_larger_than_any_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(b"whole")
    assert read_regular(tmp_path / "whole") == b"whole"
    with (tmp_path / "sparse").open("wb") as file:
        try:
            file.truncate(2**42)
        except OSError:
            pytest.skip("this file system has no file of 4 TB")
    with pytest.raises(OSError, match="large"):
        read_regular(tmp_path / "sparse")


def test_check_free_space_of_more_than_the_disk_has_names_folder_and_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "models"
    check_free_space(folder, 1, "the trained model")
    told = rf"^the trained model takes 1,000,000,000,000\.0 MB in {folder}, whose disk has [\d,]+\.\d MB free: .*--runs"
    with pytest.raises(RobenchError, match=told):
        check_free_space(folder, 10**18, "the trained model")
