"""Table 7: how far models move from clean to adversarial text, from stored statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Unpack

from robench.report.tables.captions import headings, notes_of, setting_of
from robench.report.tables.cells import judged, mean_cell
from robench.report.tables.layout import legend_of
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import Asked, chosen, of_the_paper
from robench.report.tables.orders import PAPER_TASKS, defense_order, paper_order
from robench.results.cells import asked_of, grouped, labels, text_of
from robench.results.papers import BEFORE
from robench.results.store import StoredStage
from robench.study.presets import PAPER_ATTACKS

ABLATIONS = (BEFORE, "base", "clean", "taichi-no-ctr", "taichi-no-adv", "taichi")
"""Rows of table 7."""

COLUMNS = (
    Column("MSE (pos, ↓)", "number", 4, "lower", key="mse_pos"),
    Column("MSE (neg, ↑)", "number", 4, "higher", key="mse_neg"),
    Column("KL (pos, ↓)", "number", 4, "lower", key="kl_pos"),
    Column("KL (neg, ↑)", "number", 4, "higher", key="kl_neg"),
    Column("CTR (↓)", "number", 4, "lower", key="ctr"),
    Column("clean% (↑)", key="clean%"),
    Column("attack% (↑)", key="attack%"),
)
LEGEND = (
    "Rows are models; the paper has them as columns.",
    "pos: a clean text beside its adversarial counterpart; neg: beside a fixed sentence of another label.",
    "MSE: mean squared difference of representations. KL: of predictions, in nats. CTR: contrastive loss of all pairs.",
    "clean%: correct / all test samples. attack%: failed / attacked samples; wrong before counts as wrong.",
)
HINT = "`robench run --table 7` makes them."


@dataclass(frozen=True)
class _Model:
    """The statistics of one model; ``values`` by column, without those that are not known."""

    info: Mapping[str, Any]
    block: str
    row: str
    seed: int
    key: str
    values: Mapping[str, Fraction | float]


def table7(statistics: Sequence[StoredStage], **asked: Unpack[Asked]) -> Table:
    """High-order statistics of models before and after fine-tuning (Table 7 of the TaiChi paper).

    On SST-2 under TextFooler, unless another task or attack is asked for.

    Args:
        statistics: finished stages of that kind.
        asked: see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a file lacks something.
    """
    kept = chosen(statistics, asked, hint=f"statistics of models are another stage: {HINT}")
    kept = of_the_paper("7", kept, asked, "task", ["sst2"])
    kept = of_the_paper("7", kept, asked, "attack", ["textfooler"])
    models = _everywhere([_model(stage) for stage in kept])
    names = labels([(m.row, m.info["defense"]["name"], m.info["defense"], m.key) for m in models])
    by_block = grouped(sorted(models, key=_block_order), lambda m: m.block)
    settings = [_setting(members) for members in by_block.values()]
    heads, caption = headings(settings)
    blocks = []
    for heading, setting, members in zip(heads, settings, by_block.values(), strict=True):
        rows = [_row(names[row].text, found) for row, found in grouped(members, lambda m: m.row).items()]
        if not asked.get("defenses"):
            there = {row.name for row in rows}
            rows += [Row(name, name, (Cell(),) * len(COLUMNS)) for name in ABLATIONS if name not in there]
        rows.sort(key=lambda row: (*defense_order(row.name), row.label))
        blocks.append(Block(setting["task"], heading, judged(rows, COLUMNS, compare=False), setting))
    gaps = any(cell == Cell() for block in blocks for row in block.rows for cell in row.cells)
    return Table(
        name="7",
        title="Table 7: high-order statistics of clean and adversarial texts",
        caption=caption,
        columns=COLUMNS,
        blocks=tuple(blocks),
        legend=(*legend_of(blocks, LEGEND), *([f"—: no result yet; {HINT}"] if gaps else [])),
        notes=notes_of(m.info for m in models),
        of="model",
        samples=False,
    )


def _model(stage: StoredStage) -> _Model:
    def ask(*path: str) -> Any:
        return asked_of(stage, *path)

    info = stage.info
    block = [ask(name) for name in ("task", "training", "precision", "train_rows")]
    block += [_attack(info), ask("data", "digest"), ask("encoder", "digest"), ask("statistics", "n")]
    defense = [ask("defense", "name")] if ask("defense", "name") == BEFORE else _defense(info["defense"])
    values: dict[str, Fraction | float] = {}
    for name in ("mse_pos", "mse_neg", "kl_pos", "kl_neg", "ctr"):
        number = ask("statistics", name)
        values[name] = Fraction(number) if math.isfinite(number) else number
    for name, part, count in (("clean%", "clean", "correct"), ("attack%", "attacked", "failed")):
        if (info.get(part) or {}).get("n"):
            values[name] = Fraction(info[part][count], info[part]["n"])
    return _Model(info, text_of(block), text_of(defense), ask("seed"), stage.key, values)


def _attack(info: Mapping[str, Any]) -> list[Any]:
    return [info["attack"]["title"], info["attack"].get("fields")]


def _defense(defense: Mapping[str, Any]) -> list[Any]:
    if "fields" not in defense:
        return [defense["name"]]
    return [defense.get("class"), defense["fields"], defense.get("code", "")]


def _everywhere(models: Sequence[_Model]) -> list[_Model]:
    """The encoder before fine-tuning belongs to all blocks that differ only in how models are trained."""

    def untrained(m: _Model) -> str:
        info = m.info
        return text_of([info["task"], info["data"]["digest"], info["encoder"]["digest"], _attack(info)])

    trained = [m for m in models if m.info["defense"]["name"] != BEFORE]
    found = list(trained)
    for m in models:
        if m.info["defense"]["name"] == BEFORE:
            fitting = {t.block: t for t in trained if untrained(t) == untrained(m)} or {m.block: m}
            found += [_Model(m.info, block, m.row, m.seed, m.key, m.values) for block in fitting]
    return found


def _setting(members: Sequence[_Model]) -> dict[str, Any]:
    """Of a block: as its fine-tuned models say, if it has one."""
    info = next((m.info for m in members if m.info["defense"]["name"] != BEFORE), members[0].info)
    attack = {"attack": info["attack"]["title"], "attack_identity": text_of(_attack(info))}
    counts = {f"{part}_n": (info.get(part) or {}).get("n") for part in ("clean", "attacked")}
    counts = {name: count for name, count in counts.items() if count}
    return setting_of(info, **attack, pairs=info["statistics"]["n"], **counts)


def _row(label: str, found: Sequence[_Model]) -> Row:
    info = found[0].info
    counts = {part: (info.get(part) or {}).get("n") for part in ("clean", "attacked")}
    samples = {"clean%": counts["clean"], "attack%": counts["attacked"]}
    cells = []
    for column in COLUMNS:
        values = [(m.seed, m.values[column.key]) for m in found if column.key in m.values]
        finite = [(seed, value) for seed, value in values if isinstance(value, Fraction)]
        if len(finite) < len(values):
            cells.append(Cell(text="∞", seeds=tuple(sorted({seed for seed, _ in values}))))
        else:
            cells.append(mean_cell(finite, samples.get(column.key, info["statistics"]["n"]) or 0))
    seeds = tuple(sorted({m.seed for m in found}))
    return Row(
        label,
        info["defense"]["name"],
        tuple(cells),
        per_attack=bool(info.get("adversarial")),
        clean_n=counts["clean"],
        attacked_n=counts["attacked"],
        seeds=seeds,
    )


def _block_order(m: _Model) -> tuple[Any, ...]:
    info = m.info
    name = info["defense"]["name"]
    attack = info["attack"]["title"]
    block = (
        *paper_order(info["task"], PAPER_TASKS),
        *paper_order(attack, PAPER_ATTACKS),
        info["encoder"]["name"],
        m.block,
    )
    return *block, *defense_order(name), m.row, m.seed
