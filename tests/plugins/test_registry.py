"""Names: where they come from, what is near an unknown one, what cannot be registered."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins import plugin_files, registry, settings
from robench.plugins.registry import Entry, Kind
from support.fresh import HEAVY, imported

DEFENSE = '''
from dataclasses import dataclass
import robench

@robench.register("{name}")
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Defense):
    """{summary}"""

    alpha: float = 1.0

    def loss(self, networks, batch):
        return {{}}
'''


pytestmark = pytest.mark.usefixtures("forget_plugins")


def write(file: Path, name: str = "mine", summary: str = "Mine.") -> Path:
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(DEFENSE.format(name=name, summary=summary), encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", registry.KINDS)
def test_built_ins_are_found_like_anyone_elses_and_each_can_be_made(kind: Kind) -> None:
    found = registry.entries(kind)
    assert found and {entry.origin for entry in found} == {"robench"}
    for entry in found:
        assert isinstance(entry.target, str) and entry.is_built_in
        assert entry.summary, f"{entry.name} says nothing of itself in `robench list`"
        if not entry.argument:  # of a family, only its members can be made
            assert entry.load() is not None
            assert registry.entry(kind, entry.name) == entry


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [
        ("defenses", "taichy", "taichi"),
        ("defenses", "TaiChi", "taichi"),
        ("attacks", "deepwordbugs", "deepwordbug"),
        ("tasks", "sst-2", "sst2"),
        ("tasks", "trek", "trec"),
        ("attacks", "pws", "pwws"),
    ],
)
def test_an_unknown_name_says_what_is_near(kind: Kind, name: str, near: str) -> None:
    with pytest.raises(RobenchError, match=rf"unknown {kind[:-1]} '{name}': did you mean .*\b{near}\b"):
        registry.entry(kind, name)


def test_a_name_that_is_near_nothing_gets_the_whole_list() -> None:
    with pytest.raises(
        RobenchError, match=r"unknown defense 'xyzzy': there are .*base.*taichi.*`robench list def.*--plu"
    ):
        registry.entry("defenses", "xyzzy")


def test_a_plugin_file_adds_a_name_with_its_origin(tmp_path: Path) -> None:
    file = write(tmp_path / "my_defense.py", summary="Swaps [MASK] in.")
    plugin_files.load_plugin(file)
    entry = registry.entry("defenses", "mine")
    assert (entry.origin, entry.summary) == (str(file), "Swaps [MASK] in.")
    assert entry.load().alpha == 1.0
    plugin_files.load_plugin(file)  # again: no complaint
    assert registry.names("defenses").count("mine") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "registers nothing", id="empty"),
        pytest.param("alpha = 1\n", "registers nothing", id="nothing registered"),
        pytest.param("def f(:\n", r"SyntaxError: .*line 1", id="syntax error"),
        pytest.param("x = '\0'\n", "failed: ", id="null byte"),
        pytest.param("import no_such_module\n", "line 1: ModuleNotFoundError.*no_such_module", id="import"),
        pytest.param("\n\nraise SystemExit(0)\n", "line 3: SystemExit", id="exits"),
        pytest.param("import robench\nrobench.register('x', 3)\n", r"register\(\) takes .* got 3", id="a number"),
        pytest.param("import robench\nrobench.register('x')(str)\n", r"register\(\) takes", id="another class"),
        pytest.param(
            DEFENSE.format(name="taichi", summary=""), "twice: by robench and by .*plug.py", id="built-in name"
        ),
        pytest.param(
            DEFENSE.format(name="a,b", summary=""), "plug.py, line 5: registers a defense as 'a,b'", id="comma"
        ),
        pytest.param(DEFENSE.format(name="../b", summary=""), "registers a defense as", id="path"),
        pytest.param(DEFENSE.format(name="", summary=""), "registers a defense as ''", id="no name"),
        pytest.param(DEFENSE.format(name="all", summary=""), "is not the word all or training", id="all"),
        pytest.param(DEFENSE.format(name="training", summary=""), "as 'training'; .*is not the word", id="training"),
        pytest.param(DEFENSE.format(name="certificate", summary=""), "as 'certificate'", id="certificate"),
        pytest.param(
            DEFENSE.format(name="a.training", summary=""), "--set reads that as the training settings of a", id="own"
        ),
        pytest.param(DEFENSE.format(name="a" * 70, summary=""), "up to 60", id="long"),
        pytest.param(
            DEFENSE.format(name="mine", summary="") + "\nraise ValueError('no')\n", "ValueError: no", id="half-way"
        ),
    ],
)
def test_a_broken_plugin_is_a_sentence_and_leaves_nothing(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "plug.py"
    file.write_text(text, encoding="utf-8")
    before = {kind: registry.entries(kind) for kind in registry.KINDS}
    for _ in range(2):  # the second time must not pass for loaded
        with pytest.raises(RobenchError, match=told):
            plugin_files.load_plugin(file)
    assert {kind: registry.entries(kind) for kind in registry.KINDS} == before


def test_a_plugin_that_is_not_python_shows_the_line_and_a_caret(tmp_path: Path) -> None:
    file = tmp_path / "plug.py"
    file.write_text("import robench\n\ndef f(:\n    pass\n", encoding="utf-8")
    with pytest.raises(RobenchError) as refused:
        plugin_files.load_plugin(file)
    assert refused.value.frames == f'  File "{file}", line 3\n    def f(:\n          ^'


def test_isolated_forgets_what_a_plugin_registered_so_that_it_can_be_loaded_again(tmp_path: Path) -> None:
    file = write(tmp_path / "my_defense.py")
    for _ in range(2):
        with plugin_files.isolated():
            plugin_files.load_plugin(file)
            assert registry.is_registered("defenses", "mine") and plugin_files.list_files() == [file]
        assert not registry.is_registered("defenses", "mine") and plugin_files.list_files() == []


def test_a_plugin_that_is_no_python_file_is_a_sentence(tmp_path: Path) -> None:
    for name in ("plug.txt", "plug.so"):
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    ending = r"should end in \.py"
    for path, told in (
        ("plug.txt", ending),
        ("plug.so", ending),
        ("missing.py", "does not exist"),
        (".", "is a folder; --plugin takes a Python file"),
    ):
        with pytest.raises(RobenchError, match=told):
            plugin_files.load_plugin(tmp_path / path)


def test_two_files_with_one_name_are_both_named(tmp_path: Path) -> None:
    plugin_files.load_plugin(write(tmp_path / "first.py", summary="One."))
    with pytest.raises(RobenchError, match=r"'mine' is registered twice: by .*first\.py and by .*second\.py"):
        plugin_files.load_plugin(write(tmp_path / "second.py", summary="Two."))
    assert registry.entry("defenses", "mine").summary == "One."


BROKEN = {
    "abstract": "import robench\nclass It(robench.Defense):\n    '''An unfinished one.'''\n",
    "needy": "import robench\nclass It(robench.Attack):\n    def __init__(self, a): pass\n    build = None\n",
    "wrong": "It = 3\n",
    "raising": "raise RuntimeError('no luck')\n",
    "unparsable": "def f(:\n",
    "empty": "",
}


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("abstract", r"it from other 1\.0 cannot be made: .*abstract method"),
        ("needy", r"it from other 1\.0 cannot be made: .*argument"),
        ("wrong", r"it from other 1\.0 is an int, not a Defense"),
        (
            "raising",
            r"defense it from other 1\.0 cannot be imported: .*robench_test_raising\.py, line 1: RuntimeError: no luck",
        ),
        ("unparsable", r"cannot be imported: SyntaxError"),
        ("empty", r"cannot be imported: AttributeError"),
        ("missing", r"cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_broken_module_of_a_package_is_a_sentence_when_it_is_used_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, told: str
) -> None:
    name = f"robench_test_{module}"
    if module in BROKEN:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(BROKEN[module]), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    entry = Entry("defenses", "it", "other 1.0", f"{name}:It")
    assert entry.summary in ("", "An unfinished one.")
    with pytest.raises(RobenchError, match=told):
        entry.load()


FAMILY = """
from dataclasses import dataclass
from typing import ClassVar
import robench

