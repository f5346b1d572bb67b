"""The identity of code: what changes a result changes it, what only people read does not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.plugins import plugin_files, registry
from robench.plugins.modules import class_path
from robench.plugins.source import identify_class
from robench.study.request import Request
from support.sources import DEFENSE, FILES, Notebook, forget_modules, load_code, write_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forget(forget_plugins: None) -> None:
    """Every test here registers something."""


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The identity of the files as they are."""
    return load_code(write_files(tmp_path_factory.mktemp("unchanged"), FILES))


def test_identity_of_a_plugin_is_frozen(unchanged: str) -> None:
    """If this fails, all keys have changed: results that exist would be computed again."""
    assert unchanged == "1e26ce7f4f613876"


SAME = {
    "comment": ("mine.py", "# (B, K)", "# logits"),
    "layout": ("mine.py", "(network,) = networks", "(\n            network,\n        ) = networks"),
    "docstring of the file": ("mine.py", '"""Defenses of ours."""', ""),
    "docstring of the class": ("mine.py", '"""Ours."""', '"""Mine."""\n    pass'),
    "docstring of a method": ("mine.py", '"""Compute it."""', ""),
    "docstring of a helper": ("helper.py", '"""Help."""', '"""Helps."""'),
    "title": ("mine.py", 'title="Mine"', 'title="My own"'),
    "colour": ("mine.py", 'hue="blue"', 'hue="green", pattern="striped"'),
    "words of table 2": ("mine.py", 'return "clean"', 'return "adv"'),
    "meaning, range and source of a field": ("mine.py", '"weight", minimum=0, source="nowhere"', '"a weight"'),
    "plain field": ("mine.py", 'option(1.0, "weight", minimum=0, source="nowhere")', "1.0"),
    "registered name": ("mine.py", '@robench.register("mine")', '@robench.register("more")\n@robench.register("mine")'),
    "registered task": ("mine.py", "OTHER = 7", "OTHER = 7\nrobench.register('x', robench.Task(labels=('a', 'b')))"),
    "order of definitions": ("mine.py", "SHIFT = 0.5\nOTHER = 7\n", "OTHER = 7\nSHIFT = 0.5\n"),
    "another defense": ("mine.py", "OTHER = 7", "OTHER = 8"),
    "one more defense": ("mine.py", "OTHER = 7", "OTHER = 7\nclass More(robench.Defense):\n    pass\n"),
    "a module that is not used": ("kit/strange.py", "5", "6"),
    "annotation for type checkers": ("helper.py", "SCALE = 2.0", "SCALE: float = 2.0"),
    "import for type checkers": (
        "helper.py",
        "SCALE = 2.0",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import kit.strange\nSCALE = 2.0",
    ),
}


@pytest.mark.parametrize(("file", "old", "new"), SAME.values(), ids=SAME)
def test_identity_of_what_only_people_read_stays(tmp_path: Path, unchanged: str, file: str, old: str, new: str) -> None:
    assert FILES[file].count(old) == 1
    assert load_code(write_files(tmp_path, FILES | {file: FILES[file].replace(old, new)})) == unchanged


OTHER = {
    "method": ("mine.py", "shifted(scale(", "-shifted(scale("),
    "default": ("mine.py", "option(1.0", "option(2.0"),
    "function": ("mine.py", "loss + SHIFT", "loss - SHIFT"),
    "constant": ("mine.py", "SHIFT = 0.5", "SHIFT = 0.25"),
    "type of a constant": ("helper.py", "SCALE = 2.0", "SCALE = 2"),
    "constant of a helper": ("helper.py", "SCALE = 2.0", "SCALE = 200.0"),
    "helper's helper": ("kit/deep.py", "3", "300"),
    "helper that is imported late": ("kit/late.py", "4", "400"),
    "what the import of a package does": ("kit/__init__.py", "", "import torch\ntorch.manual_seed(3)\n"),
    "other function of a library": ("mine.py", "import cross_entropy, ", "import contrastive as cross_entropy, "),
    "action on the class": ("mine.py", '{"ce": OTHER}', '{"ce": OTHER}\n\n\nMine.shift = 3'),
    "change of a helper": ("mine.py", "OTHER = 7", "kit.tools.weigh = abs"),
    "second binding": ("helper.py", "SCALE = 2.0", "SCALE = 2.0\nSCALE = 3.0"),
    "version": ("mine.py", "    alpha:", '    version: ClassVar[str] = "2"\n    alpha:'),
    "what code may reach without its name": ("mine.py", "return loss + SHIFT", "return globals()['SHIFT'] + loss"),
}


