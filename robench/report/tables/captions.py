"""Headings, captions and notes of a table: what its blocks share, what sets them apart, notes on the data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from robench.results.adversarial_rows import note_adversarial_rows
from robench.results.info import ELSEWHERE, CellInfo, StageInfo
from robench.results.info_origin import Environment
from robench.results.paper_contents import Paper


def setting_of(info: StageInfo, **more: Any) -> dict[str, Any]:
    """Return what the rows of a block share.

    Args:
        info: ``stage.json`` of one of them.
        more: what it does not say.
    """
    return {
        "task": info.task,
        "data": info.data.source,
        "data_digest": info.data.digest,
        "encoder": info.encoder.name,
        "encoder_digest": info.encoder.digest,
        "precision": info.precision,
        "training": dict(info.training),
        "train_rows": info.train_rows,
        **_unusual_rows(info),
        **more,
        "format": info.format,
    }


def _unusual_rows(info: StageInfo) -> dict[str, Any]:
    """Return the attacked split unless it is the test split, and the limit of the rows of clean%, if there is one."""
    values = {"split": getattr(info, "split", "test"), "clean_limit": find_clean_limit(info)}
    return {name: value for name, value in values.items() if value not in ("test", None)}


def find_clean_limit(info: StageInfo) -> int | None:
    """Return the number of rows that clean accuracy was limited to; None if all of them count.

    A trained model counts all development rows, and has the limit of its test rows beside that.
    """
    is_limited = getattr(info, "split", "test") == "test" or getattr(info, "victim", None) is not None
    return getattr(info, "clean_limit", None) if is_limited else None


def _facts(setting: Mapping[str, Any], paper: Paper) -> dict[str, tuple[str, Any]]:
    """Return each fact of a block: its words, if there are any, and an identity that equal facts of blocks share."""
    unusual = [f"{name} {value}" for name, value in setting["training"].items() if paper.training.get(name) != value]
    training = "training as in the paper" + (f" but for {', '.join(unusual)}" if unusual else "")
    if not paper.training:
        training = f"training with {', '.join(unusual)}"
    rows = f"{setting['train_rows']:,} training rows"
    if setting["training"] == ELSEWHERE:
        training, rows = "trained elsewhere", ""
    facts = {
        "task": (f"task {setting['task']}", setting["task"]),
        "attack": (f"attack {setting.get('attack')}", setting.get("attack_identity")),
        "data": (f"data {setting['data']}", setting["data_digest"]),
        "encoder": (f"encoder {setting['encoder']}", setting["encoder_digest"]),
        "precision": (setting["precision"], setting["precision"]),
        "training": (training, training),
        "train_rows": (rows, setting["train_rows"]),
    }
    split, limit = setting.get("split"), setting.get("clean_limit")
    facts |= {
        "split": (f"{split} rows" if split else "", split),
        "clean_limit": (f"clean% on {limit:,} rows" if limit else "", limit),
    }
    counted = {"attacked_n": "attacked samples", "pairs": "pairs of clean and adversarial text"}
    facts |= {name: (f"{setting[name]:,} {words}", setting[name]) for name, words in counted.items() if name in setting}
    facts["format"] = (f"results of format {setting['format']}", setting["format"])
    return facts if "attack" in setting else {name: fact for name, fact in facts.items() if name != "attack"}


def headings(settings: Sequence[Mapping[str, Any]], paper: Paper, lead: str = "task") -> tuple[list[str], str]:
    """Return what sets each block apart, and what all share.

    Args:
        settings: of each block.
        paper: with whose training they are compared.
        lead: what a heading always begins with: ``task`` or ``encoder``.
    """
    tasks = [setting["task"] for setting in settings]
    facts = [_facts(setting, paper) for setting in settings]
    parts: list[list[str]] = [[] for _ in settings]
    shared = []
    common = [name for name in facts[0] if all(name in fact for fact in facts)]
    for name in sorted(common, key=lambda name: name != lead):
        words, identities = [fact[name][0] for fact in facts], [fact[name][1] for fact in facts]
        if name == lead:
            words = [str(setting[lead]) for setting in settings]
        # Two tasks never have the same data: only within a task do words and identities have to agree.
        ambiguous = len(set(zip(tasks, words, strict=True))) < len(set(zip(tasks, identities, strict=True)))
        if len(set(words)) == 1 and not ambiguous and name != lead:
            shared += [words[0]] if words[0] and name != "format" else []
            continue
        for part, text, identity in zip(parts, words, identities, strict=True):
            if text:
                part.append(f"{text} ({_shorten(identity)})" if ambiguous else text)
    return [", ".join(part) for part in parts], f"In all rows: {', '.join(shared)}." if shared else ""


def _shorten(identity: object) -> str:
    """Return eight characters: the first ones of a digest, or those of the digest of anything else."""
    text = str(identity)
    return (text if re.fullmatch("[0-9a-f]{16,}", text) else sha256(text.encode()).hexdigest())[:8]


def result_notes(infos: Iterable[CellInfo]) -> tuple[str, ...]:
    """Return the notes on the data of some cells, and on the adversarial texts that their models were trained on."""
    infos = list(infos)
    return *notes_of(infos), *note_adversarial_rows(infos)


def notes_of(infos: Iterable[StageInfo]) -> tuple[str, ...]:
    """Return notes on the data, warnings about models, and a note on different environments, each once.

    A note on data begins with its tasks. A warning begins with its models, or with a task if all of the task's several
    models have it.
    """
    stages = list(infos)
    tasks: dict[str, dict[str, None]] = {}
    models: dict[str, dict[tuple[str, str], None]] = {}
    for info in stages:
        for note in info.data.notes:
            tasks.setdefault(note, {})[info.task] = None
        if isinstance(info, CellInfo):
            for warning in info.warnings:
                models.setdefault(warning, {})[info.task, info.defense.name] = None
    everything = {(info.task, info.defense.name) for info in stages if isinstance(info, CellInfo)}
    notes = [f"{', '.join(names)}: {note}" for note, names in tasks.items()]
    notes += [f"{_list_subjects(list(about), everything)}: warning: {text}" for text, about in models.items()]
    return (*notes, *filter(None, [_compare_environments(stages)]))


def _list_facts(environment: Environment, *, trains: bool) -> dict[str, str]:
    """Return what a number may depend on in an environment, by name; the threads of attacks are no such thing."""
    facts = {"processors": environment.processor, "instruction sets": environment.instructions}
    facts |= {"devices": environment.device, "numbers of threads": str(environment.threads or "") if trains else ""}
    for package, version in environment.versions.items():
        release, _, commit = version.partition(" (")
        facts |= {f"versions of {package}": release, f"commits of {package}": commit.rstrip(")")}
    return {name: value for name, value in facts.items() if value}


def _list_subjects(about: Sequence[tuple[str, str]], everything: Collection[tuple[str, str]]) -> str:
    """Return these models with their tasks; a task alone if they are all of its several models."""
    parts = []
    for task in dict.fromkeys(task for task, _ in about):
        names = [name for its, name in about if its == task]
        is_all = 1 < len(names) == sum(its == task for its, _ in everything)
        parts.append(task if is_all else ", ".join(f"{name} on {task}" for name in names))
    return ", ".join(parts)


def _compare_environments(infos: Sequence[StageInfo]) -> str:
    """Say in what the environments of stages and their models differ; empty if they do not, or are not known."""
    values: dict[str, dict[str, None]] = {}
    for info in infos:
        for trains, one in ((False, info.environment), (True, getattr(info, "model_environment", None))):
            for name, value in _list_facts(one, trains=trains).items() if one else ():
                values.setdefault(name, {})[value] = None
    parts = [f"{name} ({', '.join(sorted(found))})" for name, found in values.items() if len(found) > 1]
    return f"made under different {'; '.join(parts)}, which can move a number slightly" if parts else ""
