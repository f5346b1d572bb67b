"""The runs folder: results, each found again by a key of exactly what determines it.

::

    RUNS/models/<label>-<key>/       stage.json  model.safetensors  config and tokenizer  clean.jsonl  training.jsonl
    RUNS/models/<label>-<key>/       checkpoint.safetensors        a training that is not finished
    RUNS/models/<label>-<key>/       stage.json  clean.jsonl       a user's model, whose weights are not copied
    RUNS/adversarial/<label>-<key>/  stage.json  records.jsonl     the adversarial training set, made against Base
    RUNS/cells/<label>-<key>/        stage.json  records.jsonl     one attack on one trained defense
    RUNS/cells/<label>-<key>/        columns.json                  a copy of the records' numbers, which may be missing
    RUNS/statistics/<label>-<key>/   stage.json                    the high-order statistics of one model
    RUNS/transfer/<label>-<key>/     stage.json  records.jsonl     one model on texts made against another
    RUNS/certificates/<label>-<key>/ stage.json  certificates.jsonl  changed words that one model is certified for

How it works: a stage describes itself by an identity, a dictionary of everything that determines its result, and its
key is a hash of that (:func:`make_key`). The key alone decides whether a result exists; the label only makes the
folder's name readable. ``stage.json`` is written last, so a folder without it is unfinished. A file lock beside the
folder keeps two processes from making the same stage. :mod:`robench.results.integrity` tells whether a finished stage
is still what was written. One that is not is never listed; a run sets it aside (:mod:`robench.results.misfits`).
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, get_args

from robench.disk import check_writable
from robench.errors import RobenchError
from robench.paths import absolute_path, read_regular, refuse_links, translate_os_errors
from robench.results import integrity, locks
from robench.results.folder_kind import holds_entries
from robench.results.info import REMEDY, Info, StageKind, kind_of
from robench.results.integrity import RECORDS_FILE, STAGE_FILE, TABLE_FILES, find_key, make_key
from robench.results.stage_file import decode
from robench.syncing import make_folder

if TYPE_CHECKING:
    from robench.results.entry_form import Entry

__all__ = ["RECORDS_FILE", "STAGE_FILE", "Store", "StoredStage", "make_key"]

Names = Container[str] | None
"""Names of files to check; None stands for all."""

_STAGE_NAME = re.compile(r"[^.].*-[0-9a-f]{16}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredStage(Generic[Info]):
    """A finished stage: its folder and the content of its ``stage.json``.

    Attributes:
        folder: the folder; of a stage that is part of an entry, a name alone.
        info: the content.
        entry: the entry that it is part of, which has what its files would hold; None in a runs folder.
    """

    folder: Path
    info: Info
    entry: Entry | None = None

    @property
    def key(self) -> str:
        """Return the key that its folder's name ends with."""
        return find_key(self.folder.name)


class MisplacedError(RobenchError):
    """A stage that is whole, but in a folder of another name or kind: its name is all that has to be repaired."""


