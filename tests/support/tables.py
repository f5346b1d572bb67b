"""Runs folders made by hand for each table of the paper, and tables in a form to compare."""

from __future__ import annotations

import math
import re
import shlex
from typing import Any

from typer.main import get_command

from robench.report.rendering import percent
from robench.report.tables import Row, Table, accuracy_table
from robench.results.info import CellInfo
from robench.results.store import Store
from support.freezing import FREEZING, GOLDENS
from support.hand_made import add_cell, digest
from support.hand_made_statistics import add_statistics

SECOND_ENCODER = {"name": "tiny", "digest": digest("tiny")}
LARGE = {"name": "bert-large-uncased", "digest": digest("large")}


BERT = {"name": "bert-base-uncased", "digest": digest("bert")}


LOCAL = {"source": "local:/data/sst2", "digest": digest("sst2"), "notes": []}


def fill5(store: Store) -> None:
    """Two tasks, three defenses, two attacks, one gap; clean% of ada is the mean of 92.0 and 91.0."""
    for defense, attack, failed, correct in (
        ("taichi", "pwws", 130, 465),
        ("taichi", "deepwordbug", 122, 460),
        ("ada", "pwws", 128, 460),
        ("ada", "deepwordbug", 109, 455),
        ("base", "pwws", 106, 473),
        ("base", "deepwordbug", 85, 473),
    ):
        add_cell(store, defense, attack, failed, clean=(correct, 500))
    for defense, attack, failed in (("base", "pwws", 32), ("base", "deepwordbug", 42), ("taichi", "pwws", 69)):
        add_cell(store, defense, attack, failed, task="sst2", clean=(1686, 1821))


def sst2(store: Store, defense: str, attack: str, failed: int = 40, correct: int = 400, **settings: Any) -> None:
    settings = {"data": LOCAL, "encoder": BERT, **settings}
    add_cell(store, defense, attack, failed, clean=(correct, 500), task="sst2", **settings)


def fill4(store: Store) -> None:
    sst2(store, "base", "deepwordbug", correct=460)
    for seed, adv, soft in ((42, 380, 440), (43, 390, 445)):
        sst2(store, "base", "pwws", correct=460 + seed - 42, seed=seed)
        for name, correct in (("base-adv", adv), ("base-adv-soft", soft)):
            key = digest("sst2", "pwws", seed)[:16]
            sst2(store, name, "pwws", correct=correct, seed=seed, adversarial=key, model=digest(name, seed)[:16])


def fill6(store: Store) -> None:
    for encoder, more in ((BERT, 0), (LARGE, 5)):
        for defense, failed in (("base", 30), ("ada", 50), ("taichi", 70), ("pgd", 90)):
            sst2(store, defense, "pwws", failed + more, correct=450 + more, encoder=encoder)
    sst2(store, "base", "pwws", 31, encoder={"name": "tiny", "digest": digest("tiny")})
    add_cell(store, "base", "pwws", 99, encoder=LARGE, data={**LOCAL, "digest": digest("trec")})  # trec


def fill7(store: Store) -> None:
    for name, clean, failed, values in (
        ("before", 248, 2, {"mse_pos": 0.03125, "kl_pos": 0.0}),
        ("base", 463, 14, {"mse_pos": 0.28125, "kl_pos": math.inf}),
        ("clean", 464, 25, {"mse_pos": 0.0625, "mse_neg": 0.75}),
        ("taichi-no-ctr", 462, 29, {"ctr": 6.5}),
        ("taichi", 458, 40, {"mse_pos": 0.0625, "ctr": 6.25, "kl_neg": 2.5}),
    ):
        add_statistics(store, name, clean=clean, failed=failed, values=values, encoder=BERT)
    add_statistics(store, "taichi", clean=460, failed=42, values={"mse_pos": 0.0625}, encoder=BERT, seed=43)


def fill_correlated(store: Store) -> None:
    """Six models, of which one is the mean of two seeds and one met another attack than its own.

    KL (pos) orders them as their accuracies do, but for two neighbours; MSE (neg) is the same for all.
    """
    for name, kl_pos, failed in (("pgd", 0.5, 90), ("fgsm", 1.5, 70), ("freelb", 2.0, 50), ("smart", 2.5, 60)):
        add_statistics(store, name, failed=failed, values={"kl_pos": kl_pos, "ctr": failed / 10}, encoder=BERT)
    for seed, kl_pos, failed in ((42, 2.0, 20), (43, math.inf, 10)):
        values = {"kl_pos": kl_pos, "ctr": failed / 10}
        add_statistics(store, "base", failed=failed, values=values, seed=seed, encoder=BERT)
    for own, kl_pos, failed in ((None, 0.25, 100), ("pwws", 1.0, 80)):
        cell = add_cell(store, "ada", "textfooler", failed, task="sst2", trained=own, encoder=BERT)
        values = {"kl_pos": kl_pos, "ctr": failed / 10}
        add_statistics(store, "ada", failed=failed, values=values, model=cell.info.model, encoder=BERT)
    add_statistics(store, "before", failed=0, values={"kl_pos": 0.0}, encoder=BERT)
    for name in ("base", "pgd"):
        add_statistics(store, name, attack="pwws", encoder=BERT)


def fill_against(store: Store) -> None:
    sst2(store, "base", "pwws", 40, 461)  # 20.0 and 92.2; published 16.0 and 92.6
    sst2(store, "base", "textfooler", 14, 461, attack_title="textfooler (bundled)")
    sst2(store, "ada", "pwws", 58, 454)  # 29.0 and 90.8; published 28.9 and 90.8
    sst2(store, "ada", "pwws", 58, 454, changed={"ratio": 0.5})
    sst2(store, "freelb++", "pwws", 50, 460)
    for seed in (42, 43):
        sst2(store, "pgd", "pwws", seed, 460, seed=seed)


def table5(store: Store, **options: Any) -> Table:
    return accuracy_table(store.stages(CellInfo), **options)


def rows(table: Table) -> dict[str, Row]:
    return {row.label: row for block in table.blocks for row in block.rows}


def names_of(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def texts(table: Table) -> dict[str, list[str]]:
    return {label: [cell.text for cell in row.cells] for label, row in rows(table).items()}


def shown(table: Table, label: str) -> list[str | None]:
    return [None if cell.value is None else percent(cell.value) for cell in rows(table)[label].cells]


def check_golden(name: str, text: str) -> None:
    """Compare with ``goldens/NAME.txt``, or write it (``support/freezing.py`` says how); a page's style is left out.

    That is one file for all pages, and browsers look at it in ``report/pages``.
    """
    text = re.sub("<style>.*</style>", "<style></style>", text, flags=re.DOTALL)
    golden = GOLDENS / f"{name}.txt"
    if FREEZING:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def options_of(command: str) -> dict[str, Any]:
    """The options of a printed command, as the real command line reads it."""
    from robench.cli import app

    program, verb, *words = shlex.split(command)
    assert program == "robench"
    subcommand = get_command(app).commands[verb]  # type: ignore[attr-defined]
    parsed: dict[str, Any] = subcommand.make_context(verb, words).params
    return parsed
