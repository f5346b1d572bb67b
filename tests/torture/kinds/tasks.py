"""Faulty tasks of plug-in files."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, kind
from torture.damages import write
from torture.kinds.defenses import HEAD
from torture.strings import shuffle

TASKS = """
rows = [("the film was dull %d" % i if i % 2 else "a bright novel %d" % i, i % 2) for i in range(20)]
def splits(**more):
    return Splits(**({"train": rows, "dev": rows[:4], "test": rows[:6], "source": "here"} | more))
def task(**more):
    return Task(**({"labels": ("a", "b"), "index": lambda offline: splits()} | more))
"""
ROWS = (
    "[('x', 0, 1)] * 9",
    "[('x',)] * 9",
    "[None] * 9",
    "['xy'] * 9",
    "[(None, 0), ('b', 1)] * 9",
    "[(float('nan'), 0), ('b', 1)] * 9",
    "[(b'a film', 0), (b'b', 1)] * 9",
    "[('a film', None), ('b', 1)] * 9",
    "[('a film', float('nan')), ('b', 1)] * 9",
    "[('a film', 0.0), ('b', 1.0)] * 9",
    "[('a film', True), ('b', False)] * 9",
    "[('a film', 10**5000), ('b', 1)] * 9",
    "[('a film', numpy.int64(0)), ('b', numpy.uint8(1))] * 9",
    "[(numpy.str_('a film'), numpy.float32(0)), ('b', 1)] * 9",
    "[('a film', torch.tensor(0)), ('b', torch.tensor(1))] * 9",
    "[('a film', []), ('b', {})] * 9",
    "[(['a', 'film'], 0), ('b', 1)] * 9",
    "[('\\ud800 film', 0), ('\\x00 b', 1)] * 9",
    "[('', 0), (' ', 1)] * 9",
    "[('x' * 100000, 0), ('b', 1)] * 4",
    "[{'text': 'a', 'label': 0}] * 9",
    "[]",
    "None",
    "7",
    "'rows'",
    "iter(rows)",
    "(row for row in rows)",
    "{1: 2}",
    "numpy.array(rows)",
    "numpy.array(rows, dtype=object)",
    "torch.zeros(9, 2)",
    "type('R', (list,), {'__len__': lambda self: 1 / 0})(rows)",
    "type('R', (list,), {'__iter__': lambda self: sys.exit(0)})(rows)",
    "type('R', (list,), {'__getitem__': lambda self, i: 1 / 0})(rows)",
)
DECLARED = (
    "robench.register('myt', task(labels=('a',)))",
    "robench.register('myt', task(labels='ab'))",
    "robench.register('myt', task(labels=None))",
    "robench.register('myt', task(labels=(1, 2)))",
    "robench.register('myt', task(labels=('a', 'a')))",
    "robench.register('myt', task(labels=('\\udcff', 'b')))",
    "robench.register('myt', task(labels=('\\x1b[2J', '$\\\\frac{$|<b>')))",
    "robench.register('myt', task(labels=('x' * 50000, 'b')))",
    "robench.register('myt', task(labels=tuple('l%d' % i for i in range(3000))))",
    "robench.register('myt', task(index=None))",
    "robench.register('myt', task(index=7))",
    "robench.register('myt', task(index=lambda: splits()))",
    "robench.register('myt', task(index=lambda offline: None))",
    "robench.register('myt', task(index=lambda offline: rows))",
    "robench.register('myt', task(index=lambda offline: sys.exit(0)))",
    "robench.register('myt', task(index=lambda offline: {}['x']))",
    "robench.register('myt', task(index=lambda offline: splits(source=None)))",
    "robench.register('myt', task(index=lambda offline: splits(source='\\x1b[2J[/]' * 3000)))",
    "robench.register('myt', task(index=lambda offline: splits(notes=7)))",
    "robench.register('myt', task(index=lambda offline: splits(notes=('\\x1b[2J' * 3000, '[/]'))))",
    "robench.register('myt', task(index=lambda offline: splits(notes=(1, None))))",
    "robench.register('myt', task(index=lambda offline: splits(train=[('', 0)], place=lambda a, b: 1 / 0)))",
    "robench.register('myt', task(index=lambda offline: splits(train=[('', 0)], place=7)))",
    "robench.register('myt', task(summary=7))",
    "robench.register('myt', task(packages=7))",
    "robench.register('myt', task(hub=7))",
    "robench.register('myt', task(lowercase='no'))",
    "robench.register('myt', task(relative=7, index=None))",
    "robench.register('', task())",
    "robench.register(None, task())",
    "robench.register('all', task())",
    "robench.register('a,b', task())",
    "robench.register('../myt', task())",
    "robench.register('\\x1b[2J', task())",
    "robench.register('x' * 5000, task())",
    "robench.register('mr', task())",
    "robench.register('myt')",
    "robench.register('myt', 7)",
    "robench.register('myt', Task)",
    "robench.register('myt', type('T', (), {'plugin_kind': 'tasks'})())",
    "task(nothing=1)",
    "pass",
    "raise ValueError('x')",
    "import nothing_of_that_name",
    "def f(: pass",
    "\\x00",
    "os._exit",
    "sys.exit(0)",
    "globals().clear()",
    "sys.modules.pop(__name__); robench.register('myt', task())",
    "exec('(' * 500)",
    "(lambda f: f(f))(lambda f: f(f))",
)


@kind(45)
def tasks(stream: random.Random) -> Iterator[Case]:
    """Tasks whose rows or declaration are not what they should be."""
    found = [
        (f"{split} = {one}", f"robench.register('myt', task(index=lambda offline: splits({split}={one})))")
        for one in ROWS
        for split in (stream.choice(("train", "dev", "test")),)
    ]
    found += [(one, one) for one in DECLARED]
    for name, body in shuffle(stream, found):
        words = (
            "run",
            "--plugin",
            "plug.py",
            "--task",
            "myt",
            "--defense",
            "base",
            "--attack",
            "deepwordbug",
            "--encoder",
            "encoder",
            "--preset",
            "quick",
        )
        more = (
            "--offline",
            "--runs",
            "runs",
            "--attack-limit",
            "2",
            "--precision",
            "fp32",
            "--set",
            "training.epochs=1",
        )
        yield Case(
            name=f"a task: {name[:120]!a}",
            steps=[(*words, *more), ("table", "5", "--plugin", "plug.py", "--task", "myt", "--offline")],
            spoil=write("plug.py", HEAD + TASKS + body),
            trusted=True,
        )
