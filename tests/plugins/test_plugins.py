"""Defenses, attacks and tasks of others: the example of README, a file of one's own, an installed package."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from robench.plugins import registry
from robench.results.find_stage import find_stage
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import Store
from support.processes import Processes
from support.runs import outcome
from support.tiny_job import TASK, TinyJob, robench, write_data

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/my_defense.py"


@pytest.fixture(autouse=True)
def forget(forget_plugins: None) -> None:
    """Every test here registers something."""


def readmes_command() -> list[str]:
    """The words of README's command with the defense of the examples."""
    (command,) = re.findall(rf"^robench (.*--plugin {EXAMPLE} .*)$", (ROOT / "README.md").read_text("utf-8"), re.M)
    return shlex.split(command)


def test_readmes_defense_works_with_readmes_command(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, arguments = (ROOT / EXAMPLE).read_text(encoding="utf-8"), readmes_command()
    body = text[text.index("@robench.register") :]
    assert len(body.splitlines()) <= 20, "about twenty lines are promised"
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(ROOT / "examples")
    task = arguments[arguments.index("--task") + 1]
    small = ["--data", write_data(tmp_path / "data", task=task), "--encoder", tiny_job.encoder, "--offline"]
    done = robench(*arguments, *small)
    assert done.exit_code == 0, done.output
    (name,) = re.findall(r'@robench\.register\("(.+)"\)', text)
    cells = {stage.info.defense.name: stage for stage in Store(Path("runs")).stages(CellInfo)}
    assert name in cells and name in done.stdout
    for stage in cells.values():
        assert outcome(stage).n == 16
    model = find_stage(Store(Path("runs")), cells[name].info.model)
    log = [json.loads(line) for line in (model.folder / "training.jsonl").read_text("utf-8").splitlines()]
    assert all(f'"{term}"' in text for term in log[-1]["loss"]), "its terms are logged by name"
    again = robench(*arguments, *small)
    assert again.exit_code == 0 and "[1/" not in again.stderr


PLUGIN = '''
"""A defense, an attack and a task in one file."""
from dataclasses import dataclass

import robench
from robench.objectives import cross_entropy


@dataclass(frozen=True, kw_only=True)
class Smooth(robench.Defense):
    """Softens [nothing] much."""

    weight: float = 1.0

    def loss(self, networks, batch):
        (network,) = networks
        return {{"ce": self.weight * cross_entropy(network(batch.texts).logits, batch.labels)}}


@dataclass(frozen=True, kw_only=True)
class Swap(robench.Attack):
    """Swaps neighbouring letters."""

    words: int = 3

    def build(self, victim):
        from textattack.attack_recipes import Pruthi2019
        return Pruthi2019.build(victim, max_num_word_swaps=self.words)


VERDICTS = robench.Task(labels=("bad", "good"), summary="what people say")
{register}
'''
REGISTER = """
robench.register("smooth", Smooth)
robench.register("swap")(Swap)
robench.register("verdicts", VERDICTS)
"""


def test_one_file_may_bring_all_three(tiny_job: TinyJob, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
    listed = json.loads(robench("list", "--format", "json", "--plugin", plugin).stdout)
    rows = [listed[kind][-1] for kind in registry.KINDS]
    assert [(row["name"], row["summary"], row["from"]) for row in rows] == [
        ("smooth", "Softens [nothing] much.", str(plugin)),
        ("swap", "Swaps neighbouring letters.", str(plugin)),
        ("verdicts", "what people say", str(plugin)),
    ]
    assert "Softens [nothing] much." in robench("list", "defenses", "--plugin", plugin).stdout
    data = write_data(tmp_path / "data", train=8, dev=4, test=6, task="verdicts")
    command = ["run", "-d", "smooth", "-a", "swap", "-t", "verdicts", "--data", data, "--encoder", tiny_job.encoder]
    command += ["--runs", tmp_path / "runs", "--preset", "quick", "--plugin", plugin, "--offline"]
    for options, count in (([], 1), (["--set", "swap.words=1"], 2), (["--set", "smooth.weight=2"], 3), ([], 3)):
        done = robench(*command, *options)
        assert done.exit_code == 0, done.output
        assert len(Store(tmp_path / "runs").stages(CellInfo)) == count, "another setting is another cell"
    for stage in Store(tmp_path / "runs").stages(CellInfo):
        assert outcome(stage).n == 6 and stage.info.labels == ("bad", "good")
        assert stage.info.defense.code and stage.info.attack.code


def test_a_task_without_a_summary_has_none(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("import robench\n\nrobench.register('bare', robench.Task(labels=('bad', 'good')))\n", "utf-8")
    shown = robench("list", "bare", "--plugin", plugin).stdout
    assert "mine.py)labels:bad,good" in "".join(shown.split())


def install(folder: Path, package: str, points: str, version: str = "1.2") -> None:
    """What pip leaves behind for a package of one module: the module and its metadata."""
    folder.mkdir(exist_ok=True)
    (folder / f"{package.replace('-', '_')}.py").write_text(PLUGIN.format(register=""), encoding="utf-8")
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


POINTS = """
[robench.defenses]
{name} = {module}:Smooth
[robench.attacks]
swap = {module}:Swap
[robench.tasks]
verdicts = {module}:VERDICTS
"""


def elsewhere(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robench", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder.parent)


@pytest.mark.slow
def test_an_installed_package_brings_them_by_its_entry_points(
    tiny_job: TinyJob, processes: Processes, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site, "robench-smooth", POINTS.format(name="smooth", module="robench_smooth"))
    listed = json.loads(elsewhere(site, "list", "--format", "json").stdout)
    rows = [listed[kind][-1] for kind in registry.KINDS]
    assert [(row["name"], row["summary"], row["from"]) for row in rows] == [
        ("smooth", "Softens [nothing] much.", "robench-smooth 1.2"),
        ("swap", "Swaps neighbouring letters.", "robench-smooth 1.2"),
        ("verdicts", "what people say", "robench-smooth 1.2"),
    ]
    data = write_data(tmp_path / "data", train=8, dev=4, test=6, task="verdicts")
    fixed = ["--data", data, "--encoder", tiny_job.encoder, "--preset", "quick", "--offline"]
    command = ["run", "-d", "base,smooth", "-a", "swap", "-t", "verdicts", *fixed]
    done = processes.start(*command, folder=tmp_path, packages=site)
    assert done.wait() == 0, done.stderr
    cells = {stage.info.defense.name: stage for stage in Store(tmp_path / "runs").stages(CellInfo)}
    assert set(cells) == {"base", "smooth"}
    assert all(re.fullmatch("[0-9a-f]{16}", cell.info.defense.code) for cell in cells.values())
    edited = (site / "robench_smooth.py").read_text("utf-8").replace("self.weight *", "-self.weight *")
    (site / "robench_smooth.py").write_text(edited, encoding="utf-8")
    done = processes.start(*command, folder=tmp_path, packages=site)
    assert done.wait() == 0, done.stderr
    names = [stage.info.defense.name for stage in Store(tmp_path / "runs").stages(ModelInfo)]
    assert sorted(names) == ["base", "smooth", "smooth"], "what was not edited is not trained again"


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("taichi", None, "defense 'taichi' is registered twice: by robench and by robench-smooth 1.2"),
        ("smooth", "smooth", "defense 'smooth' is registered twice: by robench-other 1.2 and by robench-smooth 1.2"),
        ("my smooth", None, "robench-smooth 1.2 registers a defense as 'my smooth'"),
    ],
    ids=["a built-in's", "another package's", "not a name"],
)
def test_a_name_that_cannot_be_is_blamed_on_its_packages(
    tmp_path: Path, name: str, other: str | None, told: str
) -> None:
    site = tmp_path / "site"
    install(site, "robench-smooth", POINTS.format(name=name, module="robench_smooth"))
    if other:
        install(site, "robench-other", f"[robench.defenses]\n{other} = robench_other:Smooth\n")
    for command in (["list"], ["run", "-d", "base", "-t", TASK]):
        done = elsewhere(site, *command)
        assert done.returncode == 2 and re.search(told, done.stderr) and "Traceback" not in done.stderr


def test_register_of_what_the_package_has_as_an_entry_point_changes_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "robench-smooth", POINTS.format(name="smooth", module="robench_smooth"))
    module = site / "robench_smooth.py"
    module.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
    done = elsewhere(site, "list", "smooth")
    assert done.returncode == 0 and "robench-smooth 1.2" in done.stdout, done.stderr
    another_task = "robench.register('verdicts', robench.Task(labels=('a', 'b')))"
    for other in ("class Other(Smooth): ...\nrobench.register('smooth', Other)", another_task):
        module.write_text(PLUGIN.format(register=f"{REGISTER}\n{other}\n"), encoding="utf-8")
        told = elsewhere(site, "list", "smooth").stderr
        assert "is registered twice: by robench-smooth 1.2 and by" in told


def test_register_of_what_the_package_imports_from_its_own_module_changes_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "robench-smooth", POINTS.format(name="smooth", module="robench_smooth"))
    (site / "robench_smooth.py").unlink()
    package, inner = site / "robench_smooth", site / "robench_smooth" / "inner.py"
    package.mkdir()
    (package / "__init__.py").write_text("from robench_smooth.inner import VERDICTS, Smooth, Swap\n", encoding="utf-8")
    inner.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
    for name in ("smooth", "swap", "verdicts"):
        done = elsewhere(site, "list", name)
        assert done.returncode == 0 and "robench-smooth 1.2" in done.stdout, done.stderr
    another_task = "robench.register('verdicts', robench.Task(labels=('a', 'b')))"
    for other in ("class Other(Smooth): ...\nrobench.register('smooth', Other)", another_task):
        inner.write_text(PLUGIN.format(register=f"{REGISTER}\n{other}\n"), encoding="utf-8")
        assert "is registered twice: by robench-smooth 1.2 and by" in elsewhere(site, "list", "smooth").stderr
    (package / "older.py").write_text(PLUGIN.format(register="robench.register('smooth', Smooth)"), encoding="utf-8")
    inner.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
    imports = ["from robench_smooth.inner import VERDICTS, Smooth, Swap\n", "import robench_smooth.older\n"]
    for lines in (imports, imports[::-1]):  # two classes of one name: only one of them can be meant
        (package / "__init__.py").write_text("".join(lines), encoding="utf-8")
        assert "is registered twice: by robench-smooth 1.2 and by" in elsewhere(site, "list", "smooth").stderr
    (package / "__init__.py").write_text(imports[0], encoding="utf-8")
    inner.write_text(PLUGIN.format(register=""), encoding="utf-8")
    for file in (tmp_path / "mine.py", site / "robench_smooth2.py"):
        file.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
        done = elsewhere(site, "list", "--plugin", file)
        assert done.returncode == 2
        assert f"'smooth' is registered twice: by robench-smooth 1.2 and by {file}" in done.stderr


def test_a_file_may_not_take_the_name_of_a_package(tmp_path: Path) -> None:
    site, plugin = tmp_path / "site", tmp_path / "mine.py"
    install(site, "robench-smooth", POINTS.format(name="smooth", module="robench_smooth"))
    plugin.write_text(PLUGIN.format(register=REGISTER), encoding="utf-8")
    done = elsewhere(site, "list", "--plugin", plugin)
    assert done.returncode == 2
    assert f"'smooth' is registered twice: by robench-smooth 1.2 and by {plugin}" in done.stderr