class Kin(robench.Attack):
    '''Any kin.'''

    argument: ClassVar[str] = "kin"
    {members}

@robench.register("{name}")
@dataclass(frozen=True, kw_only=True)
class Mine(Kin):
    '''Any kin.'''

    argument: ClassVar[str] = "kin"
    kin: str = ""

    def __post_init__(self):
        if self.kin == "Nobody":
            raise ValueError("nobody is no kin")

    def build(self, victim):
        return None
"""
MEMBERS = """
    @classmethod
    def members(cls):
        return ["Aunt", "Uncle", "Nobody"]
"""


def family(path: Path, *, name: str = "kin", members: str = MEMBERS) -> None:
    path.write_text(FAMILY.format(name=name, members=members), encoding="utf-8")
    plugin_files.load_plugin(path)


def test_textattack_s_recipes_are_named_behind_a_colon() -> None:
    entry = registry.entry("attacks", "textattack:BAEGarg2019")
    assert (entry.name, entry.origin) == ("textattack:BAEGarg2019", "robench")
    assert entry.summary.startswith("Any recipe of the installed TextAttack")
    assert entry.load().recipe == "BAEGarg2019"
    assert settings.parse(["textattack:BAEGarg2019.query_budget=9"]) == {
        "textattack:BAEGarg2019": {"query_budget": "9"}
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("textattack", r"attack textattack is a family: name one as textattack:RECIPE; there are A2TYoo2021, .*"),
        ("textattack:", "attack textattack is a family"),
        ("textattack:BAEGarg", r"unknown attack 'textattack:BAEGarg': did you mean textattack:BAEGarg2019\?"),
        ("textattack:textfooler", "did you mean textattack:TextFoolerJin2019"),
        ("textattack:Xyzzyqqqq", "there are textattack:A2TYoo2021, textattack:BAEGarg2019"),
        ("textatack:BAEGarg2019", "did you mean textattack:RECIPE"),
        ("pwws:BAEGarg2019", "unknown attack 'pwws:BAEGarg2019'"),
    ],
)
def test_a_family_s_unknown_member_is_a_sentence_with_the_nearest(name: str, told: str) -> None:
    assert not registry.is_registered("attacks", name)
    with pytest.raises(RobenchError, match=told):
        registry.entry("attacks", name)


def test_a_family_is_listed_and_is_not_one_of_all() -> None:
    assert "textattack:RECIPE" in [entry.pattern for entry in registry.entries("attacks")]
    assert not [name for name in registry.names("attacks") if name.startswith("textattack")]
    assert [entry.pattern for entry in registry.entries("defenses")] == registry.names("defenses")


def test_a_family_is_found_without_importing_it() -> None:
    patterns = [entry.pattern for entry in registry.entries("attacks") if entry.argument]
    assert patterns == ["random-order:ATTACK", "textattack:RECIPE"] and len(registry.names("attacks")) > 10
    code = (
        "from robench.cli import listing\nfrom robench.plugins import registry\n"
        "registry.entries('attacks')\nregistry.names('attacks')"
    )
    assert imported(code, ["robench.attacks.random_order", "robench.attacks.recipe", *HEAVY]) == []


def test_a_plugin_s_class_can_be_a_family(tmp_path: Path) -> None:
    family(tmp_path / "kin.py")
    aunt = registry.entry("attacks", "kin:Aunt")
    assert (aunt.load().kin, aunt.pattern, aunt.argument) == ("Aunt", "kin:Aunt", "")
    assert aunt.identify_code() == next(e for e in registry.entries("attacks") if e.name == "kin").identify_code()
    assert registry.is_registered("attacks", "kin:Aunt")
    assert not registry.is_registered("attacks", "kin")
    with pytest.raises(RobenchError, match="did you mean kin:Uncle"):
        registry.entry("attacks", "kin:Unkle")
    with pytest.raises(RobenchError, match=r"kin:Nobody from .*kin\.py, line \d+, cannot be made: nobody is no kin"):
        registry.entry("attacks", "kin:Nobody").load()


def test_a_family_may_take_any_member_that_can_name_a_folder(tmp_path: Path) -> None:
    family(tmp_path / "any.py", name="any", members="")
    assert registry.entry("attacks", "any:What-ever_1").load().kin == "What-ever_1"
    with pytest.raises(RobenchError, match="attack any is a family: name one as any:KIN"):
        registry.entry("attacks", "any")
    for name in ("any:a/b", "any:a b", "any:" + "x" * 80):
        with pytest.raises(RobenchError, match="a name has up to 60 letters"):
            registry.entry("attacks", name)


def test_an_instance_of_a_family_is_a_plain_name(tmp_path: Path) -> None:
    file = tmp_path / "plain.py"
    file.write_text(
        "import robench\nfrom robench.attacks.recipe import Recipe\n"
        "robench.register('bae-2019', Recipe(recipe='BAEGarg2019'))\n"
    )
    plugin_files.load_plugin(file)
    assert "bae-2019" in registry.names("attacks")
    assert registry.entry("attacks", "bae-2019").load().recipe == "BAEGarg2019"


REFERENCE = """
from typing import ClassVar
import robench
from robench.defenses.base import Base

