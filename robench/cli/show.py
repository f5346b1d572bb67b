"""``robench show``: the facts of a stored result, its numbers, the log of its training, and some attacked texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robench.cli.examples import format_errors, format_examples
from robench.errors import RobenchError
from robench.escaping import escape_line
from robench.plugins.option import option_text
from robench.report.rendering import percent
from robench.report.tables.captions import find_clean_limit
from robench.results import records
from robench.results.adversarial_rows import describe_adversarial_rows
from robench.results.changes import align_words, choose_examples
from robench.results.info import CellInfo, ModelInfo, StageInfo, TransferInfo
from robench.results.info_origin import Environment
from robench.results.info_parts import Outcome, PluginInfo
from robench.results.integrity import CLEAN_FILE, RECORDS_FILE, TRAINING_FILE
from robench.results.outcome import summarise
from robench.results.records import Record
from robench.results.stage_file import to_builtins
from robench.results.store import Store, StoredStage
from robench.results.training_log import read_training_log

FILES = (RECORDS_FILE, CLEAN_FILE, TRAINING_FILE)
"""The files of a stage that are shown, or that what is shown was counted from."""
KINDS = {
    "cells": "cell",
    "models": "trained model",
    "adversarial": "adversarial training set",
    "transfer": "transfer of adversarial texts that were made against another model",
}


class _Contents(NamedTuple):
    """Everything that is shown of a stage."""

    facts: dict[str, str]
    results: dict[str, Any]
    training: list[dict[str, Any]]
    rows: int
    examples: list[Record]
    errors: list[Record]


def show(stage: StoredStage[Any], store: Store, examples: int = 5) -> RenderableType:
    """Format a stage for a terminal; parts that it does not have are left out.

    Args:
        stage: a cell, a trained model, an adversarial training set or a transfer.
        store: its runs folder, which also contains the model of a cell.
        examples: largest number of attacked texts.

    Raises:
        RobenchError: the records are missing or broken.
    """
    contents = _collect(stage, store, examples)
    parts: list[RenderableType] = [Text(escape_line(stage.folder.name), style="bold"), _format_facts(contents.facts)]
    if contents.results:
        parts += [Text("\nresults", style="bold"), _format_facts(_describe_results(contents.results))]
    if contents.training:
        parts += [Text("\ntraining", style="bold"), _format_training(contents.training)]
    if contents.examples:
        heading = "\nexamples: [original → final]"
        parts += [Text(heading, style="bold"), *format_examples(contents.examples, stage.info.labels)]
    if contents.errors:
        heading = f"\nerrors: {len(contents.errors):,} of {contents.rows:,} samples"
        parts += [Text(heading, style="bold"), *format_errors(contents.errors, examples)]
    return Group(*parts)


def show_json(stage: StoredStage[Any], store: Store, examples: int = 5) -> str:
    """Format a stage as JSON with the keys ``folder``, ``stage``, ``results``, ``training``, ``examples``, ``errors``.

    ``stage`` is the content of ``stage.json``; ``results`` are shares from 0 to 1; ``examples`` have the keys of a
    record, and ``changes``, pairs of words before and after; ``errors`` are the records that ended in an error.

    Raises:
        RobenchError: the records are missing or broken.
    """
    contents = _collect(stage, store, examples)
    texts = [
        records.make_json_object(record)
        | {"changes": [list(span) for span in align_words(record.original, record.final) if span.is_changed]}
        for record in contents.examples
    ]
    values: dict[str, Any] = {
        "folder": str(stage.folder),
        "stage": to_builtins(stage.info),
        "results": contents.results,
        "training": contents.training,
        "examples": texts,
        "errors": [records.make_json_object(one) for one in contents.errors],
    }
    return json.dumps(values, indent=1) + "\n"


def _collect(stage: StoredStage[Any], store: Store, examples: int) -> _Contents:
    if stage.entry is not None:
        facts = _describe_stage(stage.info) | {"part of": "an entry, which has no texts and no log of the training"}
        return _Contents(facts, _compute_results(stage.info, getattr(stage.info, "attacked", None)), [], 0, [], [])
    rows = [] if isinstance(stage.info, ModelInfo) else records.read(stage.folder / RECORDS_FILE)
    d_adv = describe_adversarial_rows(stage.info, rows)
    return _Contents(
        _describe_stage(stage.info) | ({"rows of D_adv": d_adv} if d_adv else {}),
        _compute_results(stage.info, summarise(rows) if rows else None),
        _read_training_log(stage, store),
        len(rows),
        choose_examples(rows, examples),
        [record for record in rows if record.status == "error"],
    )


def _describe_stage(info: StageInfo) -> dict[str, str]:
    """Describe a stage, as a text for each fact."""
    facts = {
        "kind": KINDS.get(info.kind, info.kind),
        "task": f"{info.task}, {len(info.labels)} classes",
        "data": f"{info.data.source}, sha256 {info.data.digest[:16]}",
        "encoder": f"{info.encoder.name}, sha256 {info.encoder.digest[:16]}",
    }
    for name in ("defense", "attack"):
        if (plugin := getattr(info, name, None)) and plugin.name:
            facts[name] = _plugin_text(plugin)
    rows = getattr(info, "rows", None)
    if (adversarial := getattr(info, "adversarial", None)) and not (rows and rows.training and not rows.adversarial):
        facts["trained on"] = f"the adversarial training set {adversarial}"
    if model := getattr(info, "model", None):
        facts["model"] = model
    if isinstance(info, TransferInfo):
        facts["texts"] = f"of cell {info.texts}, made against the model of seed {info.texts_seed}"
    own = getattr(info, "defense", PluginInfo()).training_changes
    training = ", ".join(f"{name} {value}" for name, value in (info.training | own).items())
    victim = getattr(info, "victim", None)
    if victim:
        facts |= {"kind": "your own model"} if isinstance(info, ModelInfo) else {}
        facts["your model"] = f"{victim.model} ({victim.kind})"
    facts |= {f"warning {i}": warning for i, warning in enumerate(getattr(info, "warnings", ()), start=1)}
    trained = "" if victim else f"{info.train_rows} training rows, "
    precision = f"{info.precision} ({victim.dtype})" if victim and victim.dtype else info.precision
    facts["setting"] = f"preset {info.preset}, {precision}, {trained}{training}"
    if (split := getattr(info, "split", "test")) != "test":
        facts["split"] = f"{split} rows were attacked"
    if limit := find_clean_limit(info):
        facts["clean rows"] = f"clean accuracy is measured on {limit:,} rows"
    facts |= {"seed": str(info.seed), "made by": f"robench {info.robench}"}
    if info.environment:
        facts |= _describe_environment(info.environment)
    if rows:
        aside = ("training", "unchanged")
        counts = {name: count for name, count in msgspec.structs.asdict(rows).items() if name not in aside and count}
        parts = ", ".join(f"{count} {name}" for name, count in counts.items())
        facts["trained rows"] = f"{rows.training}" + (f" ({parts})" if parts else "")
    return facts | {f"note {i}": note for i, note in enumerate(info.data.notes, start=1)}


def _describe_environment(environment: Environment) -> dict[str, str]:
    versions = [f"{name} {version}" for name, version in environment.versions.items()]
    threads = f"{environment.threads} threads" if environment.threads else ""
    hardware = (environment.processor, environment.instructions, environment.device, threads)
    return {
        "made at": environment.date,
        "made under": ", ".join(versions),
        "made on": ", ".join(filter(None, hardware)),
    }


def _plugin_text(plugin: PluginInfo) -> str:
    """Return the name of a defense or attack with its fields; the changed ones are marked."""
    values = plugin.fields | plugin.changed
    fields = [f"{name}={option_text(v)}{' (changed)' if name in plugin.changed else ''}" for name, v in values.items()]
    title = plugin.title or plugin.name
    return f"{title}: {', '.join(fields)}" if fields else title


def _compute_results(info: StageInfo, outcome: Outcome | None) -> dict[str, Any]:
    """Return shares from 0 to 1 and the counts behind them; there is no outcome without an attack."""
    results: dict[str, Any] = {}
    clean, dev = getattr(info, "clean", None), getattr(info, "dev", None)
    if clean and clean.n:
        results["clean"] = {"accuracy": clean.correct / clean.n, **msgspec.structs.asdict(clean)}
    if dev:
        results["dev"] = msgspec.structs.asdict(dev)
    if outcome and isinstance(info, TransferInfo):
        share = outcome.success_rate
        counts = {"fooled": outcome.succeeded, "withstood": outcome.failed, "wrong_before": outcome.skipped}
        errors = {"errors": outcome.errors} if outcome.errors else {}
        results["transferred"] = {"share": None if share is None else float(share), "n": outcome.n, **counts, **errors}
    elif outcome:
        results["attacked"] = {
            "accuracy": None if outcome.accuracy is None else float(outcome.accuracy),
            "success_rate": None if outcome.success_rate is None else float(outcome.success_rate),
            **msgspec.structs.asdict(outcome),
        }
        if not outcome.errors:  # a page without errors says nothing of them
            del results["attacked"]["errors"]
        if isinstance(info, CellInfo) and info.draws and info.accuracy_under_attack is not None:
            results["draws"] = {"accuracy": float(info.accuracy_under_attack), "n": info.draws.n}
        similarity = info.similarity if isinstance(info, CellInfo) else None
        results["attacked"]["similarity"] = similarity.mean if similarity else None
    return results


def _describe_results(results: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    if clean := results.get("clean"):
        texts["clean accuracy"] = f"{percent(clean['accuracy'])} % ({clean['correct']} of {clean['n']})"
    if dev := results.get("dev"):
        texts["dev accuracy"] = f"{percent(dev['accuracy'])} % of {dev['n']}"
    if transfer := results.get("transferred"):
        share = "no number" if transfer["share"] is None else f"{percent(transfer['share'])} %"
        counts = f"{transfer['fooled']} fooled, {transfer['withstood']} withstood"
        counts += f", {transfer['wrong_before']} wrong before in this model or the other"
        counts += f", {transfer['errors']} ended in an error" if "errors" in transfer else ""
        texts["fooled by transfer"] = f"{share} ({counts}; {transfer['n']} in all)"
    if attack := results.get("attacked"):
        counts = f"{attack['failed']} failed, {attack['succeeded']} succeeded, {attack['skipped']} skipped"
        counts += f", {attack['errors']} ended in an error" if "errors" in attack else ""
        accuracy = "no number" if attack["accuracy"] is None else f"{percent(attack['accuracy'])} %"
        texts["under attack"] = f"{accuracy} ({counts}; {attack['n']} in all)"
        if draws := results.get("draws"):
            texts["over new draws"] = f"{percent(draws['accuracy'])} % (mean of {draws['n']} of each final text)"
        for key, name in (("success_rate", "attack success rate"), ("words_changed", "words changed")):
            if attack[key] is not None:
                texts[name] = f"{percent(attack[key])} %"
        if attack["queries"] is not None:
            texts["queries"] = f"{attack['queries']:.1f} on average"
        if attack["similarity"] is not None:
            texts["sentence similarity"] = f"{attack['similarity']:.3f} on average"
    return texts


def _read_training_log(stage: StoredStage[Any], store: Store) -> list[dict[str, Any]]:
    """Read the evaluations during the training of the stage's model; none if a cell's model is not there, or broken."""
    if isinstance(stage.info, ModelInfo):
        return read_training_log(stage.folder / TRAINING_FILE)
    for folder in store.twins("models", getattr(stage.info, "model", "")):
        try:
            if model := store.read(folder):
                store.check(model, names=(TRAINING_FILE,))
                return read_training_log(folder / TRAINING_FILE)
        except RobenchError as error:
            store.tell(str(error))
    return []


def _format_facts(facts: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        table.add_row(Text(escape_line(name)), Text(escape_line(text)))
    return table


def _format_training(log: Sequence[Mapping[str, Any]]) -> Table:
    terms = list(dict.fromkeys(term for entry in log for term in entry.get("loss", {})))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("step", "dev %", *terms):
        table.add_column(Text(escape_line(name)), justify="right")
    best = max(entry["dev_accuracy"] for entry in log)
    for entry in log:
        losses = [f"{entry['loss'][term]:.4f}" if term in entry["loss"] else "" for term in terms]
        accuracy = percent(entry["dev_accuracy"])
        bold = Text(accuracy, "bold" if entry["dev_accuracy"] == best else "")
        table.add_row(str(entry["step"]), bold, *losses)
    return table
