"""TextAttack's own resources: counter-fitted word vectors and the English Universal Sentence Encoder, as published.

They are on servers that some machines cannot reach. Each is looked up in the folder that the environment variable
``ROBENCH_PUBLISHED`` names, then in robench's cache, then in the caches of TextAttack and TensorFlow Hub. If none of
them has it, it is downloaded.

The publishers pin nothing. So robench pins what it finds: the sha256 of the files is written beside them when they are
first seen, is part of a cell's key, and is checked whenever they are loaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robench.errors import RobenchError, UnavailableError
from robench.escaping import replace_surrogates
from robench.extras import format_install_command
from robench.paths import absolute_path, cache_dir
from robench.process import change_environment
from robench.resources import downloads, first_seen, plain_pickle
from robench.resources.archives import unpack_members
from robench.resources.build_lock import build_once
from robench.resources.caching_encoder import CachingEncoder, Embeddings

WORD_VECTORS_URL = "https://textattack.s3.amazonaws.com/word_embeddings/paragramcf"
WORD_VECTORS_MEGABYTES = 481
ENCODER_URL = "https://tfhub.dev/google/universal-sentence-encoder/3"
ENCODER_MEGABYTES = 1000

_VECTORS, _WORDS, _NEIGHBOURS = "paragram.npy", "wordlist.pickle", "nn.npy"
_DISTANCES, _COSINES = "mse_dist.p", "cos_sim.p"
_FILES = (_VECTORS, _WORDS, _NEIGHBOURS, _DISTANCES, _COSINES)
_VECTORS_FOLDER, _ENCODER_FOLDER = "paragramcf", "universal-sentence-encoder"
_MODEL = "saved_model.pb"


def find_published_vectors() -> Path | None:
    """Find a folder that has all five files of the word vectors; None if there is none."""
    textattack = Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")
    folders = [*_own_folders(_VECTORS_FOLDER), textattack / "word_embeddings" / _VECTORS_FOLDER]
    return next((folder for folder in folders if all((folder / name).is_file() for name in _FILES)), None)


def find_published_encoder() -> Path | None:
    """Find a folder that has the encoder as a TensorFlow "saved model"; None if there is none."""
    # TensorFlow Hub names a module's folder after the SHA-1 of its address.
    name = hashlib.sha1(ENCODER_URL.encode(), usedforsecurity=False).hexdigest()
    caches = [os.environ.get("TFHUB_CACHE_DIR"), os.environ.get("TA_CACHE_DIR"), _tfhub_cache()]
    caches.append(Path(tempfile.gettempdir()) / "tfhub_modules")
    folders = [*_own_folders(_ENCODER_FOLDER), *(Path(cache) / name for cache in caches if cache)]
    return next((folder for folder in folders if (folder / _MODEL).is_file()), None)


def _own_folders(name: str) -> list[Path]:
    named = os.environ.get("ROBENCH_PUBLISHED")
    return [*([absolute_path(Path(named)) / name] if named else []), cache_dir() / "published" / name]


def _tfhub_cache() -> Path:
    return cache_dir() / "published" / "tfhub"


def _explain_manual_fetch(url: str, megabytes: int, archive: str, name: str) -> str:
    return (
        f"On a machine with a network, fetch that address ({archive} of about {megabytes} MB) and put its contents "
        f"into {_own_folders(name)[0]}. Or use the bundled stand-ins: --set ATTACK.resources=bundled."
    )


def prepare_published_vectors(*, offline: bool = False) -> Path:
    """Return the folder of the word vectors, downloaded on the first call (481 MB) with a bar on stderr.

    An interrupted download is resumed, in this call or in the next one.

    Raises:
        UnavailableError: the vectors are not here and cannot be fetched.
        RobenchError: the server sends something else.
    """
    folder = find_published_vectors()
    if folder:
        return folder
    advice = _explain_manual_fetch(WORD_VECTORS_URL, WORD_VECTORS_MEGABYTES, "a zip archive", _VECTORS_FOLDER)
    if offline:
        raise UnavailableError(
            f"TextAttack's word vectors are not on this machine, and --offline forbids fetching {WORD_VECTORS_URL}. "
            f"{advice}"
        )
    target = cache_dir() / "published" / _VECTORS_FOLDER
    with build_once(target) as draft:
        if draft is not None:
            archive = target.with_name(f"{target.name}.zip.part")
            downloads.download_file(WORD_VECTORS_URL, archive, title="TextAttack's word vectors", advice=advice)
            _unpack(archive, draft)
            downloads.discard_download(archive)
    return target


def _unpack(archive: Path, draft: Path) -> None:
    try:
        if not zipfile.is_zipfile(archive):
            raise RobenchError("it is not a zip archive")
        unpack_members(archive, tuple(f"{_VECTORS_FOLDER}/{name}" for name in _FILES), draft)
        for file in sorted((draft / _VECTORS_FOLDER).iterdir()):
            file.rename(draft / file.name)
        (draft / _VECTORS_FOLDER).rmdir()
        _read_vectors(draft)  # to check them
    except (RobenchError, zipfile.BadZipFile) as error:
        downloads.discard_download(archive)
        raise RobenchError(
            f"{WORD_VECTORS_URL} does not send TextAttack's word vectors: {str(error).rstrip('.')}. The download was "
            "deleted: try again, and if that does not help, open the address in a browser."
        ) from error


def identify_published_vectors() -> dict[str, str]:
    """Return the sha256 of the word vectors' files, or a note that they are not fetched yet."""
    folder = find_published_vectors()
    pin = first_seen.pin_files(folder, [folder / name for name in _FILES]) if folder else "not fetched yet"
    return {"word_vectors": f"textattack:paragramcf {pin}"}