class Again(Base):
    "Plain fine-tuning again."
    {line}

robench.register("again", {made})
"""


def test_the_reference_is_the_defense_whose_own_class_says_so_and_nothing_is_imported_to_find_it() -> None:
    assert registry.reference() == "base"
    code = "from robench.plugins import registry\nassert registry.reference() == 'base'"
    assert imported(code, ["robench.defenses.base", *HEAVY]) == []


@pytest.mark.parametrize(("line", "made"), [("pass", "Again"), ("reference: ClassVar[bool] = True", "Again()")])
def test_the_reference_is_neither_inherited_nor_that_of_an_instance(tmp_path: Path, line: str, made: str) -> None:
    (tmp_path / "again.py").write_text(REFERENCE.format(line=line, made=made), encoding="utf-8")
    plugin_files.load_plugin(tmp_path / "again.py")
    assert registry.reference() == "base"


def test_a_second_reference_is_an_error_that_names_both(tmp_path: Path) -> None:
    text = REFERENCE.format(line="reference: ClassVar[bool] = True", made="Again")
    (tmp_path / "again.py").write_text(text, encoding="utf-8")
    plugin_files.load_plugin(tmp_path / "again.py")
    with pytest.raises(RobenchError, match=r"base from robench and again from .*again\.py are each registered as"):
        registry.reference()


def test_no_reference_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entries", lambda kind: [])
    with pytest.raises(RobenchError, match=r"no registered defense is the reference: .*ClassVar\[bool\] = True"):
        registry.reference()


def test_a_plugin_file_finds_the_modules_beside_it_and_is_known_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    codes = []
    for folder, alpha in (("one", 1), ("same", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine_helper.py").write_text(f"ALPHA = {alpha}\n", encoding="utf-8")
        text = DEFENSE.format(name="mine", summary="Mine.").replace("1.0", "ALPHA")
        plugin = tmp_path / folder / "mine.py"
        plugin.write_text(f"from mine_helper import ALPHA\n{text}", encoding="utf-8")
        with plugin_files.isolated():
            plugin_files.load_plugin(plugin)
            assert registry.entry("defenses", "mine").load().alpha == alpha
            codes.append(registry.entry("defenses", "mine").identify_code())
        monkeypatch.delitem(sys.modules, "mine_helper")
    assert codes[0] == codes[1] != codes[2]
