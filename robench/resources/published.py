"""TextAttack's own resources: counter-fitted word vectors and the English Universal Sentence Encoder, as published.

They lie on servers that not every machine reaches. Each is looked for in the folder that the environment variable
``ROBENCH_PUBLISHED`` names, in robench's cache, and in the caches of TextAttack and TensorFlow Hub, in this order, and
downloaded where it is in none of them.

Their publishers pin nothing. So what is found is pinned here: the sha256 of its files is noted beside them when they
are first seen, is part of a cell's key, and is checked whenever they are loaded.
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

from robench.errors import RobenchError
from robench.paths import cache_dir, expand_user
from robench.resources import downloads, first_seen, packages, plain_pickle
from robench.resources.sentence_encoder import CachingEncoder, Embeddings

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
    """Folder that holds all five files of the word vectors; None where there is none."""
    textattack = Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")
    folders = [*_own(_VECTORS_FOLDER), textattack / "word_embeddings" / _VECTORS_FOLDER]
    return next((folder for folder in folders if all((folder / name).is_file() for name in _FILES)), None)


def find_published_encoder() -> Path | None:
    """Folder that holds the encoder as a TensorFlow "saved model"; None where there is none."""
    # TensorFlow Hub names a module's folder by the SHA-1 of its address.
    name = hashlib.sha1(ENCODER_URL.encode(), usedforsecurity=False).hexdigest()
    caches = [os.environ.get("TFHUB_CACHE_DIR"), os.environ.get("TA_CACHE_DIR"), _hub_cache()]
    caches.append(Path(tempfile.gettempdir()) / "tfhub_modules")
    folders = [*_own(_ENCODER_FOLDER), *(Path(cache) / name for cache in caches if cache)]
    return next((folder for folder in folders if (folder / _MODEL).is_file()), None)


def _own(name: str) -> list[Path]:
    named = os.environ.get("ROBENCH_PUBLISHED")
    return [*([expand_user(Path(named)) / name] if named else []), cache_dir() / "published" / name]


def _hub_cache() -> Path:
    return cache_dir() / "published" / "tfhub"


def _by_hand(url: str, megabytes: int, archive: str, name: str) -> str:
    return (
        f"Where there is a network, fetch that address ({archive} of about {megabytes} MB) and put what is in it into "
        f"{_own(name)[0]}. Or take the bundled stand-ins: --set ATTACK.resources=bundled."
    )


def prepare_published_vectors(*, offline: bool = False) -> Path:
    """Folder with the word vectors, downloaded on the first call (481 MB) with a bar on stderr.

    A download that is cut goes on where it stopped, in this call or in the next one.

    Raises:
        RobenchError: they are not here and cannot be fetched, or what the server sends is something else.
    """
    found = find_published_vectors()
    if found:
        return found
    by_hand = _by_hand(WORD_VECTORS_URL, WORD_VECTORS_MEGABYTES, "a zip archive", _VECTORS_FOLDER)
    if offline:
        raise RobenchError(
            f"TextAttack's word vectors are not on this machine, and --offline forbids fetching {WORD_VECTORS_URL}. "
            f"{by_hand}"
        )
    target = cache_dir() / "published" / _VECTORS_FOLDER
    with packages.building(target) as draft:
        if draft is not None:
            archive = target.with_name(f"{target.name}.zip.part")
            downloads.download_file(WORD_VECTORS_URL, archive, title="TextAttack's word vectors", otherwise=by_hand)
            _unpack(archive, draft)
            downloads.discard_download(archive)
    return target


def _unpack(archive: Path, draft: Path) -> None:
    try:
        if not zipfile.is_zipfile(archive):
            raise RobenchError("it is not a zip archive")
        packages.unpack(archive, tuple(f"{_VECTORS_FOLDER}/{name}" for name in _FILES), draft)
        for file in sorted((draft / _VECTORS_FOLDER).iterdir()):
            file.rename(draft / file.name)
        (draft / _VECTORS_FOLDER).rmdir()
        _vectors(draft)
    except (RobenchError, zipfile.BadZipFile) as error:
        downloads.discard_download(archive)
        raise RobenchError(
            f"{WORD_VECTORS_URL} does not send TextAttack's word vectors: {str(error).rstrip('.')}. What it sent was "
            "deleted: try again, and look at the address with a browser if that does not help."
        ) from error


def identify_published_vectors() -> dict[str, str]:
    """What the word vectors are: the sha256 of their files, or that they are not here yet."""
    folder = find_published_vectors()
    pin = first_seen.pin_files(folder, [folder / name for name in _FILES]) if folder else "not fetched yet"
    return {"word_vectors": f"textattack:paragramcf {pin}"}


def load_published_vectors(*, offline: bool = False) -> Any:
    """TextAttack's counter-fitted vectors as its ``WordEmbedding``, shared by the whole process.

    Raises:
        RobenchError: as :func:`prepare_published_vectors`; a file is damaged, or has changed since it was first seen.
    """
    from robench.resources.textattack import load_textattack

    folder = prepare_published_vectors(offline=offline)
    load_textattack(offline=offline)
    return _shared_word_vectors(folder)


@functools.cache
def _shared_word_vectors(folder: Path) -> Any:
    from textattack.shared import WordEmbedding

    first_seen.check_files(folder, [folder / name for name in _FILES])

    vectors, words, neighbours = _vectors(folder)
    made = WordEmbedding(vectors, words, {index: word for word, index in words.items()}, neighbours)
    made._mse_dist_mat, made._cos_sim_mat = (_pairs(folder / name, len(vectors)) for name in (_DISTANCES, _COSINES))
    return made


def _vectors(folder: Path) -> tuple[Any, dict[str, int], Any]:
    """Vectors (N, D), each word's row, and each row's nearest rows (N, K), itself first."""
    vectors, neighbours = _array(folder / _VECTORS, "f"), _array(folder / _NEIGHBOURS, "iu")
    words = plain_pickle.load_plain_pickle(folder / _WORDS)
    rows = len(vectors)
    whole = isinstance(words, dict) and all(isinstance(row, int | np.integer) for row in words.values())
    if not whole or sorted(words.values()) != list(range(rows)):
        raise RobenchError(f"{folder / _WORDS} does not give each of the {rows} rows of {_VECTORS} one word.")
    if len(neighbours) != rows or neighbours.min() < 0 or neighbours.max() >= rows:
        raise RobenchError(f"{folder / _NEIGHBOURS} does not list neighbours among the {rows} rows of {_VECTORS}.")
    return vectors, words, neighbours


def _array(file: Path, kinds: str) -> Any:
    try:
        array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise RobenchError(f"{file} cannot be read as a NumPy array: {error}") from error
    if array.ndim != 2 or not array.size or array.dtype.kind not in kinds:
        raise RobenchError(f"{file} holds {array.dtype} of shape {array.shape} instead of a table of numbers.")
    return array


def _pairs(file: Path, rows: int) -> defaultdict[int, dict[int, float]]:
    """A number for pairs of rows, by the lesser and then the greater."""
    pairs = plain_pickle.load_plain_pickle(file)
    if not isinstance(pairs, dict) or not all(
        isinstance(row, int | np.integer) and 0 <= row < rows and isinstance(others, dict)
        for row, others in pairs.items()
    ):
        raise RobenchError(f"{file} does not hold a dictionary of dictionaries for the {rows} rows of {_VECTORS}.")
    return defaultdict(dict, pairs)


def prepare_published_encoder(*, offline: bool = False) -> Path:
    """Folder with the encoder, brought by TensorFlow Hub on the first call (about 1 GB).

    Raises:
        RobenchError: TensorFlow Hub is not installed; the encoder is not here and cannot be fetched.
    """
    hub = _tensorflow_hub()
    found = find_published_encoder()
    if found:
        return found
    by_hand = _by_hand(ENCODER_URL, ENCODER_MEGABYTES, "a tar archive", _ENCODER_FOLDER)
    if offline:
        raise RobenchError(
            f"The Universal Sentence Encoder is not on this machine, and --offline forbids fetching {ENCODER_URL}. "
            f"{by_hand}"
        )
    # By default TensorFlow Hub writes to the temporary folder, which does not last.
    cache_before = os.environ.get("TFHUB_CACHE_DIR")
    os.environ["TFHUB_CACHE_DIR"] = cache_before or str(_hub_cache())
    try:
        return Path(hub.resolve(ENCODER_URL))
    except Exception as error:  # tensorflow_hub raises anything, from URLError to TensorFlow's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise RobenchError(
            f"The Universal Sentence Encoder cannot be fetched from {ENCODER_URL}: {reason}. {by_hand}"
        ) from error
    finally:
        if cache_before is None:
            del os.environ["TFHUB_CACHE_DIR"]


def identify_published_encoder() -> dict[str, str]:
    """What the encoder is: the sha256 of its files, or that it is not here yet."""
    folder = find_published_encoder()
    pin = first_seen.pin_files(folder, _model_files(folder)) if folder else "not fetched yet"
    return {"sentence_encoder": f"tfhub:google/universal-sentence-encoder/3 {pin}"}


def load_published_encoder(*, offline: bool = False) -> CachingEncoder:
    """The published encoder, shared by the whole process.

    Raises:
        RobenchError: as :func:`prepare_published_encoder`; it cannot be loaded, or has changed since it was first seen.
    """
    return _shared_sentence_encoder(prepare_published_encoder(offline=offline))


@functools.cache
def _shared_sentence_encoder(folder: Path) -> CachingEncoder:
    first_seen.check_files(folder, _model_files(folder))
    try:
        return _PublishedEncoder(_tensorflow_hub().load(str(folder)))
    except Exception as error:  # as above
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise RobenchError(f"TensorFlow cannot load the sentence encoder in {folder}: {reason}") from error


class _PublishedEncoder(CachingEncoder):
    """The model of TensorFlow Hub: texts in, a tensor or a dictionary with one out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def _embed(self, texts: list[str]) -> Sequence[Embeddings]:
        made = self._model(texts)
        rows = np.asarray((made["outputs"] if isinstance(made, dict) else made).numpy(), dtype=np.float32)
        return list(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _tensorflow_hub() -> Any:
    try:
        return importlib.import_module("tensorflow_hub")
    except ImportError as error:
        raise RobenchError(
            f"the published sentence encoder needs TensorFlow Hub ({error}): pip install 'robench[published]', or take "
            "the bundled stand-in: --set ATTACK.resources=bundled."
        ) from error


def _model_files(folder: Path) -> list[Path]:
    return [folder / _MODEL, *sorted(file for file in folder.glob("variables/*") if file.is_file())]