def load_published_vectors(*, offline: bool = False) -> Any:
    """Return TextAttack's counter-fitted vectors as its ``WordEmbedding``, which is loaded once a process.

    Raises:
        RobenchError: as :func:`prepare_published_vectors`; or a file is damaged, or has changed since it was first
            seen.
    """
    from robench.resources.textattack import load_textattack

    folder = prepare_published_vectors(offline=offline)
    load_textattack(offline=offline)
    return _load_vectors_once(folder, first_seen.pin_files(folder, [folder / name for name in _FILES]))


@functools.cache
def _load_vectors_once(folder: Path, pin: str) -> Any:
    """Load the vectors of that pin; a user can accept other files as a different resource."""
    from textattack.shared import WordEmbedding

    first_seen.check_files(folder, [folder / name for name in _FILES])
    vectors, words, neighbours = _read_vectors(folder)
    embedding = WordEmbedding(vectors, words, {index: word for word, index in words.items()}, neighbours)
    embedding._mse_dist_mat = _read_pairs(folder / _DISTANCES, len(vectors))
    embedding._cos_sim_mat = _read_pairs(folder / _COSINES, len(vectors))
    return embedding


def _read_vectors(folder: Path) -> tuple[Any, dict[str, int], Any]:
    """Read the vectors (N, D), the row of each word, and the nearest rows (N, K) of each row, itself first."""
    vectors, neighbours = _read_array(folder / _VECTORS, "f"), _read_array(folder / _NEIGHBOURS, "iu")
    words = plain_pickle.load_plain_pickle(folder / _WORDS)
    rows = len(vectors)
    valid = isinstance(words, dict) and all(isinstance(row, int | np.integer) for row in words.values())
    if not valid or sorted(words.values()) != list(range(rows)):
        raise RobenchError(f"{folder / _WORDS} does not give each of the {rows} rows of {_VECTORS} one word.")
    if len(neighbours) != rows or neighbours.min() < 0 or neighbours.max() >= rows:
        raise RobenchError(f"{folder / _NEIGHBOURS} does not list neighbours among the {rows} rows of {_VECTORS}.")
    return vectors, words, neighbours


def _read_array(file: Path, kinds: str) -> Any:
    try:
        array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise RobenchError(f"{file} cannot be read as a NumPy array: {error}") from error
    if array.ndim != 2 or not array.size or array.dtype.kind not in kinds:
        raise RobenchError(f"{file} holds {array.dtype} of shape {array.shape} instead of a table of numbers.")
    return array


