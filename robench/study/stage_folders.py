"""The folders in which stages are made: what is finished, what is locked, and where a result goes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.paths import read_regular, refuse_links, translate_os_errors
from robench.results import integrity, records
from robench.results.info import REMEDY
from robench.results.info_parts import Outcome
from robench.results.misfits import set_aside_but_records
from robench.results.redo import Redo
from robench.results.store import RECORDS_FILE, STAGE_FILE, StoredStage
from robench.study.sample_growth import adopt_records
from robench.study.shared_rows import SharedRows
from robench.study.stages.attack import AttackingStage
from robench.study.stages.attacked_rows import keep_good_records
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage


@dataclass(eq=False)
class Workspace:
    """The folder in which a stage is made, and its lock; or that of a stage which turned out to be finished.

    Attributes:
        stage: the stage.
        place: the folder in which it is made.
        lock: keeps other processes from making it; released while an attack is shared with them.
        redo: puts the result into the place of an older one; None if ``place`` is the stage's own folder.
        is_done: whether it turned out to be finished.
        is_shared: whether other processes may work on its rows.
    """

    stage: Stage
    place: Path
    lock: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    redo: Redo | None = None
    is_done: bool = False
    is_shared: bool = False


class StageFolders:
    """The runs folder, with what is known of its stages.

    Args:
        context: store and reporter.
        redo: what was made again already, if existing results are to be made again; else None.
    """

    def __init__(self, context: Context, redo: Redo | None = None) -> None:
        self._context, self.redo = context, redo
        self._stored: dict[str, StoredStage[Any] | None] = {}

    def find(self, stage: Stage) -> StoredStage[Any] | None:
        """Return the result of a stage, which is checked once; None if there is none that fits."""
        if stage.key not in self._stored:
            self._stored[stage.key] = self._check(stage, self._context.store.twins(stage.kind, stage.key))
        return self._stored[stage.key]

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has a result that should be used: all its files are as they were stored."""
        if self.redo is not None and not self.redo.is_done(stage.key):
            return False
        if (stored := self.find(stage)) is None:
            return False
        if self.redo is not None:
            return not self.find_changed_parents(stage, stored)
        return not (self._context.retry_errors and self.has_errors(stage))

    def has_errors(self, stage: Stage) -> bool:
        """Return whether rows of a finished stage ended in an error."""
        stored = self.find(stage)
        outcome: Outcome | None = getattr(stored.info, "attacked", None) if stored else None
        return outcome is not None and outcome.errors > 0

    def find_changed_parents(self, stage: Stage, stored: StoredStage[Any]) -> list[str]:
        """Return the keys of the stages that a result was made from, and that have changed since."""
        now = stage.digest_parents(self._context.store)
        return integrity.find_changed_parents(stored.info, lambda key: now.get(key, ""))

    def begin(self, stage: Stage) -> Workspace | None:
        """Lock a stage, look for its result once more, and prepare its place.

        Returns:
            Its workspace; None if another process holds the lock.

        Raises:
            RobenchError: something in the runs folder cannot be read or written.
        """
        store = self._context.store
        named = store.new_folder(stage.kind, stage.label, stage.key)
        with contextlib.ExitStack() as lock:
            if not lock.enter_context(store.lock(named)):
                return None
            if self.redo is not None:
                self.redo.refresh()
            twins = store.twins(stage.kind, stage.key)  # listed once: in a folder of thousands, it is what takes time
            folder = named if named in twins else next(iter(twins), named)
            with translate_os_errors(folder):
                refuse_links(folder)
            stored = None
            if self.redo is None or self.redo.is_done(stage.key):
                stored = self._stored[stage.key] = self._check(stage, twins)
                if self.is_done(stage):  # another process made it meanwhile
                    return Workspace(stage, folder, is_done=True)
            if self.redo is None and stored is None:
                self._set_aside(twins, folder)
                return Workspace(stage, folder, lock.pop_all())
            return self._begin_again(stage, stored, folder, lock)

    def _begin_again(
        self, stage: Stage, stored: StoredStage[Any] | None, folder: Path, lock: contextlib.ExitStack
    ) -> Workspace:
        """Prepare another place for a stage, whose result will take the place of the old one when it is whole.

        The records of the old result, if it has any, are kept, unless it is to be made again from the beginning.
        """
        redo = self.redo or Redo(self._context.store)
        place = redo.place(folder, stage.digest_parents(self._context.store))
        if self.redo is None and stored and not (place / RECORDS_FILE).exists():
            kept = stored.folder / RECORDS_FILE
            if kept.exists():  # statistics only count the errors of a cell, whose records are not theirs
                records.add_lines(place / RECORDS_FILE, read_regular(kept))
        return Workspace(stage, place, lock.pop_all(), redo)

    def share_rows(self, workspace: Workspace) -> SharedRows:
        """Open the rows of an attack; other processes may work on them, unless an older result is there.

        Raises:
            RobenchError: its files cannot be read or written.
        """
        stage, context = workspace.stage, self._context
        assert isinstance(stage, AttackingStage), "only attacks have rows"
        rows = stage.share_rows(workspace.place)
        if self.redo is None:
            adopt_records(context, stage, workspace.place)
        rows.open(lambda path: keep_good_records(context, stage, stage.examples(), path))
        if workspace.redo is None:
            workspace.is_shared = True
            workspace.lock.close()
        return rows

    def merge_rows(self, workspace: Workspace, rows: SharedRows) -> None:
        """Bring the records of all rows of an attack, whose lock is held, into one file.

        Raises:
            RobenchError: a file cannot be read or written.
        """
        stage, context = workspace.stage, replace(self._context, retry_errors=False)
        assert isinstance(stage, AttackingStage), "only attacks have rows"
        rows.merge(lambda path: keep_good_records(context, stage, stage.examples(), path))

    def lock_again(self, workspace: Workspace) -> bool:
        """Lock a shared stage again to finish it, unless another process has finished it; one that is locked stays so.

        Returns:
            Whether it is locked or finished; False if another process holds the lock.
        """
        if not workspace.is_shared:
            return True
        with contextlib.ExitStack() as lock:
            if not lock.enter_context(self._context.store.lock(workspace.stage.folder(self._context.store))):
                return False
            workspace.is_done = self.is_made(workspace)
            if not workspace.is_done:
                workspace.lock = lock.pop_all()
        return True

    def is_made(self, workspace: Workspace) -> bool:
        """Return whether another process has finished a stage that is shared with it."""
        stage = workspace.stage
        if not workspace.is_shared or not (stage.folder(self._context.store) / STAGE_FILE).exists():
            return False
        self._stored[stage.key] = self._check(stage, self._context.store.twins(stage.kind, stage.key))
        return self._stored[stage.key] is not None

    def end(self, workspace: Workspace) -> None:
        """Put a finished stage into its place, and release its lock."""
        store, stage = self._context.store, workspace.stage
        try:
            if workspace.redo is not None:
                workspace.redo.install(workspace.place, stage.folder(store))
            self._stored[stage.key] = store.read(stage.folder(store))
        finally:
            self.abandon(workspace)

    def abandon(self, workspace: Workspace) -> None:
        """Release a stage, finished or not; what was kept stays for the next run."""
        if workspace.redo is not None:
            workspace.redo.tidy(workspace.place)
        workspace.lock.close()

    def _check(self, stage: Stage, folders: Sequence[Path]) -> StoredStage[Any] | None:
        """Return the result among the folders of a stage's key; None if there is none that fits."""
        store = self._context.store
        sound: list[StoredStage[Any]] = []
        for folder in folders:
            try:
                stored = store.read(folder)
            except RobenchError as error:
                store.tell(str(error))
                continue
            if stored and (faults := stage.find_faults(stored)):
                store.tell(f"{folder}: {'; '.join(faults)}; {REMEDY}.")
            elif stored:
                sound.append(stored)
        return store.choose(sound)

    def _set_aside(self, twins: Sequence[Path], heir: Path) -> None:
        """Move finished folders that do not fit; their records stay in one of them, to be judged one by one."""
        for folder in twins:
            if (folder / STAGE_FILE).exists():
                place, _ = set_aside_but_records(folder, heir)
                self._context.reporter.warn(f"    {folder} is moved to {place}, and made again")
