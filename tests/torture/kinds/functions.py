"""Functions as models that raise or return what they should not."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, kind
from torture.damages import write
from torture.kinds.defenses import RAISED
from torture.strings import NAMES, hostile, shuffle, typeable
from torture.workshop import TASK, attack

HEAD = """
import os, sys, math, torch, numpy
class robench: from robench import RobenchError
def plain(texts):
    return [[float("dull" in one or "slow" in one or "awful" in one), 0.5] for one in texts]
def f(texts):
    """
RETURNED = (
    "pass",
    "return None",
    "return 7",
    "return 'scores'",
    "return []",
    "return [[]] * len(texts)",
    "return plain(texts)[:-1]",
    "return plain(texts) * 2",
    "return [[0.5]] * len(texts)",
    "return [[0.1, 0.2, 0.7]] * len(texts)",
    "return [[0.5, 0.5, 0.5][:2 + i % 2] for i in range(len(texts))]",
    "return [[float('nan'), 0.5]] * len(texts)",
    "return [[float('inf'), 0.5]] * len(texts)",
    "return [[float('-inf'), float('-inf')]] * len(texts)",
    "return [[0.0, 0.0]] * len(texts)",
    "return [[1e308, -1e308]] * len(texts)",
    "return [[10**400, 1]] * len(texts)",
    "return [['a', 'b']] * len(texts)",
    "return [[None, 1]] * len(texts)",
    "return [[1j, 1]] * len(texts)",
    "return [[True, False]] * len(texts)",
    "return [{0: 0.5, 1: 0.5}] * len(texts)",
    "return [{'label': 'positive', 'score': 0.7}] * len(texts)",
    "return {'logits': plain(texts)}",
    "return ['positive'] * len(texts)",
    "return [1] * len(texts)",
    "return iter(plain(texts))",
    "return (one for one in plain(texts))",
    "yield from plain(texts)",
    "return numpy.array(plain(texts))",
    "return numpy.array(plain(texts), dtype=numpy.float16)",
    "return numpy.array(plain(texts), dtype=object)",
    "return numpy.array(plain(texts), dtype='U9')",
    "return numpy.ma.masked_array(plain(texts), mask=[[1, 0]] * len(texts))",
    "return numpy.array(plain(texts)).astype('datetime64[s]')",
    "return torch.tensor(plain(texts))",
    "return torch.tensor(plain(texts), requires_grad=True)",
    "return torch.tensor(plain(texts)).bfloat16().softmax(-1)",
    "return torch.tensor(plain(texts)).softmax(-1)",
    "return torch.tensor(plain(texts)).to_sparse()",
    "return torch.tensor(plain(texts), dtype=torch.complex64)",
    "return torch.tensor(plain(texts), device='meta')",
    "return torch.quantize_per_tensor(torch.tensor(plain(texts)), 0.1, 0, torch.qint8)",
    "return torch.tensor(plain(texts))[None]",
    "return torch.tensor(plain(texts)).T",
    "return torch.nested.nested_tensor([torch.tensor(one) for one in plain(texts)])",
    "return type('T', (list,), {'__len__': lambda self: 1 / 0})(plain(texts))",
    "return type('T', (list,), {'__iter__': lambda self: sys.exit(0)})(plain(texts))",
    "import pandas; return pandas.DataFrame(plain(texts))",
    "texts.clear(); return []",
    "texts[:] = ['x'] * len(texts); return plain(texts)",
    "return [[hash(one) % 7, numpy.random.rand()] for one in texts]",
    "return [[float('nan') if len(one) % 5 == 0 else 0.3, 0.5] for one in texts]",
    "return plain(texts) if len(texts) > 1 else None",
    "return plain(texts) if len(texts) % 2 else [[0.2, 0.8, 0.0]] * len(texts)",
    "torch.set_grad_enabled(True); torch.set_default_dtype(torch.float64); return plain(texts)",
    "import random; random.seed(0); numpy.random.seed(0); torch.manual_seed(0); return plain(texts)",
    "import threading; threading.Thread(target=lambda: 1 / 0).start(); return plain(texts)",
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); return plain(texts)",
)
SOME = (
    "if any(len(one) % 7 == 3 and '0' not in one for one in texts): raise ValueError('bad text')",
    "if any('dlul' in one or len(one) % 5 == 1 for one in texts): raise ValueError('bad text')",
    "if any(not one.isascii() or '\\n' in one for one in texts): raise ValueError('bad text')",
    "if len(texts) == 1: raise RuntimeError('alone')",
    "if any('  ' in one or one.strip() != one for one in texts): sys.exit(1)",
    "f.n = getattr(f, 'n', 0) + 1\n    if f.n > 20: raise ConnectionError('the service is down')",
    "f.n = getattr(f, 'n', 0) + 1\n    if f.n > 20: return None",
    "f.n = getattr(f, 'n', 0) + 1\n    if f.n > 20: return [[float('nan')] * 2] * len(texts)",
    "f.n = getattr(f, 'n', 0) + 1\n    if f.n % 3 == 0: raise TimeoutError('busy')",
)


@kind(65)
def functions(stream: random.Random) -> Iterator[Case]:
    """Functions from texts to scores."""
    found = [f"{body}\n    return plain(texts)" for body in (*RAISED, *SOME)] + list(RETURNED)
    found += [f"return plain(texts)\n{body}" for body in RAISED[::3]]  # when the module is imported
    for body in shuffle(stream, found):
        name = stream.choice(("deepwordbug", "pwws", "pruthi"))
        words = attack("--model", "victim:f", "--attack", name, "--attack-limit", "6")
        yield Case(
            name=f"a function: {body[:140]!a}",
            steps=[words, ("table", "5", "--offline")],
            spoil=write("victim.py", HEAD + body),
            trusted=True,
        )


@kind(12)
def function_names(stream: random.Random) -> Iterator[Case]:
    """What ``--model`` names, and no function."""
    body = "return plain(texts)\nclass C: pass\nn = 7\nclass Odd:\n"
    body += "    def __getattr__(self, name): raise ValueError(name)\nodd = Odd()\n"
    names = [
        "victim:C",
        "victim:n",
        "victim:nothing",
        "victim:odd",
        "victim:odd.x",
        "victim:f.__globals__",
        "victim.py:f",
        "nothing:f",
        "victim:",
        ":f",
        "os:system",
        "builtins:eval",
        "builtins:print",
        "..victim:f",
        "victim:f:f",
        "vic\x1b[2Jtim:f",
        "math:sqrt",
        "victim:f.__call__",
        "a.b.c:d",
        "torch:zeros",
        "sys:exit",
    ]
    for name in shuffle(stream, names):
        yield Case(
            name=f"--model {name!a}",
            steps=[
                (*attack(f"--model={name}"), "--version", "1") if stream.random() < 0.3 else attack(f"--model={name}")
            ],
            spoil=write("victim.py", HEAD + body),
            trusted=True,
        )


@kind(8)
def row_names(stream: random.Random) -> Iterator[Case]:
    """Names and versions of a model's row."""
    while True:
        flag = stream.choice(("--name", "--version"))
        value = typeable(stream.choice((*NAMES, hostile(stream), hostile(stream))))
        words = attack("--model", "victim:f", f"{flag}={value}")
        yield Case(
            name=f"{flag} {value!a}",
            steps=[words, ("table", "5", "--task", TASK, "--offline")],
            spoil=write("victim.py", HEAD + "return plain(texts)"),
            trusted=True,
        )