def _read_pairs(file: Path, rows: int) -> defaultdict[int, dict[int, float]]:
    """Read a number for each pair of rows, looked up by the smaller row and then by the larger one."""
    pairs = plain_pickle.load_plain_pickle(file)
    if not isinstance(pairs, dict) or not all(
        isinstance(row, int | np.integer) and 0 <= row < rows and isinstance(others, dict)
        for row, others in pairs.items()
    ):
        raise RobenchError(f"{file} does not hold a dictionary of dictionaries for the {rows} rows of {_VECTORS}.")
    return defaultdict(dict, pairs)


def prepare_published_encoder(*, offline: bool = False) -> Path:
    """Return the folder of the encoder, which TensorFlow Hub downloads on the first call (about 1 GB).

    Raises:
        UnavailableError: the encoder is not here and cannot be fetched.
        RobenchError: TensorFlow Hub is not installed.
    """
    hub = _import_tensorflow_hub()
    folder = find_published_encoder()
    if folder:
        return folder
    advice = _explain_manual_fetch(ENCODER_URL, ENCODER_MEGABYTES, "a tar archive", _ENCODER_FOLDER)
    if offline:
        raise UnavailableError(
            f"The Universal Sentence Encoder is not on this machine, and --offline forbids fetching {ENCODER_URL}. "
            f"{advice}"
        )
    # By default TensorFlow Hub writes to the temporary folder, which is not permanent.
    cache = os.environ.get("TFHUB_CACHE_DIR") or str(_tfhub_cache())
    try:
        with change_environment({"TFHUB_CACHE_DIR": cache}):
            return Path(hub.resolve(ENCODER_URL))
    except Exception as error:  # tensorflow_hub raises many types, from URLError to TensorFlow's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise UnavailableError(
            f"The Universal Sentence Encoder cannot be fetched from {ENCODER_URL}: {reason}. {advice}"
        ) from error


def identify_published_encoder() -> dict[str, str]:
    """Return the sha256 of the encoder's files, or a note that they are not fetched yet."""
    folder = find_published_encoder()
    pin = first_seen.pin_files(folder, _model_files(folder)) if folder else "not fetched yet"
    return {"sentence_encoder": f"tfhub:google/universal-sentence-encoder/3 {pin}"}


def load_published_encoder(*, offline: bool = False) -> CachingEncoder:
    """Return the published encoder, which is loaded once a process.

    Raises:
        RobenchError: as :func:`prepare_published_encoder`; or the encoder cannot be loaded, or has changed since it was
            first seen.
    """
    folder = prepare_published_encoder(offline=offline)
    return _load_encoder_once(folder, first_seen.pin_files(folder, _model_files(folder)))


@functools.cache
def _load_encoder_once(folder: Path, pin: str) -> CachingEncoder:
    """Load the encoder of that pin; a user can accept other files as a different resource."""
    first_seen.check_files(folder, _model_files(folder))
    try:
        return _PublishedEncoder(_import_tensorflow_hub().load(str(folder)))
    except Exception as error:  # TensorFlow raises exceptions of many types
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise RobenchError(f"TensorFlow cannot load the sentence encoder in {folder}: {reason}") from error


class _PublishedEncoder(CachingEncoder):
    """The TensorFlow Hub model, which takes texts and returns a tensor or a dictionary with one."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def _embed(self, texts: list[str]) -> Sequence[Embeddings]:
        outputs = self._model(list(map(replace_surrogates, texts)))
        rows = np.asarray((outputs["outputs"] if isinstance(outputs, dict) else outputs).numpy(), dtype=np.float32)
        return list(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _import_tensorflow_hub() -> Any:
    try:
        return importlib.import_module("tensorflow_hub")
    except ImportError as error:
        raise RobenchError(
            f"the published sentence encoder needs TensorFlow Hub ({error}): {format_install_command('published')}, or"
            " use the bundled stand-in: --set ATTACK.resources=bundled."
        ) from error


def _model_files(folder: Path) -> list[Path]:
    return [folder / _MODEL, *sorted(file for file in folder.glob("variables/*") if file.is_file())]
