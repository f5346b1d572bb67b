"""What stands around the numbers of a table: what its blocks share, what sets them apart, notes of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robench.results import Result
from robench.spec import TrainingSettings


def setting_of(result: Result) -> dict[str, Any]:
    """What the rows of a result's block share."""
    info = result.info
    return {
        "task": info["task"],
        "data": info["data"].get("source", ""),
        "data_digest": info["data"]["digest"],
        "encoder": info["encoder"]["name"],
        "encoder_digest": info["encoder"]["digest"],
        "precision": info["precision"],
        "training": dict(info["training"]),
        "train_rows": info["train_rows"],
        "clean_n": info["clean"]["n"],
        "attacked_n": result.attacked_n,
        "format": info.get("identity", {}).get("format"),
    }


def _facts(setting: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """For each fact of a block its words, and what decides whether two blocks have it in common."""
    paper = asdict(TrainingSettings())
    unusual = [f"{name} {value}" for name, value in setting["training"].items() if paper.get(name) != value]
    training = f"training as in the paper but for {', '.join(unusual)}" if unusual else "training as in the paper"
    return {
        "data": (f"data {setting['data']}", setting["data_digest"]),
        "encoder": (f"encoder {setting['encoder']}", setting["encoder_digest"]),
        "precision": (setting["precision"], setting["precision"]),
        "training": (training, training),
        "train_rows": (f"{setting['train_rows']:,} training rows", setting["train_rows"]),
        "attacked_n": (f"{setting['attacked_n']:,} attacked samples", setting["attacked_n"]),
        "format": (f"results of format {setting['format']}", setting["format"]),
    }


def headings(firsts: Sequence[Result]) -> tuple[list[str], str]:
    """What sets each block apart, after its task; and what all share.

    Args:
        firsts: a result of each block.
    """
    tasks = [first.info["task"] for first in firsts]
    facts = [_facts(setting_of(first)) for first in firsts]
    parts, shared = [[task] for task in tasks], []
    for name in facts[0]:
        words, identities = [fact[name][0] for fact in facts], [fact[name][1] for fact in facts]
        # Two tasks never have the same data: only within a task do words and identities have to agree.
        ambiguous = len(set(zip(tasks, words, strict=True))) < len(set(zip(tasks, identities, strict=True)))
        if len(set(words)) == 1 and not ambiguous:
            shared += [words[0]] if name != "format" else []
            continue
        for part, text, identity in zip(parts, words, identities, strict=True):
            part.append(f"{text} ({str(identity)[:8]})" if ambiguous else text)
    return [", ".join(part) for part in parts], f"In all rows: {', '.join(shared)}." if shared else ""


def notes_of(results: Iterable[Result]) -> tuple[str, ...]:
    """Notes of the data, each once, after the tasks that it is about."""
    tasks: dict[str, dict[str, None]] = {}
    for result in results:
        for note in result.info["data"].get("notes", ()):
            tasks.setdefault(note, {})[result.info["task"]] = None
    return tuple(f"{', '.join(names)}: {note}" for note, names in tasks.items())
