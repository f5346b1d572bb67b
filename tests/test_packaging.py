"""What goes into the wheel, and how it is installed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest

from robench.extras import format_install_command

ROOT = Path(__file__).parents[1]


def test_the_wheel_has_every_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {name: ROOT / folder for name, folder in settings["package-dir"].items()}
    there = {
        ".".join((name, *file.parent.relative_to(folder).parts))
        for name, folder in folders.items()
        for file in folder.rglob("__init__.py")
    }
    assert set(settings["packages"]) == there


def test_the_wheel_has_every_paper_and_template() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = ROOT / "leaderboards"
    packed = {file for pattern in settings["package-data"]["robench.leaderboards"] for file in folder.glob(pattern)}
    there = {file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")}
    # Published results, which nothing of the package reads.
    there -= {*(folder / "measured").glob("*.json"), *(folder / "development").glob("*.csv")}
    assert packed == there
    assert {folder / name / "paper.toml" for name in ("paper", "example", "real-mr")} < packed


def test_install_command_names_the_packages_of_an_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert format_install_command("ray") == "pip install 'ray>=2.40'"
    assert shlex.split(format_install_command("published")) == ["pip", "install", *extras["published"]]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(("beside", "versions"), [((), ""), (("sentence-transformers",), "transformers-[5-9].*")])
def test_installation_in_an_empty_environment_downloads_each_package_once(
    beside: tuple[str, ...], versions: str, tmp_path: Path
) -> None:
    torch = tmp_path / "torch.txt"
    torch.write_text(f"torch=={metadata.version('torch').partition('+')[0]}\n", encoding="utf-8")  # it is large
    # A build writes the metadata in its source anew, from which processes of other tests read robench's entry points.
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(".*", "build", "tests", "runs"))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--progress-bar", "off"]
    done = subprocess.run(
        [*command, "--constraint", str(torch), str(source), *beside], capture_output=True, text=True, check=True
    )
    files = re.findall(r"^ *(?:Downloading|Using cached|Processing) (?:\S*/)?(\S+?)-\d", done.stdout, re.M)
    assert {"torch", "transformers", "langdetect"} <= set(files) and len(files) > 60
    assert [name for name, count in Counter(files).items() if count > 1] == []
    assert re.search(rf"Would install .*robench.* {versions}", done.stdout) and "flair-" not in done.stdout
    assert not beside or re.search(r" sentence-transformers-[6-9]", done.stdout)


TEXTS = ("robench", "attacks", "defenses", "tasks", "leaderboards", "docs", "README.md", "Makefile")


def test_no_text_says_to_install_robench_from_a_package_index_that_lacks_it() -> None:
    files = [file for name in TEXTS for file in ([ROOT / name, *(ROOT / name).rglob("*")]) if file.is_file()]
    texts = {file: file.read_text(encoding="utf-8") for file in files if file.suffix != ".pyc"}
    advice = re.compile(r"pip install[^`\n]*[ '\"]robench\b(?!/)")
    assert [str(file.relative_to(ROOT)) for file, text in texts.items() if advice.search(text)] == []
    assert advice.search("pip install -c constraints.txt 'robench[ray]'") and advice.search("(pip install robench)")