class Store:
    """A runs folder.

    Args:
        root: the folder; it is created when something is first written.
        on_fault: receives a sentence for each stage that is left out because it does not fit, once; by default it is
            logged as a warning.
    """

    def __init__(self, root: Path, on_fault: Callable[[str], None] | None = None) -> None:
        self.root = absolute_path(root)
        self._on_fault = on_fault or _log.warning
        self._told: set[str] = set()

    def check_writable(self) -> None:
        """Check that results can be stored, so that a run does not fail at its end; leave nothing behind.

        Raises:
            RobenchError: the folder cannot be created or written to, or holds entries.
        """
        if holds_entries(self.root, is_checked=True):
            raise RobenchError(f"{self.root} holds entries, no runs; name another folder for results (--runs).")
        check_writable(self.root)

    def folder(self, kind: StageKind, label: str, key: str) -> Path:
        """Return the folder of a stage, which need not exist; an existing one may have another label, but this key."""
        named = self.new_folder(kind, label, key)
        return named if named.exists() else next(iter(self.twins(kind, key)), named)

    def new_folder(self, kind: StageKind, label: str, key: str) -> Path:
        """Return the folder that a new stage gets."""
        return self.root / kind / f"{label}-{key}"

    def twins(self, kind: StageKind, key: str) -> list[Path]:
        """Return all folders of a key; there are several if folders were copied."""
        parent, end = self.root / kind, f"-{key}"
        names = locks.list_names(parent) if key.isalnum() else []  # not a path
        return sorted(parent / name for name in names if name.endswith(end) and not name.startswith("."))

    def folders(self, kind: StageKind) -> list[Path]:
        """Return the folders of a kind that are named like a stage, finished or not, by name."""
        parent = self.root / kind
        if not parent.is_dir():
            return []
        return [path for path in sorted(parent.iterdir()) if _STAGE_NAME.fullmatch(path.name) and path.is_dir()]

    def finished_folders(self, kind: StageKind) -> list[Path]:
        """Return the folders of the finished stages of a kind, by name, whether they fit or not."""
        return [folder for folder in self.folders(kind) if (folder / STAGE_FILE).exists()]

    def read(self, folder: Path) -> StoredStage[Any] | None:
        """Read a finished stage; None if there is none.

        Raises:
            RobenchError: its ``stage.json`` cannot be read, was changed, or belongs to another folder.
        """
        path = folder / STAGE_FILE
        try:
            content = read_regular(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
        stage = StoredStage(folder, decode(content, path))
        info = stage.info
        if info.key != stage.key:
            raise MisplacedError(f"{path} has the key {info.key}, its folder another: give the folder its name back.")
        if info.kind != folder.parent.name:
            raise MisplacedError(
                f"{path} describes one of the {info.kind}, but its folder is among the {folder.parent.name}:"
                " move it back."
            )
        if not integrity.is_key_of_identity(info):
            raise RobenchError(f"{path} has an identity that its key does not belong to; {REMEDY}.")
        return stage

    def stages(self, info: type[Info], *, names: Names = TABLE_FILES) -> list[StoredStage[Info]]:
        """Read all finished stages of a kind that fit, by folder name; tell of the others, and change nothing.

        Folders that are not named like a stage are ignored, unless they hold a stage that is nowhere else. Of two
        stages of one key that fit and say different things, neither is used.

        Args:
            info: the structure that describes them, such as :class:`~robench.results.info.CellInfo`.
            names: the files to check besides ``stage.json``: by default those that tables use; None checks all.
        """
        found: list[StoredStage[Info]] = []
        kind = kind_of(info)
        for folder in self.folders(kind):
            try:
                found += [stage] if (stage := self.read(folder)) else []
            except RobenchError as error:
                self.tell(str(error))
        for sentence in self.find_strays(kind, {stage.key for stage in found}):
            self.tell(sentence)
        return self.keep_sound(found, names) if names != () else found

    def keep_sound(self, stages: Iterable[StoredStage[Info]], names: Names = TABLE_FILES) -> list[StoredStage[Info]]:
        """Return the stages whose files fit, one for each key; tell of the others."""
        by_key: dict[str, list[StoredStage[Info]]] = {}
        for stage in stages:
            try:
                self.check(stage, names)
            except RobenchError as error:
                self.tell(str(error))
            else:
                by_key.setdefault(stage.key, []).append(stage)
        return [chosen for twins in by_key.values() if (chosen := self.choose(twins))]

    def choose(self, twins: list[StoredStage[Info]]) -> StoredStage[Info] | None:
        """Return one of the stages of a key; None if there is none, or there are several that say different things."""
        if len(twins) > 1 and len({repr(_result(stage)) for stage in twins}) > 1:
            places = " and ".join(str(stage.folder) for stage in twins)
            self.tell(f"{places} are different stages of one key; {REMEDY}.")
            return None
        return twins[0] if twins else None

    def check(self, stage: StoredStage[Any], names: Names = TABLE_FILES) -> None:
        """Check the files of a stage, see :func:`robench.results.integrity.find_faults`.

        Raises:
            RobenchError: some do not fit.
        """
        if faults := integrity.find_faults(stage.folder, stage.info, names):
            raise RobenchError(f"{stage.folder}: {'; '.join(faults)}; {REMEDY}.")

    def get(self, kind: StageKind, key: str) -> StoredStage[Any] | None:
        """Return the finished stage of a key, every file of which fits; None if there is none.

        Raises:
            RobenchError: what is there does not fit.
        """
        sound: list[StoredStage[Any]] = []
        faults: list[RobenchError] = []
        for folder in self.twins(kind, key):
            try:
                if stage := self.read(folder):
                    self.check(stage, names=None)
                    sound.append(stage)
            except RobenchError as error:
                faults.append(error)
        if faults and not sound:
            raise faults[0]
        return self.choose(sound)

    def tell(self, sentence: str) -> None:
        """Pass on a sentence about a stage that does not fit, once."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._on_fault(sentence)

    def finish(self, folder: Path, info: Info) -> StoredStage[Info]:
        """Describe the files of a stage and write ``stage.json``, after which it counts as finished."""
        return StoredStage(folder, integrity.write_stage(folder, info))

    def digest(self, kind: StageKind, key: str) -> str:
        """Return the digest of what other stages use of a stage; empty if it is not there, or not known."""
        try:
            stage = self.read(self.folder(kind, "", key))
            return integrity.digest_content(stage.folder, stage.info) if stage else ""
        except RobenchError:
            return ""

    def remove(self, folder: Path) -> None:
        """Delete the folder of a stage, finished or not."""
        if folder.exists():
            with translate_os_errors(folder):
                shutil.rmtree(folder)

    @contextlib.contextmanager
    def lock(self, folder: Path) -> Iterator[bool]:
        """Keep other processes from making the same stage, and delete the drafts of a process that was killed.

        The key alone decides what is locked: another process may make the same stage under another label.

        Args:
            folder: the folder of the stage.

        Yields:
            Whether the lock is held; if not, another process holds it.
        """
        with contextlib.ExitStack() as held:
            with translate_os_errors(folder):
                make_folder(folder.parent)
                refuse_links(folder)
                is_held = held.enter_context(locks.hold_lock(folder.parent, find_key(folder.name)))
            yield is_held

    def sweep(self) -> None:
        """Delete the locks and drafts of killed processes."""
        for kind in get_args(StageKind):
            locks.sweep(self.root / kind)

    def find_strays(self, kind: StageKind, keys: Container[str]) -> Iterator[str]:
        """Yield a sentence for each stage whose folder is not named like one; none if its key is there: it is a copy.

        Args:
            kind: the kind of the stages.
            keys: the keys that are there.
        """
        parent = self.root / kind
        for path in sorted(parent.glob(f"[!.]*/{STAGE_FILE}")):
            if _STAGE_NAME.fullmatch(path.parent.name):
                continue
            try:
                info = decode(read_regular(path), path)
            except (RobenchError, OSError):
                continue  # not a stage at all
            if info.key not in keys and info.kind == kind:
                name = f"{info.label}-{info.key}"
                yield f"{path.parent} holds the stage {name}: give the folder this name back."


def _result(stage: StoredStage[Any]) -> tuple[Any, ...]:
    """Return what is equal in two stages of one key that say the same; their times may differ."""
    content = integrity.digest_content(stage.folder, stage.info)
    return content, getattr(stage.info, "clean", None), getattr(stage.info, "statistics", None)
