"""A plug-in that does not fit its contract is a sentence with its file, its line and what was expected."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.plugins import plugin_files, registry

pytestmark = pytest.mark.usefixtures("forget_plugins")

HEAD = """from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any, ClassVar
import robench
"""
CLASS = """
@robench.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine({base}):
    def {method}: raise ValueError("called")
    {body}
"""
METHODS = {"Defense": "loss(self, networks, batch)", "AdversarialDefense": "loss(self, networks, batch)"}
METHODS |= {"Attack": "build(self, victim)"}


def load(file: Path, text: str) -> None:
    file.write_text(HEAD + text, encoding="utf-8")
    plugin_files.load_plugin(file)
    for kind in registry.KINDS:
        if registry.is_registered(kind, "mine"):
            registry.entry(kind, "mine").load()


@pytest.mark.parametrize(
    ("decorator", "told"),
    [
        (
            "",
            r"from .*mine\.py, line \d+, cannot be used: its class Mine declares alpha and is no dataclass.* put @dat",
        ),
        ("@dataclass", r"cannot inherit non-frozen.*\. Put @dataclass\(frozen=True, kw_only=True\) above the class\.$"),
        ("@dataclass(frozen=True)", ""),
    ],
)
def test_defense_whose_class_is_no_frozen_dataclass_is_refused_with_the_cure(
    decorator: str, told: str, tmp_path: Path
) -> None:
    text = f"""
@robench.register("mine")
{decorator}
class Mine(robench.Defense):
    alpha: float = 1.0
    shared: ClassVar[int] = 3
    def loss(self, networks, batch): raise ValueError
