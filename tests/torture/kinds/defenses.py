"""Faulty defenses of plug-in files, and files that are no plug-ins."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, kind
from torture.damages import write
from torture.strings import shuffle
from torture.workshop import run

HEAD = """
from dataclasses import dataclass, field
from typing import Any, ClassVar
import os, sys, torch, numpy
import robench
from robench.task import Splits, Task
from robench.training import cross_entropy, option, Style, TrainsOn
"""
DEFENSE = """
@robench.register({name!r})
@dataclass(frozen=True, kw_only=True)
class Mine({base}):
    {fields}
    def loss(self, networks, batch):
        {body}
"""
CROSS = "{'ce': cross_entropy(networks[0](batch.texts).logits, batch.labels)}"
GOOD = f"return {CROSS}"

RAISED = (
    "raise ValueError('x')",
    "raise KeyError",
    "raise StopIteration",
    "raise GeneratorExit",
    "raise SystemExit(0)",
    "sys.exit('done')",
    "raise Exception('\\x1b[2J' + 'm' * 100000)",
    "raise type('Odd', (BaseException,), {})('x')",
    "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})",
    "raise UnicodeDecodeError('utf-8', b'\\xff', 0, 1, 'x')",
    "raise MemoryError",
    "raise RecursionError",
    "raise AssertionError",
    "raise FileNotFoundError(2, 'x', '\\x1b[2J')",
    "raise BrokenPipeError",
    "raise ExceptionGroup('g', [ValueError('x')])",
    "raise robench.RobenchError('')",
    "raise robench.RobenchError('\\x1b[2J' + 'z' * 9999)",
    "(lambda f: f(f))(lambda f: f(f))",
    "os.chdir('/')",
    "print('\\n' * 3 + 'printed')",
    "torch.set_default_dtype(torch.float64)",
    "import warnings; warnings.warn('w' * 3000)",
    "numpy.seterr(all='raise')",
    "torch.use_deterministic_algorithms(True)",
)
LOSSES = (
    "pass",
    "return None",
    "return {}",
    "return 1.0",
    "return {'ce': 1.0}",
    "return {'ce': None}",
    "return {'ce': torch.tensor(float('nan'), requires_grad=True)}",
    "return {'ce': torch.tensor(float('inf'), requires_grad=True)}",
    "return {'ce': torch.tensor(1.0)}",
    "return {'ce': torch.ones(2, requires_grad=True)}",
    "return {'ce': torch.tensor(1, dtype=torch.int64)}",
    "return {'ce': torch.tensor(1j, requires_grad=True)}",
    "return {1: networks[0](batch.texts).logits.sum()}",
    "return {'\\x1b[2J': networks[0](batch.texts).logits.sum()}",
    "return {'\\ud800[/]': networks[0](batch.texts).logits.sum()}",
    "return [networks[0](batch.texts).logits.sum()]",
    "return {'ce': networks[0](batch.texts).logits.sum().detach()}",
    "return {'ce': networks[0](batch.adversarial).logits.sum()}",
    "return {'ce': networks[1](batch.texts).logits.sum()}",
    "return {'ce': networks[0]('a text').logits.sum()}",
    "return {'ce': networks[0](batch.texts).nothing}",
    "networks[0].head.weight.data.fill_(float('nan')); " + GOOD,
    "[p.requires_grad_(False) for p in networks[0].parameters()]; " + GOOD,
    "del networks[0].head; return {}",
    "batch.labels.fill_(99); " + GOOD,
    "yield 1",
)
FIELDS = (
    "a: 'Nope' = 1",
    "a: object = __import__('pathlib').Path('x')",
    "a: int = 'text'",
    "a: float = float('nan')",
    "a: list = field(default_factory=list)",
    "a: Any = field(default_factory=lambda: numpy.float32(1))",
    "a: Any = field(default_factory=lambda: {1: {2}})",
    "a: Any = 10**5000",
    "a: str = '\\x1b[2J'",
    "a: str = '\\ud800'",
    "a: Any = lambda: 1",
    "a: Any = None",
    "a: int",
    "a: int = option(5, 'x', maximum=1)",
    "a: int = option(5, '\\x1b[2J[bold]')",
    "network_count = 0",
    "network_count = 2.5",
    "network_count = 'two'",
    "deployed = 7",
    "deployed = None",
    "trains_on = 'clean'",
    "trains_on = None",
    "trains_on = TrainsOn.PAIRS",
    "style = 'blue'",
    "style: ClassVar[Any] = Style(title='\\x1b[2J$\\\\frac{$', hue='no colour')",
    "reference = True",
    "adversarial_share = 7",
    "classifies = 3",
    "loss_parts = None",
    "augmentation = '<b>'",
    "@property\n    def network_count(self): raise ValueError('x')",
    "@property\n    def deployed(self): sys.exit(0)",
    "def __post_init__(self): raise KeyError('x')",
    "def __repr__(self): raise ValueError",
    "def __hash__(self): raise ValueError",
    "def __eq__(self, other): raise ValueError",
    "def before_training(self, networks): raise ValueError('x')",
    "def before_training(self, networks): sys.exit(3)",
    "def after_step(self, networks): raise KeyboardInterrupt if False else ValueError('x')",
    "def passes(self, networks, batch): return 7",
    "def passes(self, networks, batch): return iter(())",
    "def passes(self, networks, batch):\n        yield self.loss(networks, batch); raise ValueError('late')",
)


def plugin_case(name: str, text: str, *words: str) -> Case:
    """A run with a plug-in file, and the table after it."""
    return Case(
        name=name,
        steps=[
            run("--plugin", "plug.py", "--train-limit", "8", "--attack-limit", "2", *words),
            ("table", "5", "--plugin", "plug.py", "--offline"),
        ],
        spoil=write("plug.py", HEAD + text),
        trusted=True,
    )


@kind(60)
def defenses(stream: random.Random) -> Iterator[Case]:
    """Defenses that raise, return or declare what they should not."""
    found = [("loss", f"{body}\n        {GOOD}", "") for body in RAISED]
    found += [("loss", body, "") for body in LOSSES]
    found += [("class", GOOD, one) for one in FIELDS]
    found += [("registered as a class that is none", GOOD, "")]
    for what, body, fields in shuffle(stream, found):
        base = (
            "object"
            if "none" in what
            else stream.choice(("robench.Defense", "robench.Defense", "robench.AdversarialDefense"))
        )
        text = DEFENSE.format(name="mine", base=base, fields=fields, body=body)
        yield plugin_case(f"a defense ({base}), {what}: {(fields or body)[:80]!a}", text, "--defense", "mine")


@kind(4)
def plugin_files(stream: random.Random) -> Iterator[Case]:
    """Files of ``--plugin`` that are no Python."""
    contents = {
        "bytes": stream.randbytes(300),
        "nothing": b"",
        "Latin-1": "x = 'é'".encode("latin-1"),
        "NULs": bytes(99),
    }
    for name, content in contents.items():
        file = stream.choice(("plug.py", "plug", "plug.so", "a b\x1b[2J.py"))
        steps = [run("--plugin", file)]
        yield Case(name=f"a plug-in of {name} in {file!a}", steps=steps, spoil=write(file, content))
