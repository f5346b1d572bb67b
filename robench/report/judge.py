"""Pages on which people label adversarial and clean texts, and the table of their answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from robench.errors import RobenchError
from robench.escaping import escape_terminal, join_csv_cells, list_values
from robench.paths import absolute_path, atomic_write_folder, atomic_write_text, translate_os_errors
from robench.report.rendering import templates
from robench.report.rendering.texts import percent
from robench.report.tables.cells import share_cell
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.results import records
from robench.results.answers import UNCLEAR, JudgeAnswers, read_answers
from robench.results.blind_texts import BlindKey, BlindText, Kind, choose_texts, read_key
from robench.results.info import CellInfo
from robench.results.info_parts import Outcome
from robench.results.intervals import LEVEL, Interval
from robench.results.labels import attack_source
from robench.results.store import RECORDS_FILE, StoredStage
from robench.results.validity import (
    MAJORITY,
    ValidTexts,
    correct_accuracy,
    count_kept,
    count_kept_by_majority,
    measure_agreement,
)

PAGE_FILE = "judge.html"
TEXTS_FILE = "texts.csv"
COLUMNS = (
    Column("clean label kept%"),
    Column("adversarial label kept%", better=None),
    Column("attack%", better=None),
    Column("attack% of kept", better=None),
)
_KINDS: tuple[Kind, ...] = ("clean", "adversarial")
LEGEND = (
    "label kept%: texts to which people give the gold label / texts with an answer; of clean texts it shows how often"
    " people and gold labels differ without an attack.",
    "attack%: accuracy under attack, of all samples of the cell. attack% of kept: the same if a success counts only"
    " where people keep the label; its interval is that of the share of kept labels. Blank of a random model, which is"
    " right about a text in a share of its draws.",
)


def key_path(folder: Path) -> Path:
    """Return the file of the key that belongs to a folder for judges; it lies beside the folder, not in it."""
    return folder.with_name(f"{folder.name}.key.json")


def write_page(cell: StoredStage[CellInfo], folder: Path, *, count: int, seed: int) -> BlindKey:
    """Write a folder for people who label texts of a cell, and the key beside it.

    Args:
        cell: the cell.
        folder: the folder: a page and a CSV file of the same texts.
        count: largest number of successes; each gives an adversarial and a clean text.
        seed: draws the texts and their order.

    Raises:
        RobenchError: no attack succeeded, the folder has something else, such as answers, or cannot be written.
    """
    found = records.read(cell.folder / RECORDS_FILE)
    key, texts = choose_texts(found, cell.info.labels, cell=cell.key, count=count, seed=seed)
    folder = absolute_path(folder)
    rows = _list_texts(key, texts).encode()
    with translate_os_errors(folder):
        _check_free(folder, key, rows)
        folder.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(key_path(folder), msgspec.json.format(msgspec.json.encode(key), indent=1).decode() + "\n")
    with atomic_write_folder(folder) as draft:
        (draft / PAGE_FILE).write_text(render_page(key, texts), encoding="utf-8")
        (draft / TEXTS_FILE).write_bytes(rows)
    return key


def render_page(key: BlindKey, texts: Sequence[BlindText]) -> str:
    """Return the page for judges: it needs nothing from a network, and runs no script but its own."""
    from markupsafe import Markup

    script = templates.read_template("judge.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    labels = [escape_terminal(label) for label in key.labels]
    values = {"batch": key.batch, "texts": texts, "choices": labels, "unclear": UNCLEAR}
    return templates.render_page("judge.html", script=Markup(script), digest=digest, **values)


def judge_table(cell: StoredStage[CellInfo], folder: Path, paths: Sequence[Path]) -> Table:
    """Make the table of the answers of one or more judges.

    Args:
        cell: the cell that the texts come from.
        folder: the folder that was written for them.
        paths: a file of answers of each judge.

    Raises:
        RobenchError: the key is missing or belongs to another cell, or a file of answers is malformed.
    """
    path = key_path(absolute_path(folder))
    if not path.is_file():
        raise RobenchError(f"there is no key {path}; --out names the folder that was written for the judges.")
    key = read_key(path)
    if key.cell != cell.key:
        raise RobenchError(f"the key {path} belongs to the cell {key.cell}, not to {cell.key}; name another --out.")
    answers = [read_answers(one, key) for one in paths]
    rows = [_row(one.judge, cell, *(count_kept(key, one.labels, kind) for kind in _KINDS)) for one in answers]
    if len(answers) > 1:
        rows.append(_row(MAJORITY, cell, *(count_kept_by_majority(key, answers, kind) for kind in _KINDS)))
    info = cell.info
    return Table(
        name="validity",
        title="Validity: do people keep the labels of adversarial texts?",
        caption=f"{info.defense.name} on {_describe_rows(info)}, seed {info.seed}; batch {key.batch}.",
        columns=COLUMNS,
        blocks=(Block(info.task, "", tuple(rows), {"task": info.task, "attack": info.attack.title}),),
        legend=(*LEGEND, "In parentheses: the 95 % interval of the texts; other judges not covered."),
        notes=(*_describe_answers(key, answers), *_describe_agreement(answers)),
        row_kind="judge",
        is_measured=False,
        intervals=True,
    )


def _describe_rows(info: CellInfo) -> str:
    """Return the attacked rows and what attacked them, with the settings of the attack that the user changed."""
    task = info.task if info.split == "test" else f"{info.split} rows of {info.task}"
    return f"{task} under {attack_source('', info.attack, '').text}"


def _check_free(folder: Path, key: BlindKey, rows: bytes) -> None:
    """Refuse a folder that has something else than these very texts, such as answers of a judge."""
    if not folder.exists() and not key_path(folder).exists():
        return
    place = key_path(folder)
    if not place.is_file() or read_key(place).batch != key.batch:
        raise RobenchError(f"{folder} exists, and has no page of these texts (batch {key.batch}); name another --out.")
    found = sorted(folder.iterdir()) if folder.exists() else []
    others = [one.name for one in found if one.name not in (PAGE_FILE, TEXTS_FILE) and one.name[0] != "."]
    if TEXTS_FILE in (one.name for one in found) and (folder / TEXTS_FILE).read_bytes() != rows:
        others.append(f"a filled in {TEXTS_FILE}")
    if others:
        raise RobenchError(
            f"{folder} holds {list_values(others)}, which would be lost: read the answers in it with --read, or name"
            " another --out."
        )


def _list_texts(key: BlindKey, texts: Sequence[BlindText]) -> str:
    rows = (join_csv_cells([key.batch, text.number, text.text, ""]) for text in texts)
    return join_csv_cells(["batch", "number", "text", "label"]) + "".join(rows)


def _row(name: str, cell: StoredStage[CellInfo], clean: ValidTexts, adversarial: ValidTexts) -> Row:
    outcome, kept = cell.info.attacked, share_cell(adversarial.kept, adversarial.n)
    if cell.info.draws:  # a random model is right about a text in a share of its draws
        attacked, corrected = Cell(cell.info.accuracy_under_attack, n=outcome.n - outcome.errors), Cell()
    else:
        attacked = share_cell(outcome.failed, outcome.n - outcome.errors)
        corrected = _corrected_cell(outcome, kept)
    return Row(name, name, (share_cell(clean.kept, clean.n), kept, attacked, corrected))


def _corrected_cell(outcome: Outcome, kept: Cell) -> Cell:
    """Return the accuracy under attack if a success counts only where people keep the label, with its interval."""
    if kept.value is None or kept.interval is None:
        return Cell()
    # The more labels are kept, the more successes count, and the lower the accuracy is.
    shares = kept.value, kept.interval.high, kept.interval.low
    value, low, high = (correct_accuracy(outcome, share) for share in shares)
    if value is None or low is None or high is None:
        return Cell()
    return Cell(value, n=kept.n, interval=Interval(float(low), float(high), LEVEL, 1, kept.n))


def _describe_answers(key: BlindKey, answers: Sequence[JudgeAnswers]) -> list[str]:
    """Say how many texts each judge left out or found unclear, if any."""
    notes = []
    for one in answers:
        absent, unclear = len(key.texts) - len(one.labels), sum(label < 0 for label in one.labels.values())
        parts = [f"{absent:,} without an answer"] if absent else []
        parts += [f"{unclear:,} unclear, which {'keeps' if unclear == 1 else 'keep'} no label"] if unclear else []
        if parts:
            notes.append(f"{one.judge}: of {len(key.texts):,} texts {' and '.join(parts)}")
    return notes


def _describe_agreement(answers: Sequence[JudgeAnswers]) -> list[str]:
    """Say how far several judges agree."""
    if len(answers) < 2:
        return []
    found = measure_agreement(answers)
    if found is None:
        return ["the judges have no text in common, so nothing is known of their agreement"]
    name = "Cohen's" if len(answers) == 2 else "Fleiss'"
    kappa = f"; {name} kappa {found.kappa:.2f}" if found.kappa is not None else "; all gave one and the same label"
    return [f"of {found.n:,} texts that all judges answered, they agree on {percent(found.share)} %{kappa}"]
