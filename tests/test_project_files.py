"""The files that a project needs besides its code: what they say agrees with each other and with the code."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from robench.study.stages.stage import FORMAT

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
PROJECT_PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"]
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_citation_has_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]


def test_changelog_has_the_version_and_each_format() -> None:
    text = read("CHANGELOG.md")
    assert f"\n## {PROJECT['version']}" in text
    assert re.findall(r"^\| (\d+) \|", text, re.M) == [str(number) for number in range(FORMAT, 0, -1)]


def test_hooks_have_the_pinned_version_of_ruff() -> None:
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    rev = next(repo["rev"] for repo in hooks if "ruff" in repo["repo"])
    assert f"\nruff=={rev.removeprefix('v')}\n" in read("constraints.txt")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_runs_what_exists_with_few_rights(workflow: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert set(re.findall(r"\bmake ([\w-]+)", step.get("run", ""))) <= targets
        assert "@" in step.get("uses", "@"), "an action has a version"
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}


def test_workflows_try_each_python_that_the_package_names() -> None:
    jobs = yaml.safe_load(read(".github/workflows/tests.yml"))["jobs"]
    named = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert named <= set(jobs["versions"]["strategy"]["matrix"]["python"])
    assert min(named, key=lambda one: int(one[2:])) == PROJECT["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_form_has_questions_with_names(form: Path) -> None:
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    names = [field["id"] for field in content["body"] if field["type"] != "markdown"]
    assert content["name"] and content["description"] and len(set(names)) == len(names) > 1
    assert all(field["attributes"].get("label") for field in content["body"])


@pytest.mark.parametrize("name", [".ci/run", "Makefile", "pyproject.toml"])
def test_each_path_that_a_tool_is_given_exists(name: str) -> None:
    words = re.findall(r"(?<![\w/.])(?:tests|robench|docs)/[\w./{},*-]+", read(name))
    command = ["bash", "-c", f"printf '%s\\n' {' '.join(words)}"]  # a brace or star stands for several
    spread = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert len(spread) >= len(words) > 0
    assert [path for path in spread if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [*PROJECT_PAGES, *PAGES])
def test_page_names_files_and_targets_that_exist(name: str) -> None:
    text = read(name)
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    assert set(re.findall(r"`make ([a-z0-9-]+)`", text)) <= targets
    paths = re.findall(
        r"`((?:docs|examples|tests|defenses|attacks|tasks|robench|leaderboards|\.github|\.ci)/[\w./-]*)`", text
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PROJECT_PAGES)  # Sphinx looks at the links of the others
def test_links_of_a_project_page_lead_to_files(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", read(name)) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []
