"""The rule between the rooms of ``robench/``: a room imports only from rooms to its left, and light rooms stay light.

Imports inside of functions and under ``TYPE_CHECKING`` count: a circle that hides there is a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from robench.plugins import registry

ROOT = Path(__file__).parents[1]
TIERS = (
    (
        *("errors", "paths", "progress", "run_line", "bars", "lazy", "escaping", "console", "frames"),
        *("machine", "process", "syncing", "disk", "version", "extras"),
    ),
    ("plugins", "resources"),
    ("data", "models"),
    ("training", "results"),
    ("attacking",),
    ("victims",),
    ("study",),
    ("report",),
    ("api",),
    ("cli",),
)
TIER = {room: number for number, rooms in enumerate(TIERS) for room in rooms}
FRONT = {"__init__", "__main__", "attack", "defense", "objectives", "task"}
"""The front door, and the names that older plug-ins import: they may open every room, and no room imports them."""
LIGHT = ("plugins", "data/task.py", "results", "report/tables", "report/rendering", "cli")
HEAVY = {"torch", "transformers", "matplotlib"}
PLUGINS = ("defenses", "attacks", "tasks")
FACES = {"robench", *(f"robench.{room}" for room in ("training", "attacking", "data", "models", "resources"))}
ALSO_KEYS = {"clean", "adversarial", "average", "textattack"}
"""Names of built-ins that are also keys, kinds of texts or a package: such a literal says nothing."""


class Import(NamedTuple):
    """An import statement.

    Attributes:
        place: ``file:line``.
        source: what stands behind ``from``, or behind ``import``.
        module: the module that is imported: of ``from a import b`` this is ``a.b`` if that is a module, else ``a``.
        at_top: whether it runs when its file is imported.
    """

    place: str
    source: str
    module: str
    at_top: bool


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, at whatever depth."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        place, at_top = f"{file.relative_to(ROOT)}:{node.lineno}", node in tree.body
        for alias in node.names:
            if isinstance(node, ast.Import):
                yield Import(place, alias.name, alias.name, at_top)
            elif node.module:
                inner = f"{node.module}.{alias.name}"
                path = ROOT / inner.replace(".", "/")
                is_module = path.is_dir() or path.with_suffix(".py").is_file()
                yield Import(place, node.module, inner if is_module else node.module, at_top)


def room_of(module: str) -> str:
    """The room of ``robench.room.module``; empty for a module of others."""
    parts = module.split(".")
    return parts[1] if parts[0] == "robench" and len(parts) > 1 else ""


def rooms() -> Iterator[tuple[str, Path]]:
    for file in sorted((ROOT / "robench").rglob("*.py")):
        yield file.relative_to(ROOT / "robench").with_suffix("").parts[0], file


def test_every_module_of_robench_has_a_room() -> None:
    assert {room for room, _ in rooms()} <= TIER.keys() | FRONT


def test_a_room_imports_only_rooms_to_its_left() -> None:
    wrong = [
        f"{found.place} imports {found.module}"
        for room, file in rooms()
        if room in TIER
        for found in imports(file)
        if (other := room_of(found.module)) and other != room
        if TIER.get(other, len(TIERS)) >= TIER[room] and not TIER[room] == TIER.get(other) == 0
    ]
    assert wrong == []


def test_no_module_of_robench_names_a_built_in() -> None:
    entries = (entry for kind in registry.KINDS for entry in registry.entries(kind) if entry.is_built_in)
    names = {entry.name for entry in entries} - ALSO_KEYS
    found = {}
    for _, file in rooms():
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        where = [f"line {n.lineno} {n.value!r}" for n in nodes if isinstance(n, ast.Constant) and n.value in names]
        if where:
            found[file.relative_to(ROOT).as_posix()] = where
    assert found == {}


def test_light_rooms_import_nothing_heavy_at_module_level() -> None:
    files = [file for name in LIGHT for file in [ROOT / "robench" / name]]
    files = [one for file in files for one in ([file] if file.is_file() else sorted(file.rglob("*.py")))]
    wrong = [
        f"{i.place} imports {i.module}"
        for file in files
        for i in imports(file)
        if i.at_top and i.module.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_no_module_imports_textattack_at_module_level() -> None:
    """Its import has side effects, which ``load_textattack`` prevents."""
    wrong = [
        f"{i.place} imports {i.module}"
        for _, file in rooms()
        for i in imports(file)
        if i.at_top and i.module.split(".")[0] == "textattack"
    ]
    assert wrong == []


def test_plugins_import_only_the_faces_of_robench_and_one_another() -> None:
    wrong = [
        f"{found.place} imports {found.source}"
        for name in PLUGINS
        for file in sorted((ROOT / name).rglob("*.py"))
        for found in imports(file)
        if found.source.split(".")[0] == "robench"
        if found.source not in FACES and not found.source.startswith(f"robench.{name}.")
    ]
    assert wrong == []


def imports_by_module() -> dict[str, set[str]]:
    """Map each module of ``robench/`` to the modules of ``robench/`` that it imports, at whatever depth."""
    files = {}
    for file in sorted((ROOT / "robench").rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return {
        module: {found.module for found in imports(file)} & files.keys() - {module} for module, file in files.items()
    }


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    stack = list(graph[start])
    while stack:
        if (module := stack.pop()) not in reached:
            reached.add(module)
            stack += graph[module]
    return reached


def find_circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Find the largest sets of modules that all reach each other."""
    reached = {module: reachable(module, graph) for module in graph}
    return {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in graph
        if module in reached[module]
    }


def test_circles_are_found_in_a_graph_that_has_some() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set[str](), "e": {"f", "a"}, "f": {"e"}}
    assert find_circles(graph) == {frozenset("bc"), frozenset("ef")}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert find_circles(imports_by_module()) == set()


LOADERS = ("from_pretrained", "from_config")
"""Functions of Transformers that run a model's Python files, or ask on a terminal whether to, unless they are told."""


def test_every_loading_call_says_whether_code_of_the_model_may_run() -> None:
    calls = [
        (file, node)
        for room in ("robench", *PLUGINS)
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOADERS
    ]
    silent = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file, node in calls
        if not any(keyword.arg == "trust_remote_code" for keyword in node.keywords)
    ]
    assert calls and silent == []
