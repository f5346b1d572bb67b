"""Results that are made again: ``RUNS/.redo`` has the new ones until they are whole, and what is done so far.

How it works: a new stage is made in ``RUNS/.redo/<parents>/<kind>/<folder>``, where ``<parents>`` is a hash of what it
is made from, so that unfinished work on other parents is never continued. The whole stage then takes the place of the
old one. ``RUNS/.redo/<request>.keys`` lists the keys that are done; the request is a hash of all stages that were asked
for. So the same command goes on where it was interrupted, and begins anew once it came to its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from robench.paths import (
    open_unlinked,
    read_regular,
    refuse_link,
    replace_folder,
    translate_os_errors,
    translate_read_errors,
)
from robench.results import locks
from robench.results.integrity import find_key
from robench.results.store import Store
from robench.syncing import make_folder, sync

REDO = ".redo"
_KEY = re.compile(rb"([0-9a-f]{16})\n")


class Redo:
    """Stages that one command makes again.

    Args:
        store: the runs folder.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._root = store, store.root / REDO
        self._requests: list[Path] = []
        self._done: set[str] = set()

    def begin(self, keys: Iterable[str]) -> None:
        """Begin to make stages again, or go on with it; nothing is written.

        Args:
            keys: keys of all stages that were asked for.
        """
        self._requests.append(self._root / f"{_hash(sorted(set(keys)))}.keys")
        self.refresh()

    def refresh(self) -> None:
        """Read which stages are done, also by another process with the same command."""
        request = self._requests[-1]
        refuse_link(request)
        with translate_read_errors(request):
            notes = read_regular(request) if request.is_file() else b""
        self._done |= {match[1].decode() for match in _KEY.finditer(notes)}

    def is_done(self, key: str) -> bool:
        """Return whether a stage was made again already."""
        return key in self._done

    def place(self, folder: Path, parents: Mapping[str, str]) -> Path:
        """Return the folder in which a stage is made, and delete what was made of it from other parents.

        Args:
            folder: the folder of the old result, whose lock is held.
            parents: digests of the stages that it is made from.

        Raises:
            RobenchError: a place is a symbolic link, or cannot be written.
        """
        place = self._root / _hash(dict(parents)) / folder.parent.name / folder.name
        key = find_key(folder.name)
        for part in (self._root, place.parent.parent, place.parent, place):
            refuse_link(part)
        for path in place.iterdir() if place.is_dir() else ():
            refuse_link(path)
        for other in self._root.glob(f"*/{folder.parent.name}/*-{key}"):
            if other != place and not any(part.is_symlink() for part in (other, other.parent, other.parent.parent)):
                self._store.remove(other)
                self.tidy(other)
        locks.delete_drafts(place.parent, key)
        return place

    def install(self, place: Path, folder: Path) -> None:
        """Put a whole stage into the place of the old one, and note in the request, if there is one, that it is done.

        Args:
            place: the folder from :meth:`place`.
            folder: the folder of the old result, whose lock is held.

        Raises:
            RobenchError: something cannot be written.
        """
        key = find_key(folder.name)
        with translate_os_errors(folder):
            replace_folder(place, folder)
            for twin in folder.parent.glob(f"[!.]*-{key}"):
                if twin != folder:
                    self._store.remove(twin)
            self._done.add(key)
            for request in self._requests[-1:]:
                make_folder(self._root)
                with open_unlinked(request, "ab") as file:
                    file.write(f"{key}\n".encode())
                sync(request)
                sync(self._root)

    def tidy(self, place: Path) -> None:
        """Delete the folders around a place from :meth:`place`, if nothing is left there."""
        _remove_empty(place.parent, place.parent.parent, self._root)

    def forget(self) -> None:
        """Begin anew: no stage is done."""
        self._done.clear()
        with translate_os_errors(self._root):
            self._requests[-1].unlink(missing_ok=True)

    def finish(self) -> None:
        """Delete the notes of all requests, which came to their end."""
        with translate_os_errors(self._root):
            for request in self._requests:
                request.unlink(missing_ok=True)
        _remove_empty(self._root)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _remove_empty(*folders: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
