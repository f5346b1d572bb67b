"""An entry made of the stages of a model: what is reduced, what is left out, and what is refused.

No text leaves the machine: of texts, an entry has digests; of errors, neither reason nor text; of paths, the last part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, NoReturn

import msgspec

from robench.errors import RobenchError
from robench.escaping import hide_folders
from robench.results import clean_lines, records
from robench.results.entries import convert, encode, reduce_records, round_probabilities
from robench.results.entry_checks import find_faults, is_own_data
from robench.results.entry_form import FORM, AttackMet, Entry, HighOrder
from robench.results.entry_parts import FusedPart, Predictions, TrainingSet
from robench.results.entry_rows import PUBLIC_SOURCES, RowSource
from robench.results.info import BEFORE, AdversarialInfo, CellInfo, ModelInfo, StatisticsInfo, TransferInfo
from robench.results.info_parts import DataInfo, PluginInfo, VictimInfo
from robench.results.integrity import CLEAN_FILE, RECORDS_FILE
from robench.results.outcome import summarise
from robench.results.store import Store, StoredStage
from robench.results.strict_json import parse_json

Cell = StoredStage[CellInfo]

_PATH = re.compile(r"[\\/~.]|[A-Za-z]:[\\/]")
"""How a path begins, as opposed to a name on the Hub."""


def get_needed(store: Store, kind: Any, key: str, what: str) -> StoredStage[Any]:
    """Return a stage that an entry cannot do without.

    Raises:
        RobenchError: it is not there, or does not fit.
    """
    stage = store.get(kind, key)
    if stage is None:
        raise RobenchError(f"{what} {key} is not in {store.root / kind} any more; make it again with `robench run`.")
    return stage


def reject_stage(stage: StoredStage[Any]) -> NoReturn:
    """Say of a stage that it is neither a cell nor a trained model.

    Raises:
        RobenchError: always.
    """
    what = "a transfer" if isinstance(stage.info, TransferInfo) else "an adversarial training set"
    raise RobenchError(f"{stage.folder.name} is {what}: name a cell or a trained model.")


def make_entry(
    store: Store,
    model: StoredStage[ModelInfo],
    cells: Sequence[Cell],
    public: RowSource,
    *,
    rerun_by: str,
    counts_only: bool,
) -> tuple[Entry, str]:
    """Make the entry of a model, and return it with a note, which may be empty.

    Args:
        store: the runs folder.
        model: the model.
        cells: attacks on it.
        public: where rows are looked for that equal its own and are public.
        rerun_by: who ran another one's entry again; empty for one's own results.
        counts_only: leave all rows out, and keep counts.

    Raises:
        RobenchError: a file of a stage is missing or broken, or the data are private.
    """
    info = model.info
    _refuse_parts(model, cells)
    source, note = _find_source(info, public, counts_only=counts_only)
    entry = Entry(
        form=FORM,
        mark="rerun" if rerun_by else "reported",
        rerun_by=rerun_by,
        counts_only=counts_only,
        label=info.label or model.folder.name.rpartition("-")[0],
        **{name: getattr(info, name) for name in _COPIED},
        data=DataInfo(digest=info.data.digest, source=source, notes=tuple(map(hide_folders, info.data.notes))),
        encoder=msgspec.structs.replace(info.encoder, name=_last_part(info.encoder.name)),
        hardware=hardware if isinstance(hardware := info.identity.get("hardware"), dict) else {},
        trained_against=_describe_training_set(store, info.adversarial) if info.adversarial else None,
        parts=tuple(_describe_part(store, key) for key in _part_keys(info)),
        victim=_describe_victim(info.victim) if info.victim else None,
        foreign_code=tuple(map(hide_folders, info.foreign_code)),
        parameters=info.parameters,
        warnings=tuple(map(hide_folders, info.warnings)),
        predictions=None if counts_only else _read_predictions(model),
        attacks=tuple(
            sorted((_describe_attack(cell, counts_only) for cell in cells), key=lambda a: (a.attack.title, a.key))
        ),
        statistics=_list_statistics(store, model.key, {cell.key for cell in cells}),
    )
    return _check(entry, model.folder.name), note


def _refuse_parts(model: StoredStage[ModelInfo], cells: Sequence[Cell]) -> None:
    """Reject what is not about the whole test split, with which others would compare it."""
    limit = model.info.clean_limit
    if limit is not None:
        raise RobenchError(
            f"{model.folder.name} has its clean accuracy on {limit:,} of the test rows: an entry needs all of them; run"
            " it without --clean-limit."
        )
    for cell in cells:
        if cell.info.split != "test":
            raise RobenchError(f"{cell.folder.name} is about {cell.info.split} rows: an entry is about test rows.")


def _check(entry: Entry, name: str) -> Entry:
    """Read an entry as others will read it, and return what they will get.

    Raises:
        RobenchError: they would refuse it.
    """
    where = f"the entry of {name}"
    found = convert(parse_json(encode(entry), where), Path(where))
    if faults := find_faults(found):
        raise RobenchError(f"{where} would contradict itself: {faults[0]}.")
    return found


_COPIED = (
    *("key", "robench", "task", "labels", "preset", "precision", "training", "train_rows", "seed", "defense"),
    *("identity", "rows", "timing", "environment", "dev", "clean"),
)
"""Fields that an entry takes from the ``stage.json`` of the model as they are."""


def _find_source(info: ModelInfo, public: RowSource, *, counts_only: bool) -> tuple[str, str]:
    """Return the source of the rows without a path, and a note on it.

    Raises:
        RobenchError: they are the user's own, and not reduced to counts.
    """
    if not is_own_data(info.data.source):
        return info.data.source, ""
    if data := public.find(info.task, info.data.digest, PUBLIC_SOURCES):
        return data.source, f"{info.label}: the rows of {info.data.source} are those of {data.source}, which are public"
    if copy := public.find_public_copy(info.task, info.data.digest):
        return f"public:{copy}", f"{info.label}: the rows of {info.data.source} are public: {copy}"
    if counts_only:
        return "local", ""
    raise RobenchError(
        f"{info.label} is about private data ({info.data.source}): the digest of a short text can be guessed, so its"
        " rows are not for publication. --counts-only keeps counts and means alone. If these are the rows of a public"
        f" data set, load the task {info.task} once from there, without --data: equal rows are recognised."
    )


def _read_predictions(model: StoredStage[ModelInfo]) -> Predictions:
    path = model.folder / CLEAN_FILE
    if not path.exists():
        raise RobenchError(f"{path} is missing; make the model again with `robench run`.")
    lines = clean_lines.read(path, model.info.clean.n)
    return Predictions(
        id=tuple(line.id for line in lines),
        label=tuple(line.label for line in lines),
        probabilities=tuple(round_probabilities(line.probabilities) for line in lines),
    )


def _describe_training_set(store: Store, key: str) -> TrainingSet:
    stage = get_needed(store, "adversarial", key, "the adversarial training set")
    info: AdversarialInfo = stage.info
    return TrainingSet(
        key=key,
        model=info.model,
        attack=_hide_fields(info.attack, info.identity),
        identity=info.identity,
        attacked=info.attacked,
        timing=info.timing,
        environment=info.environment,
    )


def _part_keys(info: ModelInfo) -> list[str]:
    keys = info.identity.get("parts")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _describe_part(store: Store, key: str) -> FusedPart:
    info: ModelInfo = get_needed(store, "models", key, "the model").info
    names = ("key", "label", "defense", "rows", "timing", "environment")
    return FusedPart(**{name: getattr(info, name) for name in names})


def _describe_victim(victim: VictimInfo) -> VictimInfo:
    return msgspec.structs.replace(victim, model=_last_part(victim.model), command=None)


def _describe_attack(cell: Cell, counts_only: bool) -> AttackMet:
    info, found = cell.info, records.read(cell.folder / RECORDS_FILE)
    names = ("key", "robench", "preset", "seed", "identity", "similarity", "timing", "environment")
    return AttackMet(
        label=info.label or cell.folder.name.rpartition("-")[0],
        **{name: getattr(info, name) for name in names},
        attack=_hide_fields(info.attack, info.identity),
        notes=tuple(map(hide_folders, info.data.notes)),
        foreign_code=tuple(map(hide_folders, info.foreign_code)),
        attacked=summarise(found),
        records=None if counts_only else reduce_records(found),
    )


def _list_statistics(store: Store, model: str, cells: set[str]) -> tuple[HighOrder, ...]:
    """Return the statistics of a model, and those of the encoder before fine-tuning over the pairs of its cells."""
    found = [
        _describe_statistics(stage.info)
        for stage in store.stages(StatisticsInfo)
        if stage.info.model == model or (stage.info.defense.name == BEFORE and stage.info.pairs in cells)
    ]
    return tuple(sorted(found, key=lambda one: (one.before, one.attack.title, one.key)))


def _describe_statistics(info: StatisticsInfo) -> HighOrder:
    numbers: dict[str, Any] = msgspec.structs.asdict(info.statistics)
    infinite = {name: None for name, value in numbers.items() if value == math.inf}
    names = ("key", "label", "model", "pairs", "preset", "identity", "clean", "attacked")
    return HighOrder(
        **{name: getattr(info, name) for name in names},
        **numbers | infinite,
        before=info.defense.name == BEFORE,
        attack=_hide_fields(info.attack, {}),
    )


def _hide_fields(plugin: PluginInfo, identity: dict[str, Any]) -> PluginInfo:
    """Return an attack without the folders of a path in a field, unless the key depends on the path itself."""
    attack = identity.get("attack")
    pinned = attack.get("fields") if isinstance(attack, dict) else None
    kept = pinned if isinstance(pinned, dict) else {}

    def hide(fields: dict[str, Any]) -> dict[str, Any]:
        return {
            name: _last_part(value) if isinstance(value, str) and kept.get(name) != value else value
            for name, value in fields.items()
        }

    return msgspec.structs.replace(plugin, fields=hide(plugin.fields), changed=hide(plugin.changed))


def _last_part(name: str) -> str:
    """Return the last part of a path; a name that is none stays."""
    return PurePath(name.replace("\\", "/")).name or name if _PATH.match(name) else name
