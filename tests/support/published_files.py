"""TextAttack's word vectors in small, and a server that sends them."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from support.http_server import LocalServer, QuietHandler

WORDS, SIZE = 300, 64


def write_vectors(folder: Path, rows: int = WORDS) -> Path:
    """A few word vectors in files like TextAttack's: the word of row n is "word<n>"."""
    folder.mkdir(parents=True)
    vectors = np.random.default_rng(7).normal(size=(rows, SIZE)).astype(np.float32)
    distances = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    neighbours = distances.argsort(axis=1, kind="stable")[:, :101]
    np.save(folder / "paragram.npy", vectors)
    np.save(folder / "nn.npy", neighbours)
    words = {f"word{n}": n for n in range(rows)}
    squares: dict[int, dict[int, Any]] = {}
    cosines: dict[int, dict[int, Any]] = defaultdict(dict)
    for row, others in enumerate(neighbours[:, 1:11].tolist()):
        for other in others:
            first, second = sorted((row, other))
            squares.setdefault(first, {})[second] = float(distances[row, other])
            lengths = np.linalg.norm(vectors[row]) * np.linalg.norm(vectors[other])
            cosines[first][second] = np.float32(vectors[row] @ vectors[other] / lengths)
    for name, content in (("wordlist.pickle", words), ("mse_dist.p", squares), ("cos_sim.p", cosines)):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def zipped(folder: Path, left_out: str = "") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("paragramcf/", "")
        for file in sorted(folder.iterdir()):
            if file.name != left_out:
                archive.write(file, f"paragramcf/{file.name}")
    return stream.getvalue()


class Server(LocalServer):
    """Serves one file; sends a part where ``ranges``, and cuts the first connections off after so many bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(Handler)
        self.content, self.version = content, '"1"'
        self.ranges, self.status = True, 200
        self.cuts: list[int] = []
        self.starts: list[int] = []
        self.url += "/word_embeddings/paragramcf"


class Handler(QuietHandler):
    server: Server

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        if server.status != 200:
            return self.send_error(server.status)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        partial = asked and server.ranges and self.headers.get("If-Range") == server.version
        start = int(asked[1]) if asked and partial else 0
        server.starts.append(start)
        if start >= len(content):
            return self.answer(416, headers={"Content-Range": f"bytes */{len(content)}"})
        headers = {"ETag": server.version, "Content-Length": str(len(content) - start)}
        if partial:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:][: server.cuts.pop(0) if server.cuts else None]
        self.answer(206 if partial else 200, body, headers)
