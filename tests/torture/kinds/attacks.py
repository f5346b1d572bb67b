"""Faulty attacks of plug-in files."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, kind
from torture.damages import write
from torture.kinds.defenses import HEAD, RAISED, plugin_case
from torture.strings import CONTROLS, MARKUP, hostile, shuffle
from torture.workshop import TASK, run

ATTACK = """
@robench.register({name!r})
@dataclass(frozen=True, kw_only=True)
class Mine(robench.Attack):
    uses = ("stopwords",)
    {fields}
    def build(self, victim):
        from textattack.attack_recipes import DeepWordBugGao2018
        attack = DeepWordBugGao2018.build(victim)
        {body}
"""
SEARCH = """
        class Search(type(attack.search_method)):
            def perform_search(self, result):
                {}
        attack.search_method.__class__ = Search
        return attack"""
ATTACK_FIELDS = (
    "uses = ('nothing',)",
    "uses = None",
    "uses = 7",
    "uses = ('wordnet', 1)",
    "variant = '\\x1b[2J<script>=1+1|`x`$\\\\frac{$'",
    "variant = None",
    "variant = 7",
    "a: 'Nope' = 1",
    "a: Any = field(default_factory=lambda: {1: {2}})",
    "query_budget: int = 0",
    "query_budget: int = 1",
    "query_budget: Any = 'many'",
    "queries_per_word: Any = 1.5",
    "def budget(self, words): return 'x'",
    "def budget(self, words): return -1",
    "def budget(self, words): raise ValueError('x')",
    "def attacks(self, text): raise ValueError('x')",
    "def attacks(self, text): return False",
    "def describe_left_out(self, texts): raise ValueError('x')",
    "def describe_left_out(self, texts): return 7",
    "def describe_left_out(self, texts): return '\\x1b[2J' * 3000",
    "def prepare(self, *, offline=False): raise ValueError('x')",
    "def prepare(self): pass",
    "def prepare(self, *, offline=False): sys.exit(0)",
    "def pins(self): raise ValueError('x')",
    "def pins(self): return None",
    "def pins(self): return {1: {2}}",
    "def identity(self): raise ValueError('x')",
    "def identity(self): return {'a': {1}}",
    "def identity(self): return None",
    "def identity(self): return {'a': float('nan'), 'b': 10**400}",
    "foreign_files = None",
    "foreign_files = (1,)",
    "needs = None",
    "has_forms = None",
)
BUILT = (
    "return None",
    "return 7",
    "return victim",
    "return DeepWordBugGao2018",
    "attack.search_method = None; return attack",
    "attack.goal_function = None; return attack",
    "attack.transformation = None; return attack",
    "attack.constraints = [None]; return attack",
    "attack.goal_function.model = None; return attack",
    "victim(['a'], 7); return attack",
    "victim([]); return attack",
    "victim(None); return attack",
    "victim('a text'); return attack",
    "victim([1, 2]); return attack",
    "victim(['\\ud800']); return attack",
)
SEARCHES = (
    "return None",
    "return 7",
    "raise ValueError('in search')",
    "raise SystemExit(0)",
    "raise RuntimeError('\\x1b[2J', 'x' * 90000)",
    "raise StopIteration",
    "raise type('Odd', (BaseException,), {})('x')",
    "self.get_goal_results(None)",
    "self.get_goal_results([])",
    "self.get_goal_results(['text'])",
    "return result.attacked_text",
    "result.attacked_text = None; return result",
    "result.goal_status = 7; return result",
    "result.score = 'x'; return result",
    "if len(result.attacked_text.text) % 3 == 0: raise RuntimeError('in search')",
    "import time; time.sleep(0.01); print('searching')",
)


@kind(50)
def attacks(stream: random.Random) -> Iterator[Case]:
    """Attacks that raise, return or declare what they should not."""
    after = "\n                return super().perform_search(result)"
    found = [("build", f"{body}\n        return attack", "") for body in RAISED]
    found += [("build", body, "") for body in BUILT]
    found += [("class", "return attack", one) for one in ATTACK_FIELDS]
    found += [("search", SEARCH.format(body + after), "") for body in (*SEARCHES, *RAISED[:12])]
    for what, body, fields in shuffle(stream, found):
        text = ATTACK.format(name="mya", fields=fields, body=body)
        yield plugin_case(f"an attack, {what}: {(fields or body)[-160:]!a}", text, "--attack", "mya")


@kind(10)
def plugin_names(stream: random.Random) -> Iterator[Case]:
    """Names and titles of plug-ins with markup and escapes, in every output."""
    formats = ("rich", "md", "csv", "json", "latex", "html")
    while True:
        title = stream.choice((*CONTROLS, *MARKUP, hostile(stream)))
        text = ATTACK.format(name="mya", fields=f"variant = {title!a}", body="return attack")
        show: list[tuple[str, ...]] = [
            ("table", "5", "--format", one, "--plugin", "plug.py", "--offline") for one in formats
        ]
        words = run("--plugin", "plug.py", "--train-limit", "8", "--attack", "mya")
        yield Case(
            name=f"an attack's variant is {title!a}",
            steps=[words, *show, ("show", f"{TASK}-base-mya"), ("figure", "4", "--attack", "mya"), ("list", "attacks")][
                :8
            ],
            spoil=write("plug.py", HEAD + text),
            trusted=True,
        )
