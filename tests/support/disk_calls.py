"""What a program asks of the disk, in order, and what a power cut would leave of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Call(NamedTuple):
    """A sync, a move or the start of a new file or folder.

    Attributes:
        kind: ``sync``, ``move`` or ``make``.
        path: the file or folder; of a move, the new place.
        source: of a move, the old place.
    """

    kind: str
    path: Path
    source: Path | None = None


class DiskCalls:
    """Records the calls below a folder.

    A sync counts for the content that the file had then, as a file may grow afterwards.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self._root, self._sizes = root, dict[int, int]()
        self._patch_sync(patch)
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._move(getattr(os, name)))

    def _patch_sync(self, patch: pytest.MonkeyPatch) -> None:
        fsync = os.fsync

        def sync(handle: int) -> None:
            fsync(handle)
            path, state = Path(f"/proc/self/fd/{handle}").readlink(), os.fstat(handle)
            if self._root in path.parents or path == self._root:
                self._sizes[state.st_ino] = state.st_size
                self.calls.append(Call("sync", path))

        patch.setattr(os, "fsync", sync)

    def _move(self, move: Callable[..., None]) -> Callable[..., None]:
        def moved(source: Any, target: Any, **more: Any) -> None:
            move(source, target, **more)
            if self._root in Path(target).parents:
                self.calls.append(Call("move", Path(target), Path(source)))

        return moved

    def position(self, kind: str, path: Path, after: int = -1) -> int:
        """Where the first such call after a position stands."""
        found = [i for i, call in enumerate(self.calls) if i > after and call.kind == kind and call.path == path]
        assert found, f"no {kind} of {path} after call {after}:\n" + "\n".join(map(str, self.calls))
        return found[0]

    def lost_content(self, folder: Path) -> list[Path]:
        """The files of a folder whose content, or part of it, was never synced."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [path for path in files if self._sizes.get(path.stat().st_ino) != path.stat().st_size]
