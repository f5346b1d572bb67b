"""Results as pandas tables: what a runs folder holds, a row for each cell or for each record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.plugins.option import option_text
from robench.results import records
from robench.results.cells import Result, read_results
from robench.results.classes import name_class
from robench.results.columns import STATUSES, RecordColumns, make_columns
from robench.results.entry_store import open_results
from robench.results.flags import list_flags
from robench.results.info import CellInfo
from robench.results.info_parts import PluginInfo
from robench.results.integrity import read_columns
from robench.results.selection import Selection
from robench.results.store import RECORDS_FILE, StoredStage
from robench.study.values import Names, Numbers, as_tuple, read_value

if TYPE_CHECKING:
    import pandas


def load_results(
    runs: str | Path = "runs",
    *,
    task: Names = (),
    defense: Names = (),
    attack: Names = (),
    encoder: Names = (),
    preset: Names = (),
    seed: Numbers = (),
) -> pandas.DataFrame:
    """Load the cells of a runs folder as a table, which is the one that :func:`run` and :func:`attack_model` return.

    Example:
        The accuracy under attack, without models that learned nothing:

        >>> import robench
        >>> results = robench.load_results(runs, defense=["base", "taichi"], attack="pwws")
        >>> results[results.has_learned].groupby("defense").accuracy_under_attack.mean().round(2).to_dict()
        {'base': 0.07, 'taichi': 0.2}

    Args:
        runs: the runs folder.
        task: names; all by default.
        defense: names of defenses and of models; all by default.
        attack: names; all by default.
        encoder: names, as they were written; all by default.
        preset: names; all by default.
        seed: seeds; all by default.

    Returns:
        One row per cell, with the columns of :func:`robench.report.data_frames.make_frame`.

    Raises:
        RobenchError: there are no such cells. A cell whose files are not as they were stored is left out, and named by
            a warning of the logger ``robench``.
    """
    filters = {"task": task, "defense": defense, "attack": attack, "encoder": encoder, "preset": preset}
    return make_frame(_select(runs, filters, seed))


def load_records(
    runs: str | Path = "runs",
    *,
    task: Names = (),
    defense: Names = (),
    attack: Names = (),
    encoder: Names = (),
    preset: Names = (),
    seed: Numbers = (),
    texts: bool = False,
) -> pandas.DataFrame:
    """Load the records of a runs folder's cells as a table.

    Example:
        The share of each class that stands under attack:

        >>> import robench
        >>> records = robench.load_records(runs, defense="taichi", attack="pwws")
        >>> records = records[records.status != "error"]
        >>> (records.status == "failed").groupby(records.label).mean().round(2).to_dict()
        {'negative': 0.0, 'positive': 0.4}

    Args:
        runs: the runs folder.
        task: names; all by default.
        defense: names of defenses and of models; all by default.
        attack: names; all by default.
        encoder: names, as they were written; all by default.
        preset: names; all by default.
        seed: seeds; all by default.
        texts: whether to load the texts, too, which takes much longer.

    Returns:
        One row per record, with the columns of :func:`robench.report.data_frames.make_records_frame`.

    Raises:
        RobenchError: as of :func:`load_results`, or the records of a cell cannot be read.
    """
    filters = {"task": task, "defense": defense, "attack": attack, "encoder": encoder, "preset": preset}
    return make_records_frame(_select(runs, filters, seed), texts=texts)


def _select(runs: str | Path, filters: Mapping[str, Names], seed: Numbers) -> list[StoredStage[CellInfo]]:
    """Return the cells of a runs folder that filters leave, at least one."""
    store = open_results(Path(read_value("runs", str | Path, runs, default="runs")))
    return make_selection(filters, seed).select(
        store.stages(CellInfo), str(store.root), hint="`robench.run` makes some."
    )


def make_selection(filters: Mapping[str, Names], seed: Numbers, *, plain: bool = False) -> Selection:
    """Return the selection of results with some names and seeds, as a program gives them.

    Args:
        filters: names by what they are of, such as ``task``.
        seed: seeds.
        plain: whether to leave out forms of defenses with changed settings.
    """
    names: dict[str, Any] = {
        f"{name}s": as_tuple(read_value(name, Names, value, default=())) for name, value in filters.items()
    }
    return Selection(seeds=as_tuple(read_value("seed", Numbers, seed, default=())), plain=plain, **names)


def make_frame(cells: Sequence[StoredStage[CellInfo]]) -> pandas.DataFrame:
    """Make a table of cells for analysis.

    Returns:
        One row per cell: names of ``task``, ``defense`` and ``attack`` (with its variant); ``seed``, ``split``
        whose rows were attacked (and clean accuracy was measured on), ``encoder``, ``train_rows``;
        ``clean_accuracy`` on the ``n_test`` samples of this split and ``accuracy_under_attack`` on the
        ``n_attacked`` of them without the ``n_errors`` on which code failed, 0 to 1, NaN if nothing is left;
        ``attack_success_rate`` over the samples that the model classified correctly; their mean ``queries``;
        mean share of ``words_changed`` and mean ``similarity`` of the text before and after (cosine of the
        bundled sentence encoder) over the successes; ``records``, the path of the per-example records;
        ``has_learned``, False for a model that tables mark with †: it cannot be told from naming the most
        frequent label each time, so it cannot be fooled; ``warnings``, what makes the numbers of a model that
        the user brought misleading, and ``notes``, what to know about the rows, texts of sentences that are
        empty if there are none; ``key`` of the cell and ``model``, the key of its model; ``preset``,
        ``precision``; ``defense_changes`` and ``attack_changes``, the hyper-parameters that the user set, as
        ``name=value``; ``trained_against``, the attack whose texts the model was trained on, empty if it needed
        none: another one than ``attack`` in cells of the table ``matrix``; ``flags``, what to know beside the
        numbers, see :mod:`robench.results.flags`, separated by commas.
    """
    import pandas

    rows = [_describe(cell, result) for cell, result in zip(cells, read_results(cells), strict=True)]
    return pandas.DataFrame(rows)


def _describe(cell: StoredStage[CellInfo], result: Result) -> dict[str, Any]:
    """Return the columns of one cell, see :func:`make_frame`."""
    info, outcome, similarity = cell.info, result.outcome, cell.info.similarity
    return {
        "task": info.task,
        "defense": info.defense.name,
        "attack": info.attack.title,
        "seed": info.seed,
        "split": info.split,
        "encoder": info.encoder.name,
        "train_rows": info.train_rows,
        "clean_accuracy": float(result.clean_accuracy),
        "n_test": info.clean.n,
        "accuracy_under_attack": float("nan" if (accuracy := result.accuracy_under_attack) is None else accuracy),
        "n_attacked": outcome.n,
        "n_errors": outcome.errors,
        "attack_success_rate": float("nan" if (rate := outcome.success_rate) is None else rate),
        "queries": outcome.queries,
        "words_changed": outcome.words_changed,
        "similarity": similarity.mean if similarity else None,
        "records": str(cell.folder / RECORDS_FILE),
        "has_learned": result.has_learned,
        "warnings": " ".join(info.warnings),
        "notes": " ".join(f"{note}." for note in info.data.notes),
        "key": info.key,
        "model": info.model,
        "preset": info.preset,
        "precision": info.precision,
        "defense_changes": _list_changes(info.defense),
        "attack_changes": _list_changes(info.attack),
        "trained_against": info.training_attack.title if info.training_attack else "",
        "flags": ", ".join(list_flags([result])),
    }


def make_records_frame(cells: Sequence[StoredStage[CellInfo]], *, texts: bool = False) -> pandas.DataFrame:
    """Make a table of the records of cells for analysis.

    Args:
        cells: finished cells.
        texts: whether to add the texts.

    Returns:
        One row per record: ``task``, ``defense``, ``trained_against``, ``attack``, ``seed``, ``split``,
        ``defense_changes``, ``attack_changes`` and ``key`` of the cell as in :func:`make_frame`; ``id``, the row of
        the attacked split; ``label``, the name of the gold label; ``status``, ``queries``, ``words_changed``, ``words``
        and ``seconds`` as in :class:`robench.results.records.Record`;
        ``predicted`` and ``final_predicted``, the names of the most probable labels before and after the attack, and
        ``probability`` and ``final_probability``, the model's probabilities of the gold label, missing if its code
        failed. With texts, ``original``, ``final`` and ``reason``. Entries hold neither texts nor
        the time of a record.

    Raises:
        RobenchError: the records of a cell are missing or broken, or are asked of an entry that has none.
    """
    import pandas

    if texts and any(cell.entry for cell in cells):
        raise RobenchError("entries hold no texts: leave texts out, or name the runs folder that they were made of.")
    frames = [_describe_records(cell, texts=texts) for cell in cells]
    return pandas.concat(frames, ignore_index=True)


def _describe_records(cell: StoredStage[CellInfo], *, texts: bool) -> pandas.DataFrame:
    import pandas

    info, columns = cell.info, _read_columns(cell)
    values: dict[str, Any] = {
        "task": info.task,
        "defense": info.defense.name,
        "trained_against": info.training_attack.title if info.training_attack else "",
        "attack": info.attack.title,
        "seed": info.seed,
        "split": info.split,
        "defense_changes": _list_changes(info.defense),
        "attack_changes": _list_changes(info.attack),
        "key": info.key,
        "id": columns.id,
        "label": [_name_label(label, info.labels) for label in columns.label],
        "status": [STATUSES[letter] for letter in columns.status],
        "queries": columns.queries,
        "words_changed": columns.words_changed,
        "words": columns.words,
        "seconds": columns.seconds,
        "predicted": [_name_label(label, info.labels) for label in columns.predicted],
        "final_predicted": [_name_label(label, info.labels) for label in columns.final_predicted],
        "probability": pandas.Series(columns.probability, dtype=float),
        "final_probability": pandas.Series(columns.final_probability, dtype=float),
    }
    if cell.entry:
        del values["seconds"]
    if texts:
        rows = records.read(cell.folder / RECORDS_FILE)
        values |= {name: [getattr(row, name) for row in rows] for name in ("original", "final", "reason")}
    return pandas.DataFrame(values)


def _read_columns(cell: StoredStage[CellInfo]) -> RecordColumns:
    """Return the columns of the records of a cell.

    Raises:
        RobenchError: they are missing or broken, or the cell's entry has counts alone.
    """
    if cell.entry is None:
        return read_columns(cell.folder)
    kept = next(attack.records for attack in cell.entry.attacks if attack.key == cell.key)
    if kept is None:
        raise RobenchError(f"the entry of {cell.folder.name} has counts alone, and no records.")
    return make_columns(kept.rows())


def _name_label(label: int | None, names: Sequence[str]) -> str | None:
    return None if label is None else name_class(label, names)


def _list_changes(plugin: PluginInfo) -> str:
    return ", ".join(f"{name}={option_text(value)}" for name, value in sorted(plugin.changed.items()))
