"""What the benchmarks share: film reviews to measure on, and lines told at the end of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.data.load import TaskData, load_task
from robench.plugins import registry
from support.real_data import real_data_if_any


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A benchmark takes as long as it takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def reviews() -> TaskData:
    """SST-2 if ROBENCH_TEST_DATA has its rows, else MR, which the package index has."""
    folder = real_data_if_any()
    name = "sst2" if folder and (folder / "sst2").is_dir() else "mr"
    return load_task(name, registry.entry("tasks", name).load(), data_dir=folder, order=("local", "index"))


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the end of the module."""
    lines: list[str] = []
    yield lines
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        for line in lines:
            plugins.getplugin("terminalreporter").write_line(line)
