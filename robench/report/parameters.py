"""The page of every default: ``python -m robench.report.parameters docs/parameters.md`` writes it anew.

A defense that is another's class with other fields, such as fgm, is shown by what differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robench.escaping import escape_markdown
from robench.paths import atomic_write_text
from robench.plugins import registry
from robench.plugins.option import Description, describe
from robench.training.certificate import CertificateSettings
from robench.training.settings import BETAS, EPSILON, TrainingSettings

_INTRODUCTION = """# Parameters

Every default of the training and of the defenses that come with robench, and where it comes from. `robench list NAME`
shows the values that a parameter takes and what it means; `--set NAME.FIELD=VALUE` changes it.
`python -m robench.report.parameters docs/parameters.md` writes this page from the code.
"""


def render_parameters() -> str:
    """Return the page, in Markdown."""
    parts = [_INTRODUCTION, "## training\n", _table("training", [*describe(TrainingSettings()), *_fixed()])]
    parts += ["## certificate\n", _table("certificate", describe(CertificateSettings()))]
    first: dict[type, tuple[str, Any]] = {}
    for name, defense in _defenses():
        options = describe(defense)
        if not options:
            parts += [f"## {name}\n", "It has no parameters of its own.\n"]
            continue
        if type(defense) in first:
            base, other = first[type(defense)]
            defaults = {one.name: one.default for one in describe(other)}
            options = [one for one in options if one.default != defaults[one.name]]
            parts += [f"## {name}\n", f"As {base}, but:\n", _table(name, options)]
        else:
            first[type(defense)] = name, defense
            parts += [f"## {name}\n", _table(name, options)]
    return "\n".join(parts)


def _defenses() -> Iterator[tuple[str, Any]]:
    """Yield robench's own defenses with their names, those with the defaults of their class first."""
    loaded = [(entry.name, entry.load()) for entry in registry.entries("defenses") if entry.origin == "robench"]
    yield from sorted(loaded, key=lambda named: named[1] != type(named[1])())


def _fixed() -> list[Description]:
    """Return the choices of the training that cannot be set, as if they were fields."""
    from robench.models.batches import SORTED_BATCHES  # torch, which no other part of the page needs

    code = "the TaiChi authors' code"
    order = f"shuffled in each epoch, by the seed, then sorted by length within {SORTED_BATCHES} batches"
    return [
        Description("(AdamW's betas)", "", ", ".join(map(str, BETAS)), "", "Transformers' default (section 4.1)"),
        Description("(AdamW's epsilon)", "", str(EPSILON), "", code),
        Description("(warm-up steps)", "", "0", "", code),
        Description("(gradient clipping)", "", "none", "", "the TaiChi paper mentions none"),
        Description("(order of rows)", "", order, "", f"ours; {code} does not shuffle"),
    ]


def _table(name: str, options: list[Description]) -> str:
    rows = [("name", "field", "value", "source"), ("---",) * 4]
    rows += [(name, one.name, one.default, one.source) for one in options]
    return "".join(f"| {' | '.join(map(escape_markdown, row))} |\n" for row in rows)


if __name__ == "__main__":
    atomic_write_text(Path(sys.argv[1]), render_parameters())