"""
    if not told:
        load(tmp_path / "mine.py", text)
        return
    with pytest.raises(RobenchError, match=told):
        load(tmp_path / "mine.py", text)


MADE = """
from functools import cached_property
@robench.register("mine")
{decorator}
class Mine(robench.{base}):
    {body}
    loss = lambda self, networks, batch: {{}}
    build = lambda self, victim: None
{added}"""
FROZEN = "@dataclass(frozen=True, kw_only=True)"
LOST = [
    ("", "Defense", "def __init__(self, k=1.0): self.k = k", "", "its class Mine is made with k, which is no field"),
    (FROZEN, "Defense", "def __init__(self, k=1.0): pass", "", "its class Mine is made with k, which is no field"),
    (
        FROZEN,
        "Defense",
        "k: InitVar[float] = 1.0\n    def __post_init__(self, k): pass",
        "",
        "its class Mine is made with k, which is no field",
    ),
    (
        "",
        "Attack",
        "def __init__(self): self.k = 1",
        "",
        "its class Mine has an __init__ that does not take its fields",
    ),
    (
        "",
        "Attack",
        "def __init__(self, k=1, **fields): super().__init__(**fields); self.k = k",
        "",
        "its class Mine is made with k, which is no field",
    ),
    (
        FROZEN,
        "Defense",
        "k: ClassVar[float] = 1.0",
        "mine = Mine(); object.__setattr__(mine, 'k', 2.0); robench.register('mine', mine)",
        "its attribute k is no field and would be lost",
    ),
    (
        FROZEN,
        "Defense",
        "def __post_init__(self): object.__setattr__(self, 'k', 1)",
        "mine = Mine(); object.__setattr__(mine, 'k', 2); robench.register('mine', mine)",
        "its attribute k is no field and would be lost",
    ),
    (
        FROZEN,
        "Defense",
        "k: float = field(default=1.0, init=False)",
        "mine = Mine(); object.__setattr__(mine, 'k', 2.0); robench.register('mine', mine)",
        "its attribute k is no field and would be lost",
    ),
]


@pytest.mark.parametrize(("decorator", "base", "body", "added", "told"), LOST)
def test_check_contract_of_what_is_kept_besides_the_fields_refuses_it_with_the_cure(
    decorator: str, base: str, body: str, added: str, told: str, tmp_path: Path
) -> None:
    text = MADE.format(decorator=decorator, base=base, body=body, added=added)
    if added:
        text = text.replace('@robench.register("mine")', "")
    with pytest.raises(RobenchError, match=rf"{told}.*put @dataclass\(frozen=True, kw_only=True\) above the class\.$"):
        load(tmp_path / "mine.py", text)


@pytest.mark.parametrize(
    "body",
    [
        "def __init__(self, **fields): super().__init__(**fields)",
        "k: ClassVar[float] = 1.0",
        "def __post_init__(self): object.__setattr__(self, 'k', Path('x')); super().__post_init__()",
        "k: float = field(default=1.0, init=False)",
        "loss_parts = cached_property(lambda self: ('CE',))",
    ],
)
@pytest.mark.parametrize("decorator", ["", FROZEN])
def test_check_contract_of_what_follows_from_the_fields_accepts_it(decorator: str, body: str, tmp_path: Path) -> None:
    if not decorator and "field(" in body:
        return
    added = "mine = Mine(); mine.loss_parts; robench.register('mine', mine)"
    text = MADE.format(decorator=decorator, base="AdversarialDefense", body=body, added=added)
    load(tmp_path / "mine.py", text.replace('@robench.register("mine")', ""))
    entry = registry.entry("defenses", "mine")
    assert entry.load() is entry.load()


DEFENSES = [
    ("network_count = '2'", "its network_count is '2', not a whole number"),
    ("network_count = 2.0", "its network_count is 2.0, not a whole number"),
    ("network_count = None", "its network_count is None, not a whole number"),
    ("network_count = 0", "its network_count is 0, not from 1 to 100"),
    ("network_count = 10**9", "its network_count is 1000000000, not from 1 to 100"),
    ("def network_count(self): return 2", r"its network_count is <bound .*; perhaps @property is missing above it"),
    ("deployed = None", "its deployed is None, not a whole number"),
    ("deployed = 9", "its deployed is 9: its networks are counted from 0, so the last is 0"),
    ("augmentation = None", "its augmentation is None, not a text"),
    ("loss_parts = 'CE'", "its loss_parts is 'CE', not a tuple, each part of it a text"),
    ("adaptive_attack = None", "its adaptive_attack is None, not a text"),
    ("style = 'red'", "its style is 'red', not a Style or none"),
    ("trains_on = 'adversarial'", "trains_on is one of TrainsOn.CLEAN"),
    ("async def passes(self, networks, batch): pass", "its passes is async, and has to be a plain method"),
    ("async def before_training(self, networks): pass", "its before_training is async"),
    ("def before_training(self): pass", r"its before_training takes \(\), and is called with \(networks\)"),
    ("loss = 3", r"its loss is 3, not a method that takes \(networks, batch\)"),
    ("loss = lambda self, batch: {}", r"its loss takes \(batch\), and is called with \(networks, batch\)"),
    ("a: Any = Path('x')", r"its field a is PosixPath\('x'\), not a text, a number"),
    ("a: Any = float('nan')", "its field a is nan, not a text"),
    ("a: Any = __import__('numpy').float64(3)", "its field a is .*3.0.*, not a text"),
    ("a: Any = ({'x': [1, b'']},)", "its field a is .*, not a text"),
    ("a: int = 10**20", "its field a is 1000.*, not a text, a number of up to 64 bits"),
    ("a: int = 10**400", "a must be finite, not 1000"),
    ("a: bool = 'yes'", "a is true or false, not 'yes'"),
    ("a: 'Nope' = 1", "name 'Nope' is not defined"),
]
ADVERSARIAL = [
    ("adversarial_share = 'x'", "its adversarial_share is 'x', not a number"),
    ("adversarial_share = 0", "its adversarial_share is 0, not above 0 and at most 1"),
    ("adversarial_share = float('nan')", "its adversarial_share is nan, not above 0"),
    ("takes_unpaired_rows = 1", "its takes_unpaired_rows is 1, not true or false"),
]
ATTACKS = [
    ("uses = ['stopwords']", r"its uses is \['stopwords'\], not a tuple, each part of it one of stopwords, wordnet"),
    ("needs = None", "its needs is None, not a tuple"),
    ("needs = ('glove',)", r"its needs is \('glove',\), not a tuple"),
    ("foreign_files = ('x',)", r"its foreign_files is \('x',\), not a tuple, each part of it a ForeignFile"),
    ("has_forms = 'yes'", "its has_forms is 'yes', not true or false"),
    ("variant = None", "its variant is None, not a text"),
    ("attacks = True", r"its attacks is True, not a method that takes \(text\)"),
    ("def attacks(self, text): return 'no'", r"its attacks\(text\) is 'no', not true or false"),
    ("def budget(self, words): return 'x'", r"its budget\(words\) is 'x', not a whole number or none"),
    ("def budget(self, words): return 0", r"its budget\(words\) is 0, not 1 or more"),
    ("def describe_left_out(self, texts): return 3", r"its describe_left_out\(texts\) is 3, not a text"),
    ("def prepare(self): pass", r"its prepare takes \(\), and is called with \(offline\)"),
]
CASES = [
    (base, *case)
    for base, cases in (("Defense", DEFENSES), ("AdversarialDefense", ADVERSARIAL), ("Attack", ATTACKS))
    for case in cases
]


@pytest.mark.parametrize(("base", "body", "sentence"), CASES, ids=[case[1][:40] for case in CASES])
def test_check_contract_of_a_wrong_declaration_says_what_was_expected(
    tmp_path: Path, base: str, body: str, sentence: str
) -> None:
    with pytest.raises(RobenchError) as told:
        load(tmp_path / "plug.py", CLASS.format(base=f"robench.{base}", method=METHODS[base], body=body))
    assert re.search(rf"mine from {tmp_path}/plug\.py, line \d+, cannot be (used|made): {sentence}", str(told.value))


@pytest.mark.parametrize(
    ("base", "body"),
    [
        ("Defense", "network_count = property(lambda self: 1 / 0)"),
        ("Defense", "style = property(lambda self: 1 / 0)"),
        ("AdversarialDefense", "takes_unpaired_rows = property(lambda self: 1 / 0)"),
        ("Attack", "needs = property(lambda self: 1 / 0)"),
        ("Attack", "def attacks(self, text): return 1 / 0"),
        ("Attack", "def budget(self, words): return 1 / 0"),
    ],
)
def test_check_contract_of_code_that_fails_names_its_line_and_keeps_its_frames(
    tmp_path: Path, base: str, body: str
) -> None:
    with pytest.raises(RobenchError, match=r"plug\.py failed: line 10: ZeroDivisionError: division by zero\.$") as told:
        load(tmp_path / "plug.py", CLASS.format(base=f"robench.{base}", method=METHODS[base], body=body))
    assert "1 / 0" in told.value.frames and "contract.py" not in told.value.frames


TASK = "robench.register('mine', robench.Task({}))"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "class A:\n    plugin_kind = 'defenses'\nrobench.register('mine', A)",
            "its class is no subclass of robench.D",
        ),
        ("robench.register('mine', 'Defense')", r"plug\.py, line 5: register\(\) takes a robench\.Defense, Attack or"),
        ("robench.register(None, robench.Task(labels='ab'))", r"line 5: a task needs a tuple of two or more"),
        (TASK.format("labels=('\\udcff', 'b')"), r"plug\.py, line 5: the label '\\udcff' has half a character"),
        (TASK.format("labels=5"), r"plug\.py, line 5: a task needs a tuple of two or more distinct labels, not 5"),
        (TASK.format("labels=('a', 'b'), hub='sst2'"), "cannot be used: its hub is 'sst2', not a HubSource or none"),
        (TASK.format("labels=('a', 'b'), summary=3"), "cannot be used: its summary is 3, not a text"),
        (
            f"{TASK.format('''labels=('a', 'b')''')}\n{TASK.format('''labels=('a', 'c')''')}",
            r"plug\.py, line 6: task 'mine' is registered twice in this file; give one another name",
        ),
    ],
)
def test_register_of_a_wrong_thing_is_a_sentence_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(RobenchError, match=sentence):
        load(tmp_path / "plug.py", text + "\n")


ALL = """
from robench.plugins import registry

entries = [entry for kind in registry.KINDS for entry in registry.entries(kind) if not entry.argument]
print(*(type(entry.load()).__name__ for entry in entries))
"""


@pytest.mark.slow
def test_check_of_built_ins_reads_and_fetches_no_resource(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    done = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, check=True)
    assert {"SAFER", "ASCC", "TextFooler", "Task"} <= set(done.stdout.split()), done.stdout
    assert not (tmp_path / "cache").exists()