@pytest.mark.parametrize(("file", "old", "new"), OTHER.values(), ids=OTHER)
def test_identity_of_what_changes_a_result_changes(
    tmp_path: Path, unchanged: str, file: str, old: str, new: str
) -> None:
    text = FILES[file].replace(old, new, 1) if old else new
    assert text != FILES[file] and load_code(write_files(tmp_path, FILES | {file: text})) != unchanged


def test_identity_of_two_files_of_one_name_depends_on_their_text_alone(tmp_path: Path, unchanged: str) -> None:
    """A plug-in file's place is no part of a key, nor are the bytes of its text part of its class's path."""
    assert load_code(write_files(tmp_path / "b", FILES)) == unchanged
    plugins = []
    for number in (1, 2):
        text = DEFENSE.replace('"mine"', f'"mine-{number}"').replace("loss + SHIFT", f"loss + {number} * SHIFT")
        plugins.append(write_files(tmp_path / str(number), FILES | {"mine.py": text}) / "mine.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plugins[0].parent)
        for plugin in plugins:
            plugin_files.load_plugin(plugin)
    entries = [registry.entry("defenses", f"mine-{number}") for number in (1, 2)]
    one, two = (entry.implementation() for entry in entries)
    assert one is not two and class_path(one) == class_path(two) == "robench_plugin_mine:Mine"
    assert entries[0].identify_code() != entries[1].identify_code()
    assert set(plugin_files.list_files()) == set(plugins)
    forget_modules(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A folder on sys.path with a package that has a defense, and with a plug-in file beside it."""
    files = {
        "ours_for_test/__init__.py": "",
        "ours_for_test/defense.py": DEFENSE.replace("helper", ".helper")
        .replace("import kit.tools", "from . import kit")
        .replace('"mine"', '"theirs"'),
        "ours_for_test/helper.py": "SCALE = 2\ndef scale(x):\n    return SCALE * x\n",
        "ours_for_test/kit.py": "class tools:\n    weigh = abs\n",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(write_files(tmp_path, files))
        yield tmp_path
    forget_modules(tmp_path)


def code_of_package() -> str:
    """The code of the package's defense, as a new process has it."""
    import importlib

    for name in [name for name in sys.modules if name.startswith("ours_for_test")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return identify_class(importlib.import_module("ours_for_test.defense").Mine)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_identity_of_an_editable_package_follows_its_source(package: Path) -> None:
    first = code_of_package()
    edit(package / "ours_for_test" / "helper.py", "SCALE = 2", "SCALE  = 2  # twice")
    assert code_of_package() == first
    edit(package / "ours_for_test" / "helper.py", "SCALE  = 2", "SCALE = 200")
    second = code_of_package()
    edit(package / "ours_for_test" / "defense.py", "self.alpha)", "100 * self.alpha)")
    assert len({first, second, code_of_package()}) == 3


def test_identity_of_an_installed_package_has_its_version_and_the_class(package: Path) -> None:
    def install(version: str) -> None:
        for old in package.glob("*.dist-info"):
            shutil.rmtree(old)
        write_files(
            package / f"ours_for_test-{version}.dist-info",
            {
                "METADATA": f"Metadata-Version: 2.1\nName: ours-for-test\nVersion: {version}\n",
                "RECORD": "".join(f"ours_for_test/{name}.py,,\n" for name in ("__init__", "defense", "helper", "kit")),
            },
        )
        from robench.plugins import modules

        modules._find_owner.cache_clear()

    install("1.0")
    first = code_of_package()
    edit(package / "ours_for_test" / "helper.py", "SCALE = 2", "SCALE = 3")
    assert code_of_package() == first, "its other modules enter by the version"
    install("1.1")
    second = code_of_package()
    edit(package / "ours_for_test" / "defense.py", "loss + SHIFT", "loss - SHIFT")
    assert len({first, second, code_of_package()}) == 3


def test_find_owner_of_a_foreign_package_is_its_version_and_of_a_dependency_nobody() -> None:
    from robench.plugins.modules import find_owner, find_place

    owners = {
        name: find_owner(place) for name in ("json", "torch", "requests", "pytest") if (place := find_place(name))
    }
    assert owners == {"json": "", "torch": "", "requests": "", "pytest": f"pytest {pytest.__version__}"}


@pytest.mark.parametrize("form", ["other_dist-1.0.dist-info/METADATA", "other_dist.egg-info/PKG-INFO"])
def test_requirements_of_an_installed_and_of_a_built_distribution_are_those_without_extras(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robench.plugins.modules import _requirements

    file = tmp_path / form
    file.parent.mkdir()
    lines = ["Name: other-dist", "Version: 1.0", "Requires-Dist: torch>=2", 'Requires-Dist: ruff; extra == "dev"']
    file.write_text("\n".join(lines) + "\n\nRequires-Dist: text\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert _requirements.__wrapped__("other-dist") == {"torch"}


def test_identity_follows_what_runs_and_not_what_was_edited_later(package: Path) -> None:
    """In a long session a file may be edited after it was imported; what runs is what was imported."""
    first = code_of_package()
    kind = sys.modules["ours_for_test.defense"].Mine
    edit(package / "ours_for_test" / "helper.py", "SCALE = 2", "SCALE = 3")
    assert identify_class(kind) == first
    import importlib

    importlib.reload(sys.modules["ours_for_test.helper"])
    assert identify_class(kind) != first


@pytest.mark.parametrize(
    ("kind", "name", "file", "old", "new"),
    [
        ("defenses", "taichi", "defenses/taichi.py", "self.kl_weight * kl_div", "100 * self.kl_weight * kl_div"),
        ("defenses", "freelb++", "defenses/freelb.py", "loss / self.steps", "loss"),
        ("attacks", "pwws", "attacks/pwws.py", "def build", "uses = ()\n\n    def build"),
        ("attacks", "clare", "attacks/models.py", "fb53ab88", "0053ab88"),
    ],
)
def test_identity_of_an_edited_built_in_changes(
    monkeypatch: pytest.MonkeyPatch, kind: Any, name: str, file: str, old: str, new: str
) -> None:
    """Nobody imports the edited file here: what it would be is read in place of what it is."""
    from robench.plugins import modules

    entry = registry.entry(kind, name)
    before = entry.identify_code()
    read, edited = modules.read_source, (ROOT / file).read_text("utf-8").replace(old, new)
    assert edited != (ROOT / file).read_text("utf-8")
    monkeypatch.setattr("robench.plugins.modules._sources", {})
    monkeypatch.setattr("robench.plugins.source._modules", {})

    def read_edited(place: modules.ModulePlace) -> bytes:
        return edited.encode() if place.file and place.file.resolve() == ROOT / file else read(place)

    for user in ("source", "statements"):
        monkeypatch.setattr(f"robench.plugins.{user}.read_source", read_edited)
    assert entry.identify_code() != before


@pytest.mark.parametrize("kind", ["defenses", "attacks"])
def test_identity_of_every_built_in_is_one_for_each_class(kind: Any) -> None:
    codes: dict[type, set[str]] = {}
    for entry in registry.entries(kind):
        codes.setdefault(entry.implementation(), set()).add(entry.identify_code())
    found = [code for each in codes.values() for code in each]
    assert len(found) == len(set(found)) == len(codes)


def test_key_of_a_request_has_the_code_of_its_plugins() -> None:
    request = Request(defense=["taichi"], attack=["pwws"], task=["mr"])
    (defense,), (attack,) = request._defenses(), request._attacks()
    assert defense.identity["code"] == registry.entry("defenses", "taichi").identify_code() == defense.info.code
    assert attack.identity["code"] == registry.entry("attacks", "pwws").identify_code()


SCRIPT = """
import argparse
import robench

class Mine(robench.Defense):
    shift = 1

    def loss(self, networks, batch):
        return {"ce": self.shift}

robench.register("mine", Mine)
print(robench.__name__, vars(argparse.Namespace()))
if __name__ == "__main__":
    results = [robench.__name__ for seed in (1, 2)]
    ACTION
"""


def test_identity_in_a_script_is_that_of_the_defense_and_not_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(text: str) -> str:
        notebook = Notebook(monkeypatch)
        notebook.module.__file__ = str(tmp_path / "study.py")
        (tmp_path / "study.py").write_text(text, encoding="utf-8")
        notebook.run(text)
        return registry.entry("defenses", "mine").identify_code()

    with plugin_files.isolated():
        first = run(SCRIPT.replace("ACTION", "pass"))
        assert run(SCRIPT.replace("(1, 2)", "(1, 2, 3)").replace("ACTION", "print(results)")) == first
        assert run(SCRIPT.replace("ACTION", "Mine.shift = 2")) != first
        assert run(SCRIPT.replace("self.shift}", "-self.shift}").replace("ACTION", "pass")) != first


CLASS = """
import robench
from dataclasses import dataclass
from typing import ClassVar
from robench.objectives import cross_entropy

@robench.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Defense):
    "Ours."
    alpha: float = 1.0

    def loss(self, networks, batch):
        (network,) = networks
        return {"ce": weigh(cross_entropy(network(batch.texts).logits, batch.labels))}
"""
FUNCTION = "SCALE = [1, {'a': 2}]\ndef weigh(x):\n    return SCALE[0] * x\n"


def code_of_cells(patch: pytest.MonkeyPatch, *cells: str, keeps_source: bool = True) -> str:
    """The code of a defense of a notebook, in a fresh kernel."""
    notebook = Notebook(patch, keeps_source=keeps_source)
    with plugin_files.isolated():
        for cell in cells:
            notebook.run(cell)
        return registry.entry("defenses", "mine").identify_code()


def test_identity_in_a_notebook_follows_the_class_and_what_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    first = code_of_cells(monkeypatch, FUNCTION, CLASS)
    same = [
        (FUNCTION, CLASS.replace('"Ours."', "# ours")),
        (FUNCTION + "UNUSED = object()\n", CLASS),
        (CLASS, FUNCTION),
        (CLASS.replace("1.0", "3.0"), FUNCTION, CLASS),
    ]
    other = [
        (FUNCTION, CLASS.replace("weigh(cross", "-weigh(cross")),
        (FUNCTION.replace("[1,", "[100,"), CLASS),
        (FUNCTION.replace("[0] * x", "[0] + x"), CLASS),
        (FUNCTION, CLASS.replace("1.0", "2.0")),
        (FUNCTION, CLASS.replace("import cross_entropy", "import contrastive as cross_entropy")),
        (FUNCTION, CLASS.replace('"Ours."', 'version: ClassVar[str] = "2"')),
        (FUNCTION, CLASS, "weigh.__defaults__ = (3,)"),
        (FUNCTION, CLASS, "Mine.beta = 3"),
    ]
    assert {code_of_cells(monkeypatch, *cells) for cells in same} == {first}
    codes = [code_of_cells(monkeypatch, *cells) for cells in other]
    assert len({first, *codes}) == len(other) + 1


def test_identity_in_a_notebook_follows_bases_and_modules(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    cells = (
        "from ours_for_test import defense, helper\n",
        (
            "import robench\nclass Base(defense.Mine):\n    def more(self):\n        return helper.scale(2)\n"
            "@robench.register('mine')\nclass Mine(Base):\n    beta = 1\n"
        ),
    )
    codes = [code_of_cells(monkeypatch, *cells)]
    for file, old, new in (("helper", "SCALE = 2", "SCALE = 3"), ("defense", "loss + SHIFT", "loss - SHIFT")):
        edit(package / "ours_for_test" / f"{file}.py", old, new)
        code_of_package()
        codes.append(code_of_cells(monkeypatch, *cells))
    codes.append(code_of_cells(monkeypatch, cells[0], cells[1].replace("scale(2)", "scale(3)")))
    codes.append(code_of_cells(monkeypatch, cells[0], cells[1].replace("beta = 1", "beta = 2")))
    assert len(set(codes)) == 5


def test_identity_in_a_notebook_follows_a_module_through_its_package(
    monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    cells = "import ours_for_test.helper\n", CLASS.replace("weigh(", "ours_for_test.helper.scale(")
    first = code_of_cells(monkeypatch, *cells)
    edit(package / "ours_for_test" / "helper.py", "SCALE = 2", "SCALE = 3")
    code_of_package()
    assert code_of_cells(monkeypatch, *cells) != first


def test_identity_in_a_notebook_sees_through_a_library_s_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    method = "    @torch.no_grad()\n    def after_step(self, networks):\n        return {}\n"
    cells = [FUNCTION + "import torch\n", CLASS + method.format(1)]
    first = code_of_cells(monkeypatch, *cells)
    assert code_of_cells(monkeypatch, cells[0], CLASS + method.format(1) + "# again\n") == first
    others = [method.format(2), method.format(1).replace("no_grad", "enable_grad"), ""]
    codes = [code_of_cells(monkeypatch, cells[0], CLASS + other) for other in others]
    assert len({first, *codes}) == 4


def test_identity_of_a_value_that_contains_itself_demands_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RobenchError, match="values that contain themselves; give the class an attribute version"):
        code_of_cells(monkeypatch, FUNCTION + "SCALE.append(SCALE)\n", CLASS)


@pytest.mark.parametrize(
    ("keeps_source", "function", "told"),
    [
        (
            True,
            FUNCTION.replace("[1, {'a': 2}]", "object()"),
            "weigh by the name SCALE uses an object of the class",
        ),
        (False, FUNCTION, "the source of Mine.loss cannot be found"),
    ],
    ids=["an object", "an interpreter"],
)
def test_identity_that_cannot_be_had_demands_a_version(
    monkeypatch: pytest.MonkeyPatch, keeps_source: bool, function: str, told: str
) -> None:
    with pytest.raises(RobenchError, match=rf"code of Mine .*{told}.*; give the class an attribute version: ClassVar"):
        code_of_cells(monkeypatch, function, CLASS, keeps_source=keeps_source)
    codes = []
    for version in "112":
        cell = CLASS.replace('"Ours."', f'version: ClassVar[str] = "{version}"')
        codes.append(code_of_cells(monkeypatch, function, cell, keeps_source=keeps_source))
    assert codes[0] == codes[1] != codes[2]


def test_identity_of_classes_that_a_function_makes_has_what_they_capture(tmp_path: Path) -> None:
    text = "import robench\ndef make(name, shift):\n    @robench.register(name)\n    class Made(robench.Defense):\n"
    text += "        def loss(self, networks, batch):\n            return {'ce': shift}\n"
    text += "make('one', 1)\nmake('again', 1)\nmake('two', 2)\n"
    plugin_files.load_plugin(write_files(tmp_path, {"made.py": text}) / "made.py")
    one, again, two = (registry.entry("defenses", name).identify_code() for name in ("one", "again", "two"))
    assert one == again != two


def test_identity_of_a_class_with_a_method_from_elsewhere_has_that_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell may replace the loss of a built-in."""
    entry = registry.entry("defenses", "taichi")
    first, notebook = entry.identify_code(), Notebook(monkeypatch)
    notebook.run("def loss(self, networks, batch):\n    return {}\n")
    monkeypatch.setattr(entry.implementation(), "loss", notebook["loss"])
    assert entry.identify_code() != first


def test_register_in_a_notebook_again_replaces_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    for alpha in (1.0, 2.0, 1.0):
        notebook.run(FUNCTION)
        notebook.run(CLASS.replace("1.0", str(alpha)))
        entry = registry.entry("defenses", "mine")
        assert entry.load().alpha == alpha and registry.names("defenses").count("mine") == 1


def test_load_plugin_of_an_edited_file_replaces_what_it_registered(tmp_path: Path) -> None:
    text = CLASS + "robench.register('other', Mine(alpha=3.0))\n"
    plugin = write_files(tmp_path, {"mine.py": text}) / "mine.py"
    plugin_files.load_plugin(plugin)
    first = registry.entry("defenses", "mine").identify_code()
    plugin.write_text(CLASS.replace("1.0", "2.0").replace("weigh", "-weigh"), encoding="utf-8")
    plugin_files.load_plugin(plugin)
    assert registry.entry("defenses", "mine").load().alpha == 2.0
    assert registry.entry("defenses", "mine").identify_code() != first
    assert not registry.is_registered("defenses", "other"), "the file does not register it any more"
    second = registry.entry("defenses", "mine").identify_code()
    plugin.write_text("raise ValueError('no')", encoding="utf-8")
    with pytest.raises(RobenchError, match="ValueError: no"):
        plugin_files.load_plugin(plugin)
    assert registry.entry("defenses", "mine").load().alpha == 2.0
    assert registry.entry("defenses", "mine").identify_code() == second, "what runs is what was loaded before"


def test_identity_has_what_a_call_imports(tmp_path: Path) -> None:
    late = "import importlib\nLATE = importlib.import_module('kit.strange').STRANGE\n"
    files = FILES | {"kit/late.py": late}
    codes = [load_code(write_files(tmp_path / n, files | {"kit/strange.py": f"STRANGE = {n}"})) for n in "112"]
    assert codes[0] == codes[1] != codes[2]
