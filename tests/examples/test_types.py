"""``py.typed`` holds for users: mypy is strict on the examples where robench is installed from its wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUBS = "scikit-learn-stubs==0.0.3"
"""Types of scikit-learn, which has none of its own; whoever wants strict types installs them."""
WRONG = """
import robench
from robench.defenses.taichi import TaiChi

robench.run(defence="base")
TaiChi(tau="x")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter of an environment with robench from its wheel, and what it depends on from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(".*", "build", "tests", "runs"))
    words = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), STUBS]
    subprocess.run(install, check=True)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "venv" / "bin" / "python"


def check(python: Path, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run mypy as a user would: strict, without any settings."""
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", str(python)]
    command += ["--cache-dir", str(python.parents[1] / "cache"), *files]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(1200)
def test_strict_types_hold_on_the_examples_and_find_faults(python: Path, tmp_path: Path) -> None:
    examples = Path(shutil.copytree(ROOT / "examples", tmp_path / "examples"))
    done = check(python, tmp_path, "examples")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "type: ignore" not in "".join(file.read_text("utf-8") for file in examples.rglob("*.py"))
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    found = check(python, tmp_path, "wrong.py").stdout
    assert 'Unexpected keyword argument "defence"' in found and 'Unexpected keyword argument "tau"' in found
