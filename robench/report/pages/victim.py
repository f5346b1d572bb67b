"""The page for an engineer who brings one model: how it stands under attack, where it breaks, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from robench.report.model_results import ModelResults
from robench.report.pages.advice import checks_section, next_section
from robench.report.pages.examples import pick_examples
from robench.report.pages.parts import Bars, Examples, Page, Paragraph, Section, TablePart
from robench.report.pages.phrases import describe_doubts, join_names, share_text
from robench.report.pages.provenance import provenance_section, reproduction_section, settings_section
from robench.report.pages.rows import bar_of
from robench.report.pages.weak_spots import groups_section, words_section
from robench.report.rendering.texts import number_text, percent
from robench.report.tables.model import CLEAN, WORST, Cell, Column
from robench.results.flags import UNLEARNED
from robench.results.weaknesses import (
    FEWEST,
    AttackedSeed,
    TextGroup,
    WeakWord,
    find_weak_words,
    group_by_class,
    group_by_length,
)
from robench.version import VERSION

EXAMPLES, HELD = 20, 4
"""Examples on the page, and how many of them are texts that hold."""


def make_model_page(found: ModelResults, options: Sequence[str], command: str) -> Page:
    """Make the page of one model.

    Args:
        found: the attacks on the model.
        options: what to add to commands, such as ``["--runs", "elsewhere"]``.
        command: the command that makes the page.

    Raises:
        RobenchError: a file is missing or broken.
    """
    store = found.store
    labels = found.results[0].info.labels
    words = find_weak_words(record for rows in found.records for record in rows)
    classes, lengths = _groups(found, labels)
    attacks = join_names([column.name for column, _ in found.attacks])
    every = f"each of {attacks}" if len(found.attacks) > 1 else attacks
    sections = [
        _accuracy_section(found),
        words_section(words, attacks),
        groups_section(classes, lengths, every, seeds=len(found.clean.seeds)),
        _examples_section(found),
        checks_section(found.results),
        next_section(found.results, found.worst, [c.attack for c, _ in found.attacks], options),
        settings_section(found.results),
        provenance_section(store, found.results, options),
        reproduction_section(store, found.results, options, command),
    ]
    info = found.results[0].info
    facts = [
        ("model", info.victim.model if info.victim else found.name),
        ("task", info.task),
        ("clean texts", f"{info.clean.n:,}"),
        ("attacked texts", " and ".join(f"{n:,}" for n in sorted({r.attacked_n for r in found.results}))),
        ("attacks", str(len(found.attacks))),
        ("seeds", ", ".join(str(seed) for seed in found.clean.seeds)),
    ]
    return Page(
        kicker="robench · report on one model",
        question=f"Does {found.name} hold on {info.task} when its texts are attacked?",
        answer=[*_answer(found, words, classes)],
        facts=facts,
        front=[_bars(found)],
        sections=sections,
        foot=f"Made by robench {VERSION} from {store.root}.",
        warnings=list(dict.fromkeys(w for r in found.results for w in r.info.warnings)),
    )


def _groups(found: ModelResults, labels: Sequence[str]) -> tuple[list[TextGroup], list[TextGroup]]:
    """Group the texts by class and by length."""
    pairs = list(zip(found.results, found.records, strict=True))
    seeds = [
        AttackedSeed([rows for result, rows in pairs if result.seed == seed], stands)
        for seed, stands in (found.worst.outcomes or {}).items()
    ]
    return (group_by_class(seeds, labels), group_by_length(seeds)) if seeds else ([], [])


def _answer(found: ModelResults, words: Sequence[WeakWord], classes: Sequence[TextGroup]) -> list[str]:
    count = len(found.attacks)
    every = {1: f"the attack {found.attacks[0][0].name}", 2: "both attacks"}.get(count, f"all {count} attacks")
    column = Column(WORST)
    sentences = [
        f"{_verdict(found)}: of {found.clean.n:,} clean texts it has {share_text(found.clean, column)} right, and of"
        f" {found.texts} {share_text(found.worst, column)} stay right under {every}"
        f"{_certainty(found.worst)}{'' if found.worst.learned else f'; it {UNLEARNED}'}{describe_doubts(found.worst)}."
    ]
    sentences.append(_describe_strongest(found))
    weakest = [one for one in classes if one.n >= FEWEST]
    weakest = [one for one in weakest if one.held * weakest[0].n == weakest[0].held * one.n]
    if words and weakest:
        word, held = words[0], [f"{float(round(one.held, 1)):g} of {float(round(one.n, 1)):g}" for one in weakest]
        classed = f"The weakest class is {weakest[0].name}, of which {held[0]} texts hold"
        if len(weakest) > 1:
            named = [f"{one.name} ({part} texts hold)" for one, part in zip(weakest, held, strict=True)]
            classed = f"No class is the weakest: {join_names(named)} are level"
        sentences.append(
            f"{classed}; the word that breaks the model most often is “{word.word}”, changed in {word.broken} attacks"
            " that succeeded."
        )
    return sentences


def _describe_strongest(found: ModelResults) -> str:
    """Return which attack leaves the least, or which ones leave equally little."""
    attack, cell = found.attacks[0]
    left, tied = share_text(cell, attack), [pair for pair in found.attacks if pair[1].value == cell.value]
    if len(tied) > 1:
        doubts = "".join(describe_doubts(one, of=column.name) for column, one in tied)
        return (
            f"The strongest attacks are {join_names([column.name for column, _ in tied])}: each leaves {left}{doubts}."
        )
    doubts = describe_doubts(cell) if len(found.attacks) > 1 else ""
    return f"The strongest attack is {attack.name}, which leaves {left}{_effort(found, attack)}{doubts}."


def _verdict(found: ModelResults) -> str:
    """Return how a model stands, by the share of its clean accuracy that is left whatever came of errors."""
    value, least, clean = found.worst.value, found.worst.least, found.clean.value
    if value is None or least is None or not clean:
        return "Not known"
    first, *others = {
        "Mostly" if left >= 0.8 else "Partly" if left >= 0.5 else "No" for left in (value / clean, least / clean)
    }
    return "Not known" if others else first


def _certainty(cell: Cell) -> str:
    if cell.interval is None:
        return ""
    known = cell.interval
    return f" ({percent(known.level, 0)} % interval: {percent(known.low, 0)} to {percent(known.high, 0)} %)"


def _effort(found: ModelResults, attack: Column) -> str:
    table = found.quality
    row = next((row for row in table.blocks[0].rows if row.label == attack.name), None)
    if row is None:
        return ""
    cells: dict[str, tuple[Column, Cell]] = {
        column.name: (column, cell) for column, cell in zip(table.columns, row.cells, strict=True)
    }
    parts = []
    if "queries" in cells and cells["queries"][1].value is not None:
        column, cell = cells["queries"]
        parts.append(f"asks the model {number_text(cell.value or 0, column, 0)} times a text")
    if "words changed%" in cells and cells["words changed%"][1].value is not None:
        column, cell = cells["words changed%"]
        parts.append(f"changes {number_text(cell.value or 0, column, 0)} % of the words where it succeeds")
    return f"; it {' and '.join(parts)}" if parts else ""


def _bars(found: ModelResults) -> Bars:
    bars = [bar_of("clean texts", found.clean, Column(CLEAN))]
    bars += [bar_of(column.name, cell, column) for column, cell in reversed(found.attacks)]
    if len(found.attacks) > 1:
        bars.append(bar_of("worst", found.worst, Column(WORST), note="right under every attack"))
    level = f"{percent(found.worst.interval.level, 0)} % " if found.worst.interval else ""
    note = f"In parentheses and as a thin line the {level}interval: what other texts might give."
    return Bars(("texts", "accuracy in %"), bars, "Texts that stay right, in %", note)


def _accuracy_section(found: ModelResults) -> Section:
    return Section(
        "accuracy",
        "Accuracy under attack",
        [
            Paragraph(
                "A text counts as right under attack if the model had it right before and the attack could not change"
                " that; what was wrong before counts as wrong."
            ),
            TablePart(found.quality),
        ],
    )


def _examples_section(found: ModelResults) -> Section:
    pairs: list[Any] = list(zip(found.results, found.records, strict=True))
    examples = pick_examples(pairs, EXAMPLES, names=False, held=HELD)
    if not examples:
        return Section("examples", "Examples", [Paragraph("No text was attacked: the model had none right.")])
    return Section(
        "examples",
        "Examples",
        [
            Paragraph(
                "Struck out: what the attack removed. Underlined: what it put there. Texts that break with the fewest"
                " changed words come first; at the end stand some that hold, with the text at which the attack ended."
            ),
            Examples(examples),
        ],
    )
